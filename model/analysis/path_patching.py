"""Direct path patching: the output of one head of another run, read by one later head alone.

The sender's output of the source run replaces its own in the stream that the receiver reads, and
nowhere else: all between them stays as it was, so only the residual connection carries it. Then the
receiver's new output goes on through the model (Wang et al. 2022, arXiv:2211.00593; Goldowsky-Dill
et al. 2023, arXiv:2304.05969). L layers, H heads, T tokens, D head width, C model width.
"""

from dataclasses import dataclass

import numpy as np
import torch

from model.analysis import patching
from model.grafts.blocks import blocks
from model.run import causal, turn
from model.run.checkpoint import Checkpoint
from model.run.trace import Trace, scaling

INPUTS = "qkv"


@dataclass(frozen=True, eq=False)
class PatchedPath:
    """before, after (T,T) float32: the receiver's weights without and with the patch. last (C,): the
    last token's stream behind the last block, for model.analysis.recovery."""

    before: np.ndarray
    after: np.ndarray
    last: torch.Tensor


@dataclass(frozen=True, eq=False)
class Paths:
    """The path from one sender to each receiver alone. ends: a grid of heads, (L,H,C). moved (L,H)
    float32: how far the last token's weights of a receiver move, total variation, 0 to 1. NaN in
    both: the layers that do not hear the sender."""

    ends: patching.Grid
    moved: np.ndarray


@torch.inference_mode()
def direct_path(
    checkpoint: Checkpoint, base: Trace, source: Trace, sender: tuple[int, int],
    receiver: tuple[int, int], inputs: str = INPUTS,
) -> PatchedPath:
    """sender, receiver: (layer, head), the receiver's layer behind the sender's. inputs: which of
    the receiver's inputs read it, letters of "qkv". The runs have equally many tokens. Raises
    ValueError where one of these does not hold, and as `patching.layer_by_layer`."""
    _check(base, source, sender, inputs)
    _check_receiver(base, sender, receiver)
    layer, head = receiver
    before, after, more = _heard(
        checkpoint, base, layer, _message(checkpoint, base, source, sender), inputs)
    last = patching.heads_mixing(checkpoint, base, layer, [head], 0, more)[0]
    return PatchedPath(before[head].cpu().numpy(), after[head].cpu().numpy(), last)


@torch.inference_mode()
def every_path(
    checkpoint: Checkpoint, base: Trace, source: Trace, sender: tuple[int, int], inputs: str = INPUTS,
) -> Paths:
    """The path from a sender (layer, head) to each head of each later layer alone; reports how many
    layers are done. Raises ValueError as `direct_path`; model.run.turn.Overtaken where nobody waits."""
    _check(base, source, sender, inputs)
    message = _message(checkpoint, base, source, sender)
    n_heads, width = len(base.rows[0].q[0]), len(base.layer_stream(-1)[-1])
    streams = torch.full((base.n_layers, n_heads, width), torch.nan)
    moved = np.full((base.n_layers, n_heads), np.nan, dtype=np.float32)
    first = _first(message)
    for layer in range(sender[0] + 1, base.n_layers):
        before, after, more = _heard(checkpoint, base, layer, message, inputs)
        heads = list(range(n_heads))
        streams[layer] = patching.heads_mixing(checkpoint, base, layer, heads, first, more)
        moved[layer] = ((after - before)[:, -1].abs().sum(-1) / 2).cpu().numpy()
        turn.report(layer + 1)
    return Paths(patching.Grid("head", streams), moved)


def _message(
    checkpoint: Checkpoint, base: Trace, source: Trace, sender: tuple[int, int]
) -> torch.Tensor:
    """What the sender writes in the source run minus what it writes in the base, (T,C)."""
    layer, head = sender
    now, new = (patching.values(checkpoint, run, "head", layer)[head] for run in (base, source))
    return (new - now) @ patching.output_projection(checkpoint, layer)[head]


def _first(message: torch.Tensor) -> int:
    """The first token to which the sender writes something else; the last one where none is."""
    differs = (message != 0).any(-1).nonzero()
    return int(differs[0, 0]) if len(differs) else len(message) - 1


def _heard(
    checkpoint: Checkpoint, base: Trace, layer: int, message: torch.Tensor, inputs: str
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """All heads of a layer that hear a message (T,C) -> their weights without it and with it,
    (H,T,T) each, and what they mix more, (H,T,D)."""
    own = {"q": base.layer_q(layer), "k": base.layer_k(layer), "v": base.layer_v(layer)}
    stream = base.layer_stream(2 * layer) + message.to(base.next_logits)
    fresh = own | {x: read for x, read in _read(checkpoint, layer, stream).items() if x in inputs}
    scale = scaling(checkpoint, layer)
    before, after = (causal.weights(x["q"], x["k"], scale) for x in (own, fresh))
    return before, after, after @ fresh["v"].float() - before @ own["v"].float()


def _read(checkpoint: Checkpoint, layer: int, stream: torch.Tensor) -> dict[str, torch.Tensor]:
    """A stream (T,C) before a block -> q, k and v of its heads, (H,T,D) each."""
    attn, norm = blocks(checkpoint.model)[layer].attn, blocks(checkpoint.model)[layer].ln_1
    parts = attn.c_attn(norm(stream)[None])[0].split(attn.split_size, dim=-1)
    shape = len(stream), attn.num_heads, attn.head_dim
    return {x: part.view(shape).transpose(0, 1) for x, part in zip(INPUTS, parts)}


def _check(base: Trace, source: Trace, sender: tuple[int, int], inputs: str) -> None:
    for run in (base, source):
        if run.reading is not None or run.graft is not None:
            raise ValueError("A path runs the model alone. Switch memory off for both prompts.")
    patching.check_pairs(base, source, None)
    patching.check_cell(base, "head", *sender)
    if not inputs or set(inputs) - set(INPUTS):
        raise ValueError(f"No inputs {inputs!r} of a head. Choose letters of {INPUTS!r}.")


def _check_receiver(base: Trace, sender: tuple[int, int], receiver: tuple[int, int]) -> None:
    patching.check_cell(base, "head", *receiver)
    if receiver[0] <= sender[0]:
        raise ValueError(
            f"Layer {receiver[0]} does not hear layer {sender[0]}: a head reads only the layers before "
            "its own. Choose a receiver in a later layer."
        )
