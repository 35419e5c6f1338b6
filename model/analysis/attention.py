"""Attention derived from a trace: maps, head facts, the steps of one query, one cell.

Everything quadratic is computed here, and only while someone looks at it. Knows nothing of drawing.
Rows are queries (they read), columns are keys (they are read).
"""

from dataclasses import dataclass

import numpy as np
import torch

from model.grafts.blocks import blocks
from model.run import causal
from model.run.checkpoint import Checkpoint
from model.run.trace import Trace, scaling
from model.run.turn import give_way

BAND = 128  # queries surveyed at a time


@torch.inference_mode()
def weights(checkpoint: Checkpoint, trace: Trace, layer: int, head: int) -> np.ndarray:
    """One head's attention weights, (T,T) float32; rows sum to 1, the future is 0."""
    _check_head(trace, layer, head)
    q, k = trace.layer_q(layer)[head], trace.layer_k(layer)[head]
    return causal.weights(q, k, scaling(checkpoint, layer)).cpu().numpy()


def layer_weights(checkpoint: Checkpoint, trace: Trace, layer: int) -> np.ndarray:
    """The attention weights of all heads of a layer, (H,T,T) float32."""
    n_heads = trace.rows[0].q[0].shape[0]
    return np.stack([weights(checkpoint, trace, layer, head) for head in range(n_heads)])


def queries_and_keys(
    checkpoint: Checkpoint, trace: Trace, layer: int
) -> tuple[np.ndarray, np.ndarray]:
    """q and k of all heads of a layer, each (H,T,D) float32."""
    q, k = (x.float().cpu().numpy() for x in (trace.layer_q(layer), trace.layer_k(layer)))
    return q, k


@dataclass(frozen=True, eq=False)
class Survey:
    """All heads of a prompt at once.

    pooled: (L,H,n,n) float32, the largest weight in each square of `cell` × `cell` tokens.
    cell: tokens per square side; 1 = nothing is pooled.
    facts: name -> (L,H) float32, see FACTS; NaN where a fact does not exist for this prompt.
    """

    pooled: np.ndarray
    cell: int
    facts: dict[str, np.ndarray]


FACTS = {
    "entropy": "mean entropy of the rows, in bits: 0 = reads one token, log2(n) = reads n equally",
    "previous": "mean weight on the token just before",
    "first": "mean weight on the first token",
    "itself": "mean weight on the token itself",
    "induction": "weight on the tokens that followed earlier copies of the current token, mean "
    "over the tokens that occurred before",
}


@torch.inference_mode()
def survey(checkpoint: Checkpoint, trace: Trace, n_max: int = 96) -> Survey:
    """Every head, pooled with max to at most n_max × n_max, and each head's facts; local keys only.

    Works on bands of queries: a layer's full (H,T,T) never exists, and keys after a band cost
    nothing.
    """
    cell = -(-len(trace) // n_max)
    followers = _followers(trace.ids).to(trace.next_logits.device)
    layers = [
        _survey_layer(
            trace.layer_q(i), trace.layer_k(i), scaling(checkpoint, i), followers, cell
        )
        for i in range(trace.n_layers)
    ]
    pooled = np.stack([grid.cpu().numpy() for grid, _ in layers])
    sums = np.stack([sums.cpu().numpy() for _, sums in layers])  # (L,len(FACTS),H)
    n = len(trace)
    counts = [n, n - 1, n - 1, n, int(followers.any(-1).sum())]
    facts = {
        name: sums[:, i] / count if count else np.full_like(sums[:, i], np.nan)
        for i, (name, count) in enumerate(zip(FACTS, counts))
    }
    return Survey(pooled, cell, facts)


def _survey_layer(
    q: torch.Tensor, k: torch.Tensor, scale: float, followers: torch.Tensor, cell: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """q, k (H,T,D) -> pooled (H,n,n) and the sums behind FACTS, (len(FACTS),H)."""
    n_heads, n_tokens = q.shape[:2]
    side, band = -(-n_tokens // cell), cell * max(1, BAND // cell)
    pooled = q.new_zeros((n_heads, side, side), dtype=torch.float32)
    sums = q.new_zeros((len(FACTS), n_heads), dtype=torch.float32)
    for start in range(0, n_tokens, band):
        give_way()
        stop = min(start + band, n_tokens)
        w = causal.weights(q[:, start:stop], k[:, :stop], scale)
        squares = torch.nn.functional.max_pool2d(w[None], cell, ceil_mode=True)[0]
        first = start // cell
        pooled[:, first : first + squares.shape[1], : squares.shape[2]] = squares
        sums += _fact_sums(w, start, followers[start:stop, :stop])
    return pooled, sums


def _fact_sums(w: torch.Tensor, start: int, followers: torch.Tensor) -> torch.Tensor:
    """w (H,t,S): weights of t queries from position `start` on -> sums over them, in FACTS' order."""
    to_first = w[..., 0].sum(-1)
    return torch.stack([
        torch.special.entr(w).sum((1, 2)) / np.log(2),
        w.diagonal(start - 1, 1, 2).sum(-1),
        to_first if start else to_first - w[:, 0, 0],
        w.diagonal(start, 1, 2).sum(-1),
        w.flatten(1) @ followers.flatten().to(w.dtype),
    ])


@dataclass(frozen=True, eq=False)
class Steps:
    """How one query token of one head reads; n = query + 1 keys can be seen.

    q (D,); k, v (T,D); scores = q·k (T,); scaled = scores × scaling (T,); visible (T,) bool;
    weights (T,), 0 where not visible; mixed = weights @ v (D,); projected (C,) is this head's part
    of what attention adds to the residual stream; residual_error: largest difference between the
    sum of all heads' parts plus bias and what attention really added at this token.
    """

    q: np.ndarray
    k: np.ndarray
    v: np.ndarray
    scaling: float
    scores: np.ndarray
    scaled: np.ndarray
    visible: np.ndarray
    weights: np.ndarray
    mixed: np.ndarray
    projected: np.ndarray
    residual_error: float


@torch.inference_mode()
def steps(checkpoint: Checkpoint, trace: Trace, layer: int, head: int, query: int) -> Steps:
    """The steps of one query: q·k, scaled, masked, softmax, mixed values, output projection.

    Always in float32, as in `weights`.
    """
    _check_head(trace, layer, head)
    check_token(trace, query)
    scale = scaling(checkpoint, layer)
    q, k, v = (part(layer).float() for part in (trace.layer_q, trace.layer_k, trace.layer_v))
    scores = _scores(trace, layer, query)
    visible = torch.arange(len(trace), device=q.device) <= query
    row = causal.softmax((scores * scale)[:, None], query)[:, 0]  # (H,T)
    mixed = torch.einsum("hs,hsd->hd", row, v)
    parts = _head_parts(checkpoint, layer, mixed)  # (H,C)
    bias = blocks(checkpoint.model)[layer].attn.c_proj.bias.float()
    error = (parts.sum(0) + bias - trace.attention_added(layer)[query]).abs().max()
    return Steps(
        q=_array(q[head, query]), k=_array(k[head]), v=_array(v[head]), scaling=scale,
        scores=_array(scores[head]), scaled=_array(scores[head] * scale), visible=_array(visible),
        weights=_array(row[head]), mixed=_array(mixed[head]), projected=_array(parts[head]),
        residual_error=float(error),
    )


def _scores(trace: Trace, layer: int, query: int) -> torch.Tensor:
    """q·k of a query with every key of the prompt, in all heads of a layer, (H,T) float32."""
    q, k = trace.layer_q(layer)[:, query].float(), trace.layer_k(layer).float()
    return torch.einsum("hd,hsd->hs", q, k)


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.cpu().numpy()


@dataclass(frozen=True, eq=False)
class WeightArithmetic:
    """The arithmetic of one weight: weight = exp(scaled − largest) / denominator.

    q, k, products = q × k (D,); score = their sum; scaled = score × scaling; largest: the largest
    scaled score of the row; denominator: the sum of exp(scaled − largest) over the visible keys.
    """

    q: np.ndarray
    k: np.ndarray
    products: np.ndarray
    score: float
    scaling: float
    scaled: float
    largest: float
    denominator: float
    weight: float


def cell(
    checkpoint: Checkpoint, trace: Trace, layer: int, head: int, query: int, key: int
) -> WeightArithmetic:
    """The arithmetic of one cell; raises ValueError for a key the query cannot see."""
    check_token(trace, query)
    check_token(trace, key)
    if key > query:
        raise ValueError(
            f"Query {query} cannot read key {key}: it lies in its future. Choose a key up to "
            f"{query}."
        )
    _check_head(trace, layer, head)
    scale = scaling(checkpoint, layer)
    q, k = _array(trace.layer_q(layer)[head, query].float()), trace.layer_k(layer).float()
    scores = _array(_scores(trace, layer, query)[head])
    scaled = scores * np.float32(scale)
    seen = scaled[: query + 1].astype(np.float64)
    largest = seen.max()
    denominator = np.exp(seen - largest).sum()
    return WeightArithmetic(
        q=q,
        k=(own := _array(k[head, key])),
        products=q * own,
        score=float(scores[key]),
        scaling=scale,
        scaled=float(scaled[key]),
        largest=float(largest),
        denominator=float(denominator),
        weight=float(np.exp(seen[key] - largest) / denominator),
    )


def _head_parts(checkpoint: Checkpoint, layer: int, mixed: torch.Tensor) -> torch.Tensor:
    """mixed (H,D) -> what each head alone adds to the residual stream, (H,C), without bias."""
    rows = blocks(checkpoint.model)[layer].attn.c_proj.weight  # (C,C), row = input
    return torch.einsum("hd,hdc->hc", mixed.float(), rows.float().view(*mixed.shape, -1))


def _followers(ids: np.ndarray) -> torch.Tensor:
    """(T,T) bool: key j+1 of query i where ids[j] == ids[i] and j + 1 < i."""
    same = ids[:, None] == ids[None, :]
    after = np.zeros_like(same)
    after[:, 1:] = same[:, :-1]
    return torch.from_numpy(np.tril(after, -1))


def _check_head(trace: Trace, layer: int, head: int) -> None:
    n_heads = trace.rows[0].q[0].shape[0]
    if not (0 <= layer < trace.n_layers and 0 <= head < n_heads):
        raise ValueError(
            f"There is no head {head} in layer {layer}. Choose layers 0 to {trace.n_layers - 1} "
            f"and heads 0 to {n_heads - 1}."
        )


def check_token(trace: Trace, position: int) -> None:
    if not 0 <= position < len(trace):
        raise ValueError(
            f"There is no token at position {position}. Choose one of this prompt: positions 0 to "
            f"{len(trace) - 1}."
        )
