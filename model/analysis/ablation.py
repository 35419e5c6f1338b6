"""Ablation: the same prompt with parts of the model switched off, beside the original.

A part that is off writes zero, or its mean over this prompt's positions in the untouched run, at
every position. Nothing is changed on the model: each run carries a patch. L layers, T tokens,
H heads, D head width, C model width, V vocabulary.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from transformers import GPT2LMHeadModel

from model.analysis.attention import check_token, weights
from model.run import sampling, tokens, turn
from model.run.checkpoint import Checkpoint
from model.run.patch import Patch
from model.run.trace import Trace, final_logits

FILLS = ("zero", "mean")


@dataclass(frozen=True)
class Off:
    """What is switched off: heads as (layer, head), MLPs and whole layers by layer.

    A head that is off leaves the layer's output bias; a whole layer adds nothing at all (or its
    mean): attention, MLP and all biases. fill: "zero" or "mean".
    """

    heads: frozenset[tuple[int, int]] = frozenset()
    mlps: frozenset[int] = frozenset()
    layers: frozenset[int] = frozenset()
    fill: str = "zero"

    def __len__(self) -> int:
        return len(self.heads) + len(self.mlps) + len(self.layers)


@torch.inference_mode()
def logits(checkpoint: Checkpoint, trace: Trace, off: Off, position: int) -> torch.Tensor:
    """The logits after `position` with these parts off, (V,).

    Runs the tokens up to `position` again; with nothing off, the result is the untouched model's,
    bit for bit. Raises ValueError for parts that the model does not have.
    """
    check_token(trace, position)
    return _run(checkpoint.model, trace, make_patch(checkpoint, trace, off), position, 1)[0]


@torch.inference_mode()
def make_patch(checkpoint: Checkpoint, trace: Trace, off: Off) -> Patch:
    """The patch of a run in which these parts are off; their means come from the trace."""
    _check(trace, off)
    device = trace.next_logits.device
    heads = {}
    for layer in sorted({layer for layer, _ in off.heads}):
        values = _head_fill(checkpoint, trace, layer, off)
        chosen = [(layer, h) in off.heads for h in range(len(values))]
        heads[layer] = (torch.tensor(chosen, device=device)[:, None], values)
    whole = torch.ones(1, dtype=torch.bool, device=device)
    mlps = {i: (whole, _fill(trace.mlp_added(i), off)) for i in off.mlps}
    blocks = {i: (whole, _fill(_layer_added(trace, i), off)) for i in off.layers}
    return Patch(heads, mlps, blocks)


@dataclass(frozen=True, eq=False)
class AblationChange:
    """A next-token distribution before and after, over the whole vocabulary.

    ids (k,): the tokens that are among the most probable before or after, or whose probability
    changed most; texts: k display strings; probability_before, _after, logit_before, _after (k,)
    float64; kl_nats: KL(before ‖ after) over all V; n_vocab: V; the top token before and after.
    """

    ids: np.ndarray
    texts: list[str]
    probability_before: np.ndarray
    probability_after: np.ndarray
    logit_before: np.ndarray
    logit_after: np.ndarray
    kl_nats: float
    top_before: str
    top_after: str


@torch.inference_mode()
def compare(
    checkpoint: Checkpoint, before: torch.Tensor, after: torch.Tensor, k: int = 12
) -> AblationChange:
    """Two logit vectors (V,) -> their distributions side by side; raises ValueError for logits
    that are not finite."""
    for name, x in (("original", before), ("ablated", after)):
        if not torch.isfinite(x).all():
            raise ValueError(
                f"The logits are not finite: the {name} run gave NaN or infinity. The model's "
                "weights are damaged or its number format overflows: choose float32."
            )
    p, q = (x.double().log_softmax(-1) for x in (before, after))
    ids = _worth_showing(p.exp(), q.exp(), k)
    texts = tokens.display(checkpoint.tokenizer, ids.tolist())
    tops = tokens.display(checkpoint.tokenizer, [int(p.argmax()), int(q.argmax())])
    was, now, logit_was, logit_now = (
        x[ids].double().cpu().numpy() for x in (p.exp(), q.exp(), before, after)
    )
    return AblationChange(ids.cpu().numpy(), texts, was, now, logit_was, logit_now,
                                  kl_nats=kl(p, q), top_before=tops[0], top_after=tops[1])


def kl(log_p: torch.Tensor, log_q: torch.Tensor) -> float:
    """KL(p ‖ q) in nats of two log-distributions (V,), never below 0."""
    return max(0.0, float((log_p.exp() * (log_p - log_q)).sum()))


@torch.inference_mode()
def each_alone(
    checkpoint: Checkpoint, trace: Trace, position: int, fill: str
) -> Iterator[tuple[int, np.ndarray]]:
    """Every part switched off alone, a layer at a time -> (layer, KL in nats (H+2,)): its heads,
    its MLP, the whole layer. Raises ValueError for logits that are not finite."""
    model = checkpoint.model
    base = final_logits(model, trace.layer_stream(-1)[position])
    sampling.check_finite(base, "the logits of the original run")
    base = base.double().log_softmax(-1)
    for layer in range(trace.n_layers):
        patch = _one_each(checkpoint, trace, layer, fill)
        n_runs = trace.rows[0].q[0].shape[0] + 2
        after = _run(model, trace, patch, position, n_runs)
        sampling.check_finite(after, f"the logits with parts of layer {layer} off")
        yield layer, np.array([kl(base, row) for row in after.double().log_softmax(-1)])


def all_alone(checkpoint: Checkpoint, trace: Trace, position: int, fill: str) -> np.ndarray:
    """`each_alone` of all layers, (L,H+2); reports how many layers are done."""
    rows = []
    for layer, effects in each_alone(checkpoint, trace, position, fill):
        rows.append(effects)
        turn.report(layer + 1)
    return np.stack(rows)


def _one_each(checkpoint: Checkpoint, trace: Trace, layer: int, fill: str) -> Patch:
    """A patch for a batch of H+2 runs: run h without head h, then without MLP, without layer."""
    values = _head_fill(checkpoint, trace, layer, Off(fill=fill))
    n = len(values) + 2
    run = torch.eye(n, dtype=torch.bool, device=values.device)
    off = Off(fill=fill)
    return Patch(
        {layer: (run[:, None, : n - 2, None], values)},
        {layer: (run[:, n - 2, None, None], _fill(trace.mlp_added(layer), off))},
        {layer: (run[:, n - 1, None, None], _fill(_layer_added(trace, layer), off))},
    )


def _run(
    model: GPT2LMHeadModel, trace: Trace, patch: Patch, position: int, n_runs: int
) -> torch.Tensor:
    """-> (n_runs,V): the logits after `position` of n_runs runs in one batch."""
    ids = torch.tensor(trace.ids[: position + 1], device=model.device).expand(n_runs, -1)
    with patch.open():
        return model(ids, use_cache=False, logits_to_keep=1, patch=patch).logits[:, -1]


def _head_fill(checkpoint: Checkpoint, trace: Trace, layer: int, off: Off) -> torch.Tensor:
    """What each head of a layer writes when it is off, before the output projection, (H,D)."""
    v = trace.layer_v(layer)  # (H,T,D)
    if off.fill == "zero":
        return torch.zeros_like(v[:, 0])
    heads = range(len(v))
    reads = np.stack([weights(checkpoint, trace, layer, h).mean(0) for h in heads])  # (H,T)
    return torch.einsum("ht,htd->hd", torch.as_tensor(reads).to(v), v)


def _fill(added: torch.Tensor, off: Off) -> torch.Tensor:
    """added (T,C): what a part added to the stream -> what it adds when it is off, (C,)."""
    return torch.zeros_like(added[0]) if off.fill == "zero" else added.mean(0)


def _layer_added(trace: Trace, layer: int) -> torch.Tensor:
    return trace.layer_stream(2 * layer + 2) - trace.layer_stream(2 * layer)


def _worth_showing(p: torch.Tensor, q: torch.Tensor, k: int) -> torch.Tensor:
    """k ids: by the larger of both probabilities, the most probable before first."""
    ids = torch.maximum(p, q).topk(min(k, len(p))).indices
    return ids[p[ids].argsort(descending=True)]


def _check(trace: Trace, off: Off) -> None:
    n_layers, n_heads = trace.n_layers, trace.rows[0].q[0].shape[0]
    layers = {layer for layer, _ in off.heads} | off.mlps | off.layers
    heads = {head for _, head in off.heads}
    if layers - set(range(n_layers)) or heads - set(range(n_heads)):
        raise ValueError(
            f"Parts out of range: layers {sorted(layers)} and heads {sorted(heads)}. Choose layers "
            f"0 to {n_layers - 1} and heads 0 to {n_heads - 1}; this model has no others."
        )
    if off.fill not in FILLS:
        raise ValueError(f"Unknown fill {off.fill!r}. A part that is off writes one of {FILLS}.")
