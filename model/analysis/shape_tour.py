"""The shape tour: every operation of a forward pass with the shape its result really had.

Nothing is computed from the configuration here except the symbols' values: shapes, dtypes and
numbers are read from the tensors that transformers' own GPT-2 makes on this prompt. One block is
opened: a twin of it that shares its weights and runs transformers' unfused ("eager") attention
on the trace's own residual stream, because the fused attention never holds the (B,H,T,T)
scores. Letters as in the literature: D is the model width (C in our code), d_h a head's width.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from transformers import GPT2Config, GPT2LMHeadModel
from transformers.models.gpt2.modeling_gpt2 import GPT2Block, GPT2Model

from model.run.checkpoint import Checkpoint
from model.run.trace import Trace


@dataclass(frozen=True)
class Operation:
    """One operation of the tour and the tensor it makes.

    key: its name in code and tests; stage: "embed", "attention", "mlp" or "head"; symbols: the
    shape by letters; event: the torch functions called since the operation before; the last one
    makes the tensor ("" = the same call again); taken: which of its results, or "input": the
    tensor that goes into it.
    """

    key: str
    stage: str
    title: str
    formula: str
    symbols: tuple[str, ...]
    event: str
    meaning: str
    taken: int | str = 0


@dataclass(frozen=True)
class Observed:
    """An operation and the tensor seen: shape, dtype, bytes, smallest and largest value."""

    operation: Operation
    shape: tuple[int, ...]
    dtype: str
    n_bytes: int
    minimum: float
    maximum: float


@dataclass(frozen=True)
class Tour:
    """The tour of one prompt with block `layer` opened.

    dims: value of each letter for this model and prompt; scaling: the factor on q kᵀ;
    activation: the MLP's, by transformers' name; output (T,C): the opened block's result,
    equal to the trace's residual stream after it; next_logits (V,)
    equal the trace's.
    """

    layer: int
    n_layer: int
    dims: dict[str, int]
    scaling: float
    activation: str
    steps: tuple[Observed, ...]
    output: torch.Tensor
    next_logits: torch.Tensor


X = ("B", "T", "D")
HEADS = ("B", "H", "T", "d_h")
SCORES = ("B", "H", "T", "T")

OPERATIONS = (
    Operation("wte", "embed", "token embedding", "E = wte[ids]", X, "embedding",
              "a row of the table for each token"),
    Operation("wpe", "embed", "position embedding", "P = wpe[0 … T−1]", ("1", "T", "D"),
              "embedding", "a row of the position table for each place"),
    Operation("stream", "embed", "residual stream", "x = E + P", X, "add",
              "what all blocks read from and add to"),
    Operation("ln_1", "attention", "ln_1", "x̂ = (x − μ) / σ · γ + β", X, "layer_norm",
              "each token's vector, normalised"),
    Operation("c_attn", "attention", "c_attn", "x̂ W + b", ("B", "T", "3D"), "addmm view",
              "queries, keys and values in one product"),
    Operation("q_split", "attention", "query", "columns 0 … D−1", X, "split",
              "the first third"),
    Operation("k_split", "attention", "key", "columns D … 2D−1", X, "",
              "the second third", 1),
    Operation("v_split", "attention", "value", "columns 2D … 3D−1", X, "",
              "the last third", 2),
    Operation("k", "attention", "k by head", "split D into H × d_h", HEADS, "transpose",
              "what queries are compared with, per head"),
    Operation("v", "attention", "v by head", "split D into H × d_h", HEADS, "transpose",
              "what is read from each token, per head"),
    Operation("q", "attention", "q by head", "split D into H × d_h", HEADS, "transpose",
              "what each token looks for, per head"),
    Operation("k_turned", "attention", "k turned", "kᵀ", ("B", "H", "d_h", "T"), "transpose",
              "rows and columns swapped, ready for the product"),
    Operation("scores", "attention", "scores", "q kᵀ", SCORES, "matmul",
              "the product of every query with every key"),
    Operation("scaled", "attention", "scaled scores", "÷ √d_h", SCORES, "mul",
              "scores keep the same size for any d_h"),
    Operation("masked", "attention", "masked scores", "+ mask", SCORES, "add",
              "the future gets the lowest number: no token reads a later one"),
    Operation("weights", "attention", "attention weights", "softmax over keys", SCORES,
              "softmax", "each row sums to 1"),
    Operation("mixed", "attention", "mixed values", "weights · v", HEADS, "matmul",
              "each head's sum of values"),
    Operation("joined", "attention", "heads joined", "H × d_h back to D", X, "reshape",
              "the heads side by side"),
    Operation("c_proj", "attention", "c_proj", "· W + b", X, "addmm view",
              "the heads mixed: what attention adds"),
    Operation("mid", "attention", "residual stream", "x ← x + attention", X, "add",
              "added, nothing overwritten"),
    Operation("ln_2", "mlp", "ln_2", "x̂ = (x − μ) / σ · γ + β", X, "layer_norm",
              "normalised again"),
    Operation("c_fc", "mlp", "c_fc", "x̂ W + b", ("B", "T", "F"), "addmm view",
              "widened to F neurons for each token"),
    Operation("act", "mlp", "activation", "GELU", ("B", "T", "F"), "view",
              "each neuron's activation, token by token", "input"),
    Operation("mlp_proj", "mlp", "mlp.c_proj", "· W + b", X, "addmm view",
              "back to D numbers: what the MLP adds"),
    Operation("after", "mlp", "residual stream", "x ← x + MLP", X, "add",
              "what the next block reads"),
    Operation("ln_f", "head", "ln_f", "x̂ = (x − μ) / σ · γ + β", X, "layer_norm",
              "after the last block"),
    Operation("lm_head", "head", "lm_head", "x̂ · wteᵀ", ("B", "T", "V"), "linear",
              "a score for each token of the vocabulary"),
    Operation("next", "head", "next token", "softmax of the last row", ("B", "V"),
              "softmax", "the probability of each next token"),
)


@torch.inference_mode()
def tour(checkpoint: Checkpoint, trace: Trace, layer: int) -> Tour:
    """Run the embedding, block `layer` and the head on a trace's prompt, and watch every step.

    Raises ValueError for a layer the model does not have, and RuntimeError if this version of
    transformers runs other operations than the tour expects.
    """
    model = checkpoint.model
    if not 0 <= layer < trace.n_layers:
        raise ValueError(f"There is no layer {layer}. Choose a layer 0 to {trace.n_layers - 1}.")
    ids = torch.tensor(trace.ids, device=model.device)[None]  # (1,T)
    block = twin(model, layer)
    before, last = trace.layer_stream(2 * layer)[None], trace.layer_stream(-1)[None]
    watch = _Watch(OPERATIONS)
    with watch:
        _embed(model.transformer, ids)
        after = block(before, attention_mask=_causal_mask(before))
        logits = model.lm_head(model.transformer.ln_f(last))
        torch.softmax(logits[:, -1], dim=-1)
    return Tour(
        layer,
        trace.n_layers,
        _dims(model.config, ids),
        block.attn.scaling,
        model.config.activation_function,
        watch.observed(),
        after[0],
        logits[0, -1].clone(),
    )


def evaluate(symbols: tuple[str, ...], dims: dict[str, int]) -> tuple[int, ...]:
    """("B", "T", "3D") with the letters' values -> the numbers."""
    return tuple(_evaluate(symbol, dims) for symbol in symbols)


def twin(model: GPT2LMHeadModel, layer: int) -> GPT2Block:
    """A block that shares its weights with the model's, with unfused attention and no hooks."""
    config = copy.deepcopy(model.config)
    config._attn_implementation = "eager"
    config.reorder_and_upcast_attn = False  # same formula, other order of operations
    with torch.device("meta"):
        block = GPT2Block(config, layer_idx=layer).eval()
    block.load_state_dict(model.transformer.h[layer].state_dict(), assign=True)
    return block


class _Watch(TorchFunctionMode):
    """Records each torch function of this thread while open; keeps facts, never tensors."""

    def __init__(self, operations: tuple[Operation, ...]) -> None:
        super().__init__()
        self._operations = list(operations)
        self._events = operations[0].event.split()
        self._seen: list[Observed] = []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        results = func(*args, **(kwargs or {}))
        if self._events and getattr(func, "__name__", "") == self._events[0]:
            self._events.pop(0)
            while self._operations and not self._events:
                self._seen.append(_observe(self._operations.pop(0), args, results))
                self._events = self._operations[0].event.split() if self._operations else []
        return results

    def observed(self) -> tuple[Observed, ...]:
        """What the pass ran, in order. RuntimeError if an operation of the tour did not run."""
        if self._operations:
            raise RuntimeError(
                f"The forward pass ran no {self._events[0]} for {self._operations[0].title}: this "
                "version of transformers is not the one in requirements.txt. Install that one."
            )
        return tuple(self._seen)


def _observe(operation: Operation, args: tuple[Any, ...], results: Any) -> Observed:
    if isinstance(operation.taken, str):  # "input"
        tensor = args[0]
    else:
        tensor = results[operation.taken] if isinstance(results, (tuple, list)) else results
    low, high = tensor.aminmax()
    n_bytes = tensor.numel() * tensor.element_size()
    dtype = str(tensor.dtype).removeprefix("torch.")
    return Observed(operation, tuple(tensor.shape), dtype, n_bytes, float(low), float(high))


def _embed(transformer: GPT2Model, ids: torch.Tensor) -> torch.Tensor:
    """What GPT2Model.forward does before its first block: (B,T) -> (B,T,C)."""
    tokens = transformer.wte(ids)
    places = transformer.wpe(torch.arange(ids.shape[1], device=ids.device)[None])
    return torch.add(tokens, places)


def _causal_mask(stream: torch.Tensor) -> torch.Tensor:
    """(B,T,C) -> (1,1,T,T): 0 where a token may read, the lowest number where it may not."""
    T, lowest = stream.shape[1], torch.finfo(stream.dtype).min
    return torch.full((1, 1, T, T), lowest, dtype=stream.dtype, device=stream.device).triu(1)


def _dims(config: GPT2Config, ids: torch.Tensor) -> dict[str, int]:
    D, H = config.n_embd, config.n_head
    F = config.n_inner if config.n_inner is not None else 4 * D
    (B, T), V = ids.shape, config.vocab_size
    return {"B": B, "T": T, "D": D, "H": H, "d_h": D // H, "F": F, "V": V}


def _evaluate(symbol: str, dims: dict[str, int]) -> int:
    if symbol in dims:
        return dims[symbol]
    if symbol.isdigit():
        return int(symbol)
    return int(symbol[0]) * dims[symbol[1:]]  # "3D"
