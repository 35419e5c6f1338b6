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
from model.run import causal
from model.run.checkpoint import Checkpoint
from model.run.onward import Onward
from model.run.trace import Trace, scaling

INPUTS = "qkv"


@dataclass(frozen=True, eq=False)
class PatchedPath:
    """before, after (T,T) float32: the receiver's weights without and with the patch. last (C,): the
    last token's stream behind the last block, for model.analysis.recovery."""

    before: np.ndarray
    after: np.ndarray
    last: torch.Tensor


@torch.inference_mode()
def direct_path(
    checkpoint: Checkpoint, base: Trace, source: Trace, sender: tuple[int, int],
    receiver: tuple[int, int], inputs: str = INPUTS,
) -> PatchedPath:
    """sender, receiver: (layer, head), the receiver's layer behind the sender's. inputs: which of
    the receiver's inputs read it, letters of "qkv". The runs have equally many tokens. Raises
    ValueError where one of these does not hold, and as `patching.layer_by_layer`."""
    _check(base, source, sender, receiver, inputs)
    layer, head = receiver
    now, new = (patching.values(checkpoint, run, "head", sender[0])[sender[1]] for run in (base, source))
    message = (new - now) @ patching.output_projection(checkpoint, sender[0])[sender[1]]  # (T,C)
    heard = base.layer_stream(2 * layer) + message.to(base.next_logits)
    own = {"q": base.layer_q(layer)[head], "k": base.layer_k(layer)[head],
           "v": base.layer_v(layer)[head]}
    fresh = own | {x: read for x, read in _read(checkpoint, layer, head, heard).items() if x in inputs}
    scale = scaling(checkpoint, layer)
    before, after = (causal.weights(x["q"], x["k"], scale) for x in (own, fresh))
    more = after @ fresh["v"].float() - before @ own["v"].float()
    write = more @ patching.output_projection(checkpoint, layer)[head]
    rows = patching.behind_mlp(
        checkpoint, layer, base.layer_stream(2 * layer + 1) + write.to(base.next_logits)
    )
    last = Onward(base, [0]).through(checkpoint, layer + 1, rows)[-1].float()
    return PatchedPath(before.cpu().numpy(), after.cpu().numpy(), last)


def _read(checkpoint: Checkpoint, layer: int, head: int, stream: torch.Tensor) -> dict[str, torch.Tensor]:
    """A stream (T,C) before a block -> q, k and v of one head, (T,D) each."""
    block = blocks(checkpoint.model)[layer]
    D = block.attn.head_dim
    parts = block.attn.c_attn(block.ln_1(stream)[None])[0].split(block.attn.split_size, dim=-1)
    return {x: part[:, head * D : (head + 1) * D] for x, part in zip(INPUTS, parts)}


def _check(
    base: Trace, source: Trace, sender: tuple[int, int], receiver: tuple[int, int], inputs: str
) -> None:
    patching.check_pairs(base, source, None)
    for place in (sender, receiver):
        patching.check_cell(base, "head", *place)
    if receiver[0] <= sender[0]:
        raise ValueError(
            f"Layer {receiver[0]} does not hear layer {sender[0]}: a head reads only the layers before "
            "its own. Choose a receiver in a later layer."
        )
    if not inputs or set(inputs) - set(INPUTS):
        raise ValueError(f"No inputs {inputs!r} of a head. Choose letters of {INPUTS!r}.")
