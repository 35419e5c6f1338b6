"""One logit as a sum over what was read where: the token's own vectors, every token that each layer
read, every slot of memory, every MLP, every bias.

As in `model.analysis.attribution`, whose heads are split here by what they read: with the final
LayerNorm's σ frozen, a part's projection on the logit is exact, and all parts add up to it. Direct:
what a token's stream owes to earlier layers counts for the token that was read. L layers, T tokens,
M slots of the run's reading, N slots of the EDM, D width of a head, C model width. All in float64.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from model.analysis.attribution import check_id
from model.analysis.flow import embeddings, union_row
from model.analysis.residual import exit_at, stream_at
from model.grafts.blocks import blocks
from model.run import sampling
from model.run.checkpoint import Checkpoint
from model.run.trace import Trace, logits_at

Share = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True, eq=False)
class LogitFlow:
    """The logit of `token` behind `position`, in logits. read (L,T): through attention, from each
    token; slots (L,M): from each slot; heads (L,T+M): the head with the largest part of it;
    bias (L,): attention's output bias; mlp (L,); edm (N,): the EDM's slots,
    which enter before block edm_layer (−1: no EDM was read); early, late: recurrent
    memory; final_bias: β of the final LayerNorm; logit: what the model puts out."""

    position: int
    token: int
    embedding: float
    place: float
    read: np.ndarray
    slots: np.ndarray
    heads: np.ndarray
    bias: np.ndarray
    mlp: np.ndarray
    edm: np.ndarray
    edm_layer: int
    early: float
    late: float
    final_bias: float
    logit: float

    @property
    def total(self) -> float:
        """The sum of all parts."""
        arrays = (self.read, self.slots, self.bias, self.mlp, self.edm)
        single = (self.embedding, self.place, self.early, self.late, self.final_bias)
        return float(sum(x.sum() for x in arrays) + sum(single))


@torch.inference_mode()
def split(checkpoint: Checkpoint, trace: Trace, position: int, token: int) -> LogitFlow:
    """The parts of one logit. Raises ValueError for a token or position that does not exist and for
    a stream or logits that are not finite."""
    check_id(checkpoint.model.config, token)
    stream = stream_at(trace, position)  # (2L+1,C)
    out = logits_at(checkpoint, trace, position)
    sampling.check_finite(out, "the logits of the model")
    direction = checkpoint.model.lm_head.weight[token].double()
    way_out = exit_at(checkpoint.model, stream[-1])

    def share(v: torch.Tensor) -> torch.Tensor:
        return way_out.project(v) @ direction

    whole, places = (x[position].double() for x in embeddings(checkpoint, trace))
    read, heads = zip(*(_attention(checkpoint, trace, layer, position, share)
                        for layer in range(trace.n_layers)))
    every = np.stack(read)  # (L,T+M)
    biases = torch.stack([block.attn.c_proj.bias.double() for block in blocks(checkpoint.model)])
    edm, added = _external(trace, position, share)
    steps = torch.cat([(stream[0] - whole)[None], stream[2::2] - stream[1::2]])  # (L+1,C)
    if added is not None:
        steps[added[0]] -= added[1]
    return LogitFlow(
        position=position, token=token,
        embedding=float(share(whole - places)), place=float(share(places)),
        read=every[:, : len(trace)], slots=every[:, len(trace) :], heads=np.stack(heads),
        bias=_array(share(biases)), mlp=_array(share(steps[1:])), edm=edm,
        edm_layer=-1 if added is None else added[0],
        early=float(share(steps[0])), late=_late(checkpoint, trace, position, direction),
        final_bias=float(way_out.beta @ direction), logit=float(out[token]),
    )


def _attention(
    checkpoint: Checkpoint, trace: Trace, layer: int, position: int, share: Share
) -> tuple[np.ndarray, np.ndarray]:
    """What a layer's attention adds to the logit from each token and slot, (T+M,), and the head
    with the largest part of it."""
    weights = union_row(checkpoint, trace, layer, position).double()  # (H,T+M)
    values = trace.layer_v(layer).double()  # (H,T,D)
    if trace.reading is not None:
        values = torch.cat([values, trace.reading.values[layer].to(values)], 1)
    out = blocks(checkpoint.model)[layer].attn.c_proj.weight.double()  # (C,C)
    per_value = share(out).view(len(values), -1)  # (H,D): of each number that a head mixes
    parts = weights * torch.einsum("hsd,hd->hs", values, per_value)
    return _array(parts.sum(0)), _array(parts.abs().argmax(0))


def _external(
    trace: Trace, position: int, share: Share
) -> tuple[np.ndarray, tuple[int, torch.Tensor] | None]:
    """What each slot of the EDM adds to the logit, (N,); the EDM's layer and what it added (C,)."""
    graft, query = trace.graft, trace.external_query()
    if graft is None or graft.external is None or query is None:
        return np.zeros(0), None
    external, stored = graft.modules.external, graft.external
    _, weights = external.read(query[None, position : position + 1], stored)
    weight = weights[0, :, 0, 1:].mean(0).double()  # (N,)
    values = external.output(stored.values[0]).double()  # (N,C)
    return _array(weight * share(values)), (external.layer, weight @ values)


def _late(
    checkpoint: Checkpoint, trace: Trace, position: int, direction: torch.Tensor
) -> float:
    """What the recurrent memory before the LM head adds to the logit."""
    graft = trace.graft
    if graft is None or graft.late is None:
        return 0.0
    last = checkpoint.model.transformer.ln_f(trace.layer_stream(-1)[position])
    return float(graft.modules.late.read(last[None, None], graft.late)[0, 0].double() @ direction)


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.cpu().numpy()
