"""The MLP of a layer at one token: its neurons, what they write and which tokens that promotes.

GPT-2's MLP: pre = ln_2(x) W_in + b_in, post = GELU(pre), written = post W_out + b_out. A neuron is
one column of W_in and one row of W_out. F neurons, C model width, V vocabulary.
"""

from dataclasses import dataclass

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase
from transformers.models.gpt2.modeling_gpt2 import GPT2MLP

from model.analysis.attention import check_token
from model.analysis.residual import check_finite, exit_at
from model.grafts.blocks import blocks
from model.run import sampling, tokens
from model.run.checkpoint import Checkpoint
from model.run.tokens import Ids
from model.run.trace import Trace

FORMULAS = {
    "gelu_new": "½x (1 + tanh(√(2/π) (x + 0.044715 x³)))",
    "gelu": "½x (1 + erf(x / √2))",
    "relu": "max(0, x)",
    "silu": "x / (1 + e⁻ˣ)",
}


@dataclass(frozen=True, eq=False)
class Activations:
    """All F neurons of a layer at one token.

    pre, post (F,) float32: before and after the activation function; written (F,): length of what
    each neuron adds to the stream, |post| × ‖its row of W_out‖; curve_x, curve_y (n,): the
    activation function itself over the range of pre; name, formula: which function it is.
    error: largest difference between post W_out + b_out and what the MLP added to the stream.
    """

    pre: np.ndarray
    post: np.ndarray
    written: np.ndarray
    curve_x: np.ndarray
    curve_y: np.ndarray
    name: str
    formula: str
    error: float


@torch.inference_mode()
def activations(checkpoint: Checkpoint, trace: Trace, layer: int, position: int) -> Activations:
    """Run ln_2, W_in and the activation function of a layer on one token of a trace."""
    mlp, pre, post = _run(checkpoint, trace, layer, position)
    written = post.float().abs() * mlp.c_proj.weight.float().norm(dim=-1)
    added = trace.mlp_added(layer)[position]
    error = (mlp.c_proj(post) - added).abs().max()
    x = torch.linspace(min(-4.0, float(pre.min())), max(4.0, float(pre.max())), 401)
    y = mlp.act(x.to(pre)).float()
    name = checkpoint.model.config.activation_function
    a_pre, a_post, a_written, a_x, a_y = (
        part.float().cpu().numpy() for part in (pre, post, written, x, y)
    )
    formula = FORMULAS.get(name, name)
    return Activations(a_pre, a_post, a_written, a_x, a_y, name, formula, float(error))


@dataclass(frozen=True, eq=False)
class Neuron:
    """What one neuron does directly to the logits at one token.

    promotes, suppresses: (display string, Δ logit) of the tokens it raises and lowers most.
    Δ logit = post × its row of W_out through γ / σ of ln_f (σ frozen at this token's value) and the
    unembedding, minus the mean over the vocabulary, because softmax ignores what is shared by all.
    toward: cosine of what it writes with the stream it is added to.
    """

    index: int
    pre: float
    post: float
    written: float
    toward: float
    promotes: list[tuple[str, float]]
    suppresses: list[tuple[str, float]]


@torch.inference_mode()
def describe(
    checkpoint: Checkpoint, trace: Trace, layer: int, position: int, indices: Ids, k: int = 5
) -> list[Neuron]:
    """The neurons of a layer by index, each with the k tokens it raises and lowers most.

    Raises ValueError for a neuron that does not exist.
    """
    mlp, pre, post = _run(checkpoint, trace, layer, position)
    indices = np.atleast_1d(np.asarray(indices, dtype=np.int64))
    if len(indices) and not 0 <= indices.min() <= indices.max() < len(pre):
        raise ValueError(
            f"Neurons out of range: {indices.tolist()}. Layer {layer} has neurons 0 to "
            f"{len(pre) - 1}; choose among these."
        )
    at = torch.as_tensor(indices, device=pre.device)
    writes = post[at].double()[:, None] * mlp.c_proj.weight[at].double()  # (n,C)
    effects = logit_effects(checkpoint, trace, position, writes)
    before = trace.layer_stream(2 * layer + 1)[position].double()
    toward = torch.cosine_similarity(writes, before[None], dim=-1)
    facts = zip(indices, pre[at], post[at], writes.norm(dim=-1), toward, strict=True)
    return [
        Neuron(
            int(i), float(pre), float(post), float(length), float(cosine),
            *_extremes(checkpoint.tokenizer, effect, k),
        )
        for (i, pre, post, length, cosine), effect in zip(facts, effects)
    ]


@torch.inference_mode()
def logit_effects(
    checkpoint: Checkpoint, trace: Trace, position: int, writes: torch.Tensor
) -> torch.Tensor:
    """writes (n,C) float64, parts of the stream of one token -> what each adds to every logit
    directly, (n,V) float32, relative to the mean over the vocabulary."""
    model = checkpoint.model
    seen = exit_at(model, trace.layer_stream(-1)[position].double()).project(writes)
    effects = seen.float() @ model.lm_head.weight.float().T
    sampling.check_finite(effects, "the effects on the logits")
    return effects - effects.mean(-1, keepdim=True)


def _run(
    checkpoint: Checkpoint, trace: Trace, layer: int, position: int
) -> tuple[GPT2MLP, torch.Tensor, torch.Tensor]:
    """-> the MLP module, pre (F,), post (F,) in the model's number format."""
    check_token(trace, position)
    block = blocks(checkpoint.model)[layer]
    row = trace.layer_stream(2 * layer + 1)[position]
    check_finite(row, 2 * layer + 1)
    pre = block.mlp.c_fc(block.ln_2(row[None]))[0]
    return block.mlp, pre, block.mlp.act(pre)


def _extremes(
    tokenizer: PreTrainedTokenizerBase, effect: torch.Tensor, k: int
) -> tuple[list[tuple[str, float]], list[tuple[str, float]]]:
    k = min(k, len(effect))
    most, least = (
        list(zip(tokens.display(tokenizer, top.indices.tolist()), top.values.tolist()))
        for top in (effect.topk(k), effect.topk(k, largest=False))
    )
    return most, least
