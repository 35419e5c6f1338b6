"""The whole model on one picture: tokens, embedding, blocks, next word, and what flows between them.

Arrays and strings in, a picture out. Knows nothing of the model.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from components.kit import assets, canvas, palette
from components.kit.next_token import percent

MOST_ROWS = 48  # tokens that are sent; the browser shows as many as fit, the strongest first
MOST_SOURCES = 16  # slots of memory in the margin
LEAST = 0.005  # of a logit's parts, by size: smaller ones are not drawn
HUES = {
    "attention": palette.ATTENTION, "residual": palette.RESIDUAL, "mlp": palette.MLP,
    "embedding": palette.EMBEDDING, "output": palette.OUTPUT, "memory": palette.MEMORY,
    "against": palette.SURPRISAL,
}

_mount = assets.component(
    "whole",
    "start/whole",
    '<div class="picture"><svg class="map" role="group"></svg>'
    '<button class="play" type="button"></button><p class="tip" role="status"></p></div>',
)


@dataclass(frozen=True, eq=False)
class Source:
    """Something in memory that flows in: kind, its number in its store; the store's short name, the
    word, and where it comes from in words."""

    kind: str
    number: int
    store: str
    text: str
    told: str


@dataclass(frozen=True, eq=False)
class Picture:
    """model: its name; names, ids: the T tokens; n_start: 1 where <|endoftext|> stands in front; n_heads.
    seen: what `run.whole` gives; sources: (kind, number) of an edge from memory -> Source;
    logit: what `run.logit` gives, and the token's text; None: widths are shares.
    has_memory: whether something was told, so that memory has its margin."""

    model: str
    names: list[str]
    ids: np.ndarray
    n_start: int
    n_heads: int
    seen: Any
    sources: Callable[[str, int], Source]
    logit: tuple[Any, str] | None
    has_memory: bool


def show(picture: Picture, key: str, on_token: Callable[[int], None]) -> dict | None:
    """Draw it -> what was clicked in this run, to be opened: "kind" and its place; on_token(t) runs
    first when a token is chosen."""

    def tell():
        on_token(int(st.session_state[key].token))

    data = canvas.pack(message(picture))
    return _mount(key=key, data=data, on_token_change=tell, on_go_change=lambda: None).go


def message(picture: Picture) -> dict:
    """What the browser draws."""
    drawn = _shares(picture) if picture.logit is None else _logit(picture)
    top, at = picture.seen.next, picture.seen.flow.position
    return drawn | {
        "hues": HUES, "model": picture.model, "n": len(picture.names), "at": at, "n_start": picture.n_start,
        "n_heads": picture.n_heads, "has_memory": picture.has_memory,
        "names": [picture.names[t] for t in drawn["rows"]],
        "ids": [int(picture.ids[t]) for t in drawn["rows"]],
        "words": [[w, _round(p)] for w, p in zip(picture.seen.words, picture.seen.probability)],
        "next": [[w, _round(p)] for w, p in zip(top.texts, top.probability)],
    }


def _shares(picture: Picture) -> dict:
    """Widths are shares of the chosen token's last stream."""
    flow = picture.seen.flow
    rows = strongest(flow.shares, flow.position)
    edges, sources = _edges(picture, rows)
    return {
        "mode": "share", "rows": rows.tolist(), "edges": edges, "sources": sources,
        "shares": _rounded(flow.shares[:, rows]), "mlp": _rounded(flow.mlp[:, rows]),
        "places": _rounded(flow.position_part[rows]),
        "title": _title(picture),
    }


def _edges(picture: Picture, rows: np.ndarray) -> tuple[list, list]:
    """[kind, layer, source, target, share, part, head] of every edge between the rows: tokens by
    row, memory by its place in the list of sources, which comes second."""
    edges, kinds = picture.seen.flow.edges, ("token", "slot", "edm", "early", "late")
    row_of = {int(t): row for row, t in enumerate(rows)}
    found, sources, places = [], [], {}
    for e in np.argsort(-edges.share):
        kind, number, target = kinds[edges.kind[e]], int(edges.source[e]), int(edges.target[e])
        if target not in row_of:
            continue
        if kind == "token":
            source = row_of.get(number)
        else:
            source = _place(picture, places, sources, kind, number)
        if source is not None:
            numbers = [_round(edges.share[e]), _round(edges.part[e]), int(edges.head[e])]
            found.append([kind, int(edges.layer[e]), source, row_of[target], *numbers])
    return found, sources


def _place(picture: Picture, places: dict, sources: list, kind: str, number: int) -> int | None:
    """Where a source stands in the margin; None where that is full."""
    if (kind, number) not in places:
        if len(sources) >= MOST_SOURCES:
            return None
        places[kind, number] = len(sources)
        sources.append(vars(picture.sources(kind, number)))
    return places[kind, number]


def _logit(picture: Picture) -> dict:
    """Widths are parts of one logit."""
    parts, text = picture.logit
    L, at = len(parts.mlp), parts.position
    rows = strongest(np.abs(parts.read), at)
    row_of = {int(t): row for row, t in enumerate(rows)}
    sizes = np.concatenate([np.abs(x).ravel() for x in (parts.read, parts.slots, parts.edm)])
    least, found, sources, places = LEAST * sizes.sum(), [], [], {}
    n_tokens = parts.read.shape[1]
    candidates = [("token", layer, t, parts.read[layer, t], parts.heads[layer, t])
                  for layer in range(L) for t in rows]
    candidates += [("slot", layer, s, parts.slots[layer, s], parts.heads[layer, n_tokens + s])
                   for layer in range(L) for s in range(parts.slots.shape[1])]
    edm_layer = int(parts.edm_layer)
    candidates += [("edm", edm_layer, s, x, -1) for s, x in enumerate(parts.edm)]
    candidates += [("early", 0, 0, parts.early, -1), ("late", L, 0, parts.late, -1)]
    for kind, layer, number, value, head in sorted(candidates, key=lambda one: -abs(one[3])):
        if abs(value) < max(least, 1e-9):
            break
        source = row_of[int(number)] if kind == "token" else _place(
            picture, places, sources, kind, int(number))
        if source is not None:
            found.append([kind, layer, source, row_of[at], _round(value), 0, int(head)])
    read = float(parts.read.sum() + parts.slots.sum() + parts.edm.sum() + parts.early + parts.late)
    return {
        "mode": "logit", "rows": rows.tolist(), "edges": found, "sources": sources, "of": text,
        "token": parts.token,
        "mlp": _rounded(parts.mlp), "bias": _rounded(parts.bias), "logit": _round(parts.logit),
        "embedding": [_round(parts.embedding), _round(parts.place)],
        "final_bias": _round(parts.final_bias), "read": _round(read),
        "title": f"The logit of {text} behind {picture.names[at]}, {parts.logit:.2f}, in its parts: "
        f"embedding {parts.embedding + parts.place:.2f}, read from tokens and memory {read:.2f}, "
        f"MLPs {parts.mlp.sum():.2f}, biases {parts.bias.sum() + parts.final_bias:.2f}.",
    }


def strongest(carried: np.ndarray, position: int) -> np.ndarray:
    """carried (L,T): what passes through each token -> the tokens that are sent, in their order:
    the chosen one, the first, and those that carry most."""
    most = carried.max(0).astype(float)
    most[position] = np.inf
    most[0] = max(most[0], 1e-9)
    kept = np.argsort(-most, kind="stable")[:MOST_ROWS]
    return np.sort(kept)


def _title(picture: Picture) -> str:
    """The picture in words, for whoever cannot see it."""
    flow, names, top = picture.seen.flow, picture.names, picture.seen.next
    shares = flow.shares[0]
    best = np.argsort(-shares)[:3]
    sources = ", ".join(f"{names[t]} {percent(shares[t])}" for t in best if shares[t] >= LEAST)
    memory = float(flow.edges.share[flow.edges.kind > 0].sum())
    told = f" Memory: {percent(memory)}." if memory >= LEAST else ""
    return (
        f"Flow of information through {len(flow.mlp)} blocks into {names[flow.position]}, token "
        f"{flow.position + 1} of {len(names)}. Its last stream comes from: {sources}.{told} "
        f"Next: {top.texts[0]} {percent(top.probability[0])}."
    )


def _rounded(x: np.ndarray) -> list:
    """Of shares and logits that are drawn: five places behind the point."""
    return np.round(x.astype(float), 5).tolist()


def _round(x: float) -> float:
    """Four digits are enough to draw and to say; what is not 0 does not become 0."""
    return float(f"{x:.4g}")
