"""Why a head reads a token: its score as a sum over the writers of both streams.

q and k are linear in the stream once the LayerNorm's σ is held at its value, and the stream is a sum:
embedding, position, every earlier head and MLP, biases, memory. So the score q·k is a sum over pairs
of writers, one of the query's stream, one of the key's (Elhage et al. 2021, "A Mathematical Framework
for Transformer Circuits"). L layers, H heads, D width of a head, C model width, W writers. float64.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from model.analysis.attention import cell, check_token
from model.analysis.flow import embeddings, union_row
from model.grafts.blocks import blocks
from model.grafts.lora import SCALE
from model.run.checkpoint import Checkpoint
from model.run.trace import Trace, scaling


@dataclass(frozen=True)
class Writer:
    """Who wrote a part of a stream: "token" and "position" (the two embeddings), "head", "mlp",
    "memory" (what trained memory added before `layer`), "bias": all that no token changes: the
    output biases of attention, β of the LayerNorm and the bias of the query or key itself. layer,
    head: −1 where it has none."""

    kind: str
    layer: int = -1
    head: int = -1


@dataclass(frozen=True, eq=False)
class ScoreParts:
    """One score, scaled as it enters the softmax: score = parts.sum(). parts (W,W): row = who wrote
    the part of the query's stream, column = of the key's; writers (W,) names both. query_length,
    key_length (W,): how long each part of q and of k is."""

    writers: tuple[Writer, ...]
    parts: np.ndarray
    query_length: np.ndarray
    key_length: np.ndarray
    score: float


@torch.inference_mode()
def score_parts(
    checkpoint: Checkpoint, trace: Trace, layer: int, head: int, query: int, key: int
) -> ScoreParts:
    """The parts of one cell's score; raises ValueError for a cell that does not exist."""
    score = cell(checkpoint, trace, layer, head, query, key).scaled
    writers, of_query = _written(checkpoint, trace, layer, query)
    _, of_key = _written(checkpoint, trace, layer, key)
    q = _projected(checkpoint, trace, layer, head, query, of_query, "query")  # (W,D)
    k = _projected(checkpoint, trace, layer, head, key, of_key, "key")
    parts = (q @ k.T) * scaling(checkpoint, layer)
    query_length, key_length = (x.norm(dim=-1).cpu().numpy() for x in (q, k))
    return ScoreParts(writers, parts.cpu().numpy(), query_length, key_length, score)


def _written(
    checkpoint: Checkpoint, trace: Trace, layer: int, position: int
) -> tuple[tuple[Writer, ...], torch.Tensor]:
    """The writers before a block and what each wrote into the stream of one token, (W,C)."""
    check_token(trace, position)
    writers, rows = zip(*_every(checkpoint, trace, layer, position))
    return writers, torch.stack(rows)


def _every(
    checkpoint: Checkpoint, trace: Trace, layer: int, position: int
) -> Iterator[tuple[Writer, torch.Tensor]]:
    whole, place = (x[position].double() for x in embeddings(checkpoint, trace))
    yield Writer("token"), whole - place
    yield Writer("position"), place
    bias = torch.zeros_like(whole)
    for i in range(layer + 1):
        yield from _memory(trace, i, position, whole)
        if i == layer:
            break
        for head, written in enumerate(_heads(checkpoint, trace, i, position)):
            yield Writer("head", i, head), written
        yield Writer("mlp", i), trace.mlp_added(i)[position].double()
        bias = bias + blocks(checkpoint.model)[i].attn.c_proj.bias.double()
    yield Writer("bias"), bias


def _memory(
    trace: Trace, layer: int, position: int, embedded: torch.Tensor
) -> Iterator[tuple[Writer, torch.Tensor]]:
    """What trained memory added before a block."""
    graft, query = trace.graft, trace.external_query()
    before = trace.layer_stream(2 * layer)[position].double()
    if graft is None:
        return
    if graft.external is not None and graft.modules.external.layer == layer and query is not None:
        yield Writer("memory", layer), before - query[position].double()
        before = query[position].double()
    if layer == 0 and graft.early is not None:
        yield Writer("memory", 0), before - embedded


def _heads(checkpoint: Checkpoint, trace: Trace, layer: int, position: int) -> torch.Tensor:
    """What each head of a layer wrote into the stream of one token, (H,C), without the bias."""
    weights = union_row(checkpoint, trace, layer, position).double()  # (H,T+M)
    values = trace.layer_v(layer).double()
    if trace.reading is not None:
        values = torch.cat([values, trace.reading.values[layer].to(values)], 1)
    mixed = torch.einsum("hs,hsd->hd", weights, values)
    out = blocks(checkpoint.model)[layer].attn.c_proj.weight.double()
    return torch.einsum("hd,hdc->hc", mixed, out.view(*mixed.shape, -1))


def _projected(
    checkpoint: Checkpoint, trace: Trace, layer: int, head: int, position: int,
    written: torch.Tensor, side: str,
) -> torch.Tensor:
    """Parts of a token's stream before a block (W,C), the last of them the bias -> the parts of its
    query or key in one head, (W,D)."""
    block = blocks(checkpoint.model)[layer]
    norm, D = block.ln_1, block.attn.head_dim
    start = head * D + (0 if side == "query" else block.attn.split_size)
    weight = _weights(checkpoint, trace, layer)[:, start : start + D]  # (C,D)
    stream = trace.layer_stream(2 * layer)[position].double()
    sigma = (stream.var(correction=0) + norm.eps).sqrt()
    normed = (written - written.mean(-1, keepdim=True)) / sigma * norm.weight.double()
    normed[-1] += norm.bias.double()
    parts = normed @ weight
    parts[-1] += block.attn.c_attn.bias.double()[start : start + D]
    return parts


def _weights(checkpoint: Checkpoint, trace: Trace, layer: int) -> torch.Tensor:
    """c_attn's matrix (C,3C), with the run's LoRA."""
    weight = blocks(checkpoint.model)[layer].attn.c_attn.weight.double()
    graft = trace.graft
    if graft is None or not graft.lora or graft.modules.lora is None:
        return weight
    lora = graft.modules.lora
    return weight + SCALE * (lora.down[layer].double() @ lora.up[layer].double())
