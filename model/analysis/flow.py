"""Where one token's last stream comes from: ALTI (Ferrando, Gállego and Costa-jussà 2022,
arXiv:2203.04212), followed back layer by layer from that token.

The stream y of a token behind a layer's attention is a sum of parts T_j(x): of every token that it
reads, Σ_heads weight × (v W_O); of itself also the stream x before the layer (the residual
connection) and the output bias, which is added whatever is read. A part counts by its L1 proximity
to y, max(0, ‖y‖₁ − ‖y − T_j(x)‖₁); divided by their sum, the proximities of all parts of one y are
its contributions. An MLP reads one token only: what flows stays with that token.
Memory's slots are parts like tokens; trained memory is a part of the stream where it enters.
Knows nothing of drawing. L layers, H heads, T tokens, S parts, M slots, C model width, E edges.
"""

from dataclasses import dataclass, fields, replace

import numpy as np
import torch

from model.analysis.attention import check_token
from model.analysis.residual import check_finite
from model.grafts.blocks import blocks
from model.grafts.external import Contents
from model.grafts.modules import Modules
from model.grafts.recurrent import Recurrent
from model.run import turn
from model.run.checkpoint import Checkpoint
from model.run.trace import Trace, scaling

FOLLOWED = 0.004  # shares below it are not followed further back
DRAWN = 0.005  # an edge with a smaller share is not listed
ROWS = 8  # tokens taken apart at a time: their parts stay in the processor's cache

SOURCES = ("token", "slot", "edm", "early", "late")  # where an edge begins


@dataclass(frozen=True, eq=False)
class Edges:
    """E edges; every field (E,).

    kind: index into SOURCES. source: the token, the slot of the run's reading, the slot of the EDM;
    0 for a recurrent state. target: the token whose stream it enters. layer: the block whose
    attention reads it (token, slot) or before which it enters (edm; early: 0); late: L.
    part: its contribution to the target's stream there, 0 to 1. share: the part of the chosen
    token's last stream that comes this way. head: whose weighted value is longest; −1 if no head
    reads it.
    """

    kind: np.ndarray
    layer: np.ndarray
    source: np.ndarray
    target: np.ndarray
    part: np.ndarray
    share: np.ndarray
    head: np.ndarray

    def __len__(self) -> int:
        return len(self.kind)


@dataclass(frozen=True, eq=False)
class Flow:
    """What flows into the last stream of the token at `position`.

    shares (L+1,T): the part of it that passes through each token's stream before block l; row L:
    behind the last block. edges: those whose share is large enough to be listed. left_out (L,): the
    share of all others of a block, and of what was not followed to it.
    mlp (L,T): contribution of what an MLP adds to the token's stream behind it. position_part (T,):
    contribution of the position's vector to the embedding.
    """

    position: int
    shares: np.ndarray
    edges: Edges
    left_out: np.ndarray
    mlp: np.ndarray
    position_part: np.ndarray


@torch.inference_mode()
def follow(
    checkpoint: Checkpoint, trace: Trace, position: int,
    drawn: float = DRAWN, followed: float = FOLLOWED,
) -> Flow:
    """The flow into the last stream of one token; with drawn = followed = 0 all of it.

    Raises ValueError for a position outside the prompt and for a stream that is not finite.
    """
    check_token(trace, position)
    _check_finite(trace)
    back = _Back(checkpoint, trace, position, drawn, followed)
    for layer in reversed(range(trace.n_layers)):
        turn.give_way()
        back.through_attention(layer)
        back.through_memory(layer)
    embedded, places = embeddings(checkpoint, trace)
    edges = _joined(back.edges)
    return Flow(
        position=position,
        shares=np.stack(back.shares[::-1]),
        edges=edges,
        left_out=_left_out(edges, trace.n_layers),
        mlp=np.stack([_mlp_part(trace, layer) for layer in range(trace.n_layers)]),
        position_part=_array(proximity(torch.stack([embedded - places, places]), embedded)[1]),
    )


def _check_finite(trace: Trace) -> None:
    """Raise ValueError with the first place where the stream is not finite: what is not stays so."""
    last = 2 * trace.n_layers
    if not torch.isfinite(trace.layer_stream(last)).all():
        for station in range(last + 1):
            check_finite(trace.layer_stream(station), station)


def proximity(parts: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
    """parts (S,…,C) and their sum (…,C) -> contributions (S,…), which sum to 1."""
    return _normed(whole.abs().sum(-1), _length(whole - parts))


def _length(x: torch.Tensor) -> torch.Tensor:
    """‖x‖₁ of vectors (…,C) that nobody needs any more; nine times as fast as x.norm(1, -1)."""
    return x.abs_().sum(-1)


def _normed(length: torch.Tensor, left: torch.Tensor) -> torch.Tensor:
    """‖y‖₁ (…), ‖y − part‖₁ (S,…) -> contributions (S,…); where no part comes nearer to y than
    nothing does, those that stay nearest share it."""
    near = (length - left).clamp(min=0)
    nearest = (left == left.amin(0)).to(near)
    near = torch.where(near.sum(0) > 0, near, nearest)
    return near / near.sum(0)


@torch.inference_mode()
def contributions(checkpoint: Checkpoint, trace: Trace, layer: int) -> np.ndarray:
    """What a layer's attention mixes into the stream of every token, (T,T+M) float32: from each
    token, then from each slot of the run's reading; rows sum to 1."""
    return _Parts(checkpoint, trace, layer).of(np.arange(len(trace)))


@torch.inference_mode()
def embeddings(checkpoint: Checkpoint, trace: Trace) -> tuple[torch.Tensor, torch.Tensor]:
    """The stream before any memory and block, and the positions' part in it, (T,C) float32 each."""
    body, n = checkpoint.model.transformer, len(trace)
    places = torch.arange(n) if trace.reading is None else trace.reading.positions(0, n)
    ids = torch.as_tensor(np.array(trace.ids), device=checkpoint.model.device)
    position: torch.Tensor = body.wpe(places.to(ids.device)).float()
    return body.wte(ids).float() + position, position


def union_row(checkpoint: Checkpoint, trace: Trace, layer: int, position: int) -> torch.Tensor:
    """One token's attention weights over the prompt's tokens, then the slots, (H,T+M)."""
    return _weights(checkpoint, trace, layer, torch.tensor([position]), len(trace))[:, 0]


def union_weights(checkpoint: Checkpoint, trace: Trace, layer: int) -> torch.Tensor:
    """All tokens' attention weights over the prompt's tokens, then the slots, (H,T,T+M)."""
    return _weights(checkpoint, trace, layer, torch.arange(len(trace)), len(trace))


class _Parts:
    """One layer's attention, taken apart. values (S,H,C): what each token would write through each
    head at a weight of 1, up to the last token that is asked for; slots (M,H,C): the same of the
    run's reading."""

    def __init__(
        self, checkpoint: Checkpoint, trace: Trace, layer: int, last: int | None = None
    ) -> None:
        n = len(trace) if last is None else last + 1
        attention, reading = blocks(checkpoint.model)[layer].attn, trace.reading
        self.checkpoint, self.trace, self.layer = checkpoint, trace, layer
        v = trace.layer_v(layer)[:, :n].float()  # (H,S,D)
        out = attention.c_proj.weight.float().view(v.shape[0], v.shape[2], -1)  # (H,D,C)
        self.values = _written(v, out)
        self.own = trace.layer_stream(2 * layer).float() + attention.c_proj.bias.float()  # (T,C)
        self.after = trace.layer_stream(2 * layer + 1).float()
        self.slots = v.new_zeros(0, *self.values.shape[1:])
        if reading is not None:
            self.slots = _written(reading.values[layer].to(v), out)

    def of(self, rows: np.ndarray) -> np.ndarray:
        """rows (R,) ascending -> their contributions (R,T+M), each row sums to 1."""
        n = len(self.trace)
        found = np.zeros((len(rows), n + len(self.slots)), dtype=np.float32)
        for start in range(0, len(rows), ROWS):
            some = rows[start : start + ROWS]
            n_seen = int(some[-1]) + 1
            parts = _array(self._block(torch.as_tensor(some, device=self.own.device), n_seen)).T
            found[start : start + ROWS, :n_seen] = parts[:, :n_seen]
            found[start : start + ROWS, n:] = parts[:, n_seen:]
        return found

    def _block(self, rows: torch.Tensor, n_seen: int) -> torch.Tensor:
        """rows (R,) of the first n_seen tokens -> contributions (n_seen+M,R)."""
        y, weights = self.after[rows], self._weights(rows, n_seen)
        rest = _without(y, weights[..., :n_seen], self.values[:n_seen])  # (S,R,C)
        rest[rows, torch.arange(len(rows), device=rows.device)] -= self.own[rows]
        future = torch.arange(n_seen, device=rows.device)[:, None] > rows
        left = _length(rest).masked_fill_(future, torch.inf)
        if len(self.slots):
            left = torch.cat([left, _length(_without(y, weights[..., n_seen:], self.slots))])
        return _normed(y.abs().sum(-1), left)

    def _weights(self, rows: torch.Tensor, n_seen: int) -> torch.Tensor:
        return _weights(self.checkpoint, self.trace, self.layer, rows, n_seen)

    def best_heads(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Pairs of a token and one of its T+M parts, (E,) each -> the head whose weighted value is
        longest, (E,)."""
        is_slot, n_seen = columns >= len(self.trace), len(self.values)
        at = np.where(is_slot, columns - len(self.trace) + n_seen, columns)
        weights = self._weights(torch.as_tensor(rows), n_seen)  # (H,E,S+M)
        weight = _array(weights[:, np.arange(len(rows)), at])  # (H,E)
        length = np.empty_like(weight)
        length[:, ~is_slot] = _array(self.values[at[~is_slot]].abs().sum(-1)).T
        length[:, is_slot] = _array(self.slots[at[is_slot] - n_seen].abs().sum(-1)).T
        best: np.ndarray = (weight * length).argmax(0)
        return best


def _weights(
    checkpoint: Checkpoint, trace: Trace, layer: int, rows: torch.Tensor, n_seen: int
) -> torch.Tensor:
    """rows (R,) of the first n_seen tokens -> attention weights (H,R,n_seen+M): the tokens, then the
    slots."""
    q, k = trace.layer_q(layer).float(), trace.layer_k(layer)[:, :n_seen].float()
    rows, scale, reading = rows.to(q.device), scaling(checkpoint, layer), trace.reading
    q = q[:, rows]
    scores = (q @ k.transpose(1, 2)) * scale
    future = torch.arange(n_seen, device=rows.device) > rows[:, None]
    scores = scores.masked_fill(future, -torch.inf)
    if reading is None:
        return scores.softmax(-1)
    memory = (q @ reading.keys[layer].to(q).transpose(1, 2)) * scale
    memory += reading.added(0, len(trace)).to(q)[rows][:, None]
    if reading.behind_first:
        memory = memory.masked_fill((rows == 0)[:, None], -torch.inf)
    return torch.cat([scores, memory], -1).softmax(-1)


def _written(v: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
    """v (H,S,D), output projection (H,D,C) -> what each value writes, (S,H,C)."""
    values = v.new_empty(v.shape[1], v.shape[0], out.shape[-1])
    for head in range(len(v)):
        torch.mm(v[head], out[head], out=values[:, head])
    return values


def _without(y: torch.Tensor, weights: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """y (R,C), weights (H,R,S), values (S,H,C) -> y without each source's part, (S,R,C)."""
    whole = y.expand(len(values), *y.shape)
    return torch.baddbmm(whole, weights.permute(2, 1, 0).contiguous(), values, alpha=-1)


class _Back:
    """The way back from one token, block by block: `shares` and `edges` grow with it."""

    def __init__(
        self, checkpoint: Checkpoint, trace: Trace, position: int, drawn: float, followed: float
    ) -> None:
        tiny = float(np.finfo(np.float32).tiny)
        self.checkpoint, self.trace = checkpoint, trace
        self.drawn, self.followed = max(drawn, tiny), max(followed, tiny)
        self.edges: list[Edges] = []
        self.passing = np.zeros(len(trace), dtype=np.float32)
        self.passing[position] = 1
        self._through_late()
        self.shares = [self.passing]

    def through_attention(self, layer: int) -> None:
        """From the streams behind a block to those before it."""
        rows, n = self._rows(), len(self.trace)
        if not len(rows):
            self.passing = np.zeros_like(self.passing)
        else:
            apart = _Parts(self.checkpoint, self.trace, layer, int(rows[-1]))
            parts = apart.of(rows)  # (R,T+M)
            edges = self._listed("token", layer, rows, parts.T)
            heads = apart.best_heads(edges.target, edges.source)
            is_slot = edges.source >= n
            self.edges.append(replace(
                edges, kind=edges.kind + is_slot, source=edges.source - n * is_slot, head=heads
            ))
            self.passing = self.passing[rows] @ parts[:, :n]
        self.shares.append(self.passing)

    def through_memory(self, layer: int) -> None:
        """Take out what trained memory put into the streams before this block."""
        graft, rows = self.trace.graft, self._rows()
        if graft is None or not len(rows):
            return
        if graft.external is not None and layer == graft.modules.external.layer:
            query = self.trace.external_query()
            assert query is not None, "an EDM was read, but its query was not seen"
            self._take_out("edm", layer, rows, _slot_parts(graft.modules, graft.external, query[rows]))
        if layer == 0 and graft.early is not None:
            before, _ = embeddings(self.checkpoint, self.trace)
            self._enter("early", 0, rows, graft.modules.early, graft.early, before[rows])

    def _through_late(self) -> None:
        graft = self.trace.graft
        if graft is not None and graft.late is not None:
            last = self.checkpoint.model.transformer.ln_f(self.trace.layer_stream(-1))
            rows = self._rows()
            self._enter("late", self.trace.n_layers, rows, graft.modules.late, graft.late, last[rows])

    def _enter(
        self, kind: str, layer: int, rows: np.ndarray, module: Recurrent, state: torch.Tensor,
        before: torch.Tensor,
    ) -> None:
        """A recurrent memory's part in the streams `before` (R,C) + what it adds."""
        before, added = before.float(), module.read(before[None], state)[0].float()
        parts = proximity(torch.stack([added, before]), before + added)
        self._take_out(kind, layer, rows, _array(parts[:1]))

    def _take_out(self, kind: str, layer: int, rows: np.ndarray, parts: np.ndarray) -> None:
        """parts (N,R): contribution of each source of memory to the streams of these tokens."""
        self.edges.append(self._listed(kind, layer, rows, parts))
        left = self.passing.copy()
        left[rows] *= 1 - parts.sum(0)
        self.passing = left

    def _rows(self) -> np.ndarray:
        """The tokens whose streams are followed."""
        return np.flatnonzero(self.passing >= self.followed)

    def _listed(self, kind: str, layer: int, rows: np.ndarray, parts: np.ndarray) -> Edges:
        """parts (N,R) of these tokens' streams -> the edges that carry enough, without heads."""
        shares = parts * self.passing[rows]
        source, at = np.nonzero(shares >= self.drawn)
        n = len(source)
        return Edges(
            kind=np.full(n, SOURCES.index(kind)), layer=np.full(n, layer), source=source,
            target=rows[at], part=parts[source, at], share=shares[source, at], head=np.full(n, -1),
        )


def _slot_parts(modules: Modules, stored: Contents, query: torch.Tensor) -> np.ndarray:
    """query (R,C): the streams that read the EDM -> its N slots' contributions to what they become,
    (N,R)."""
    external, found = modules.external, []
    values = external.output(stored.values[0]).float()[:, None]  # (N,1,C): without any weight
    for some in query.split(ROWS):
        added, weights = external.read(some[None], stored)
        y, weight = some.float() + added[0].float(), weights[0, :, :, 1:].mean(0)  # (R,C), (R,N)
        left = [_without(y, weight[None].float(), values), added.float()]
        found.append(_normed(y.abs().sum(-1), _length(torch.cat(left)))[:-1])
    return _array(torch.cat(found, 1))


def _left_out(edges: Edges, n_layers: int) -> np.ndarray:
    """What a block carries beside its listed edges and what memory has added behind it, (L,)."""
    is_attention = edges.kind <= SOURCES.index("slot")
    layers = np.arange(n_layers)[:, None]
    listed = (edges.share * is_attention * (edges.layer == layers)).sum(1)
    behind = (edges.share * (edges.kind > 0) * (edges.layer > layers)).sum(1)
    return np.clip(1 - listed - behind, 0, 1)


def _mlp_part(trace: Trace, layer: int) -> np.ndarray:
    """(T,): what the MLP adds as a part of what is behind it."""
    before, added = trace.layer_stream(2 * layer + 1).float(), trace.mlp_added(layer)
    return _array(proximity(torch.stack([added, before]), before + added)[0])


def _joined(edges: list[Edges]) -> Edges:
    names = [field.name for field in fields(Edges)]
    return Edges(*(np.concatenate([getattr(x, name) for x in edges]) for name in names))


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.cpu().numpy()
