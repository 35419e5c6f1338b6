"""How far apart two prompts are, and what patches bring back: arrays and token strings in, grids out.

In every signed grid here 0 is the ground's own colour, red is below it, blue above.
"""

from dataclasses import replace

import numpy as np

from components.kit.cell_grid import Grid, levels, signed_levels
from components.kit.difference import short
from components.kit.fact_strip import fact_strip
from components.kit.units import show_error, show_number

MOST_TEXTS = 48  # columns; of more, no cell has room for a number
SITE_WORDS = {
    "stream": "stream before layer {}", "attn": "what the attention of layer {} wrote",
    "mlp": "what the MLP of layer {} wrote", "head": "layer {}",
}

FILL_WORDS = {  # what is put into a cell
    "patch": "A's value put into B alone",
    "zero": "zero in the place of B's value, in this cell alone",
    "mean": "the mean of A's tokens put into B alone",
    "resample": "the value of another token of A, drawn once, put into B alone",
}
WITH = {"patch": "A's value", "zero": "zero", "mean": "A's mean", "resample": "another of A"}


def stations(n_layers: int) -> list[str]:
    """Names of the 2L+1 stations."""
    return ["embedding", *(f"+ {part} {i}" for i in range(n_layers) for part in ("attention", "MLP"))]


def apart_grid(apart, names: list[str], words: list[str]) -> Grid:
    """apart: model.analysis.comparison.Apart of N pairs; names, words: of each pair."""
    rows = stations(len(apart.heads))
    return Grid(
        title=f"How far apart the two streams are: {len(rows)} stations, {len(names)} pairs of tokens",
        levels=levels(apart.distance, 1),
        rows=rows,
        columns=names,
        row_words=["embedding", *(f"after {name[2:]}" for name in rows[1:])],
        column_words=words,
        row_hues=["residual"] * len(rows),
        details=[("distance", "distance", "number"), ("cosine", "cosine", "signed")],
        arrays={"distance": apart.distance, "cosine": apart.cosine},
        texts=_texts(apart.distance),
        height=26 * len(rows) if len(rows) < 16 else 430,
        most=110,
    )


def parts_grid(apart, at: int, words: str) -> tuple[Grid, float]:
    """What each head and MLP wrote differently at pair `at` -> the grid (L,H+1), and what full colour
    stands for."""
    values = np.concatenate([apart.heads[:, :, at], apart.mlp[:, at : at + 1]], 1)
    n_layers, n_heads = apart.heads.shape[:2]
    top = float(values.max())
    layers = [f"layer {i}" for i in range(n_layers)]
    heads = [f"head {h}" for h in range(n_heads)]
    grid = Grid(
        title=f"What {n_heads} heads and the MLP of {n_layers} layers wrote differently: {words}",
        levels=levels(values, top),
        rows=layers,
        columns=[*map(str, range(n_heads)), "MLP"],
        row_words=layers,
        column_words=[*heads, "MLP"],
        row_hues=["output"] * n_layers,
        details=[("length of the difference", "values", "number")],
        arrays={"values": values},
        texts=_texts(values),
        column_title="head →",
        gap_before=n_heads,
        left=76,
        least=15,
        height=32 * n_layers,
        row_least=14,
    )
    return grid, top


def neighbours_grid(a, b, words: list[str]) -> Grid:
    """a, b: model.analysis.comparison.Neighbours of one token of A and of B; words: the tokens named in
    them, row by row, A's before B's."""
    cosine = np.concatenate([a.cosine, b.cosine], 1)
    n_rows, k = a.cosine.shape
    rows = ["embedding", *(f"layer {i}" for i in range(n_rows - 1))]
    places = [f"{side}, neighbour {i + 1}" for side in "AB" for i in range(k)]
    return Grid(
        title=f"Nearest tokens of the vocabulary: {n_rows} layers, {k} of A and {k} of B",
        levels=levels(cosine, 1),
        rows=rows,
        columns=[f"{side} {i + 1}" for side in "AB" for i in range(k)],
        row_words=["embedding", *(f"after {name}" for name in rows[1:])],
        column_words=places,
        row_hues=["output"] * n_rows,
        details=[("is", "cosine", "signed")],
        arrays={"cosine": cosine},
        names={"cosine": words},
        texts=words,
        gap_before=k,
        left=96,
        least=52,
        most=110,
        height=30 * n_rows,
        row_least=18,
        row_most=34,
    )


def share_grid(share: np.ndarray, value: np.ndarray, site: str, names: list[str], words: list[str],
               metric: str) -> Grid:
    """share, value (L,N): of every cell, NaN where none was run; names, words: of the N tokens, or
    heads; metric: its name."""
    rows = [f"layer {i}" for i in range(len(share))]
    is_head = site == "head"
    return Grid(
        title=f"Recovered share of the {metric}: {share.shape[0]} layers, {share.shape[1]} "
        + ("heads" if is_head else "tokens of prompt B"),
        levels=signed_levels(share, 1),
        rows=rows,
        columns=names,
        row_words=[SITE_WORDS[site].format(i) for i in range(len(share))],
        column_words=words,
        row_hues=["query"] * len(share),
        details=[("recovers", "share", "signed"), (metric, "value", "number")],
        arrays={"share": share, "value": value},
        texts=_texts(share),
        signed=True,
        column_title="head →" if is_head else "",
        left=76,
        height=34 * len(share) if len(share) < 13 else 430,
        most=76,
    )


def heads_grid(share: np.ndarray, value: np.ndarray, metric: str) -> Grid:
    """share, value (L,H): of every head; metric: its name."""
    heads = range(share.shape[1])
    return share_grid(share, value, "head", [str(h) for h in heads], [f"head {h}" for h in heads], metric)


def receivers_grid(
    share: np.ndarray, value: np.ndarray, moved: np.ndarray, first: int, metric: str
) -> Grid:
    """share, value, moved (R,H): of every receiver from layer `first` on; metric: its name."""
    plain = heads_grid(share, value, metric)
    layers = [f"layer {first + i}" for i in range(len(share))]
    return replace(
        plain,
        title=f"Recovered share of the {metric} by the path to each of {share.size} heads",
        rows=layers, row_words=layers,
        details=[*plain.details, ("its weights move by", "moved", "number")],
        arrays=plain.arrays | {"moved": moved},
    )


def reads_grid(weights: np.ndarray, names: list[str], words: list[str], head: tuple[int, int]) -> Grid:
    """weights (3,T): what the last token's row of a head is in B, in B with the path, and in A."""
    rows = ["in B", "B, path from A", "in A"]
    return Grid(
        title=f"What head {head[0]}.{head[1]} reads at the last token: 3 runs, {len(names)} tokens",
        levels=levels(weights, 1),
        rows=rows,
        columns=names,
        row_words=rows,
        column_words=words,
        row_hues=["output"] * 3,
        details=[("weight", "weight", "number")],
        arrays={"weight": weights},
        texts=_texts(weights),
        height=34 * 3,
        most=76,
    )


def moved_grid(moved: np.ndarray, names: list[str], words: list[str]) -> tuple[Grid, float]:
    """moved (2L+1,S) -> the grid of what a patch changes, and what full colour stands for."""
    rows, top = stations(len(moved) // 2), float(moved.max())
    grid = Grid(
        title=f"What the patch changes: {len(rows)} stations, {len(names)} tokens of prompt B",
        levels=levels(moved, top),
        rows=rows,
        columns=names,
        row_words=["embedding", *(f"after {name[2:]}" for name in rows[1:])],
        column_words=words,
        row_hues=["output"] * len(rows),
        details=[("moved by", "moved", "number")],
        arrays={"moved": moved},
        texts=_texts(np.where(moved == 0, np.nan, moved)),
        height=26 * len(rows) if len(rows) < 16 else 420,
        most=76,
    )
    return grid, top


def next_facts(found, distance: float | None) -> str:
    """found: comparison.NextTokens; distance: of the two streams at the end, None where it does not exist
    (HTML)."""
    change = found.change
    facts = [
        (show_number(found.js_nats), "Jensen-Shannon, nats", "0 = the same, 0.693 = nothing in common"),
        (f"A: {change.top_before}  B: {change.top_after}", "most probable next token", ""),
    ]
    if distance is not None:
        facts.append((show_number(distance), "distance of the streams at the end",
                      "‖a − b‖ ÷ the mean of both lengths"))
    return fact_strip(facts)


def patch_facts(change, share: float, value: float, read, metric: str) -> str:
    """change: of one patch; share, value: of its cell; read: model.analysis.recovery.Recovered; metric:
    its name (HTML)."""
    ends = f"{show_number(read.corrupt)} in B, {show_number(read.clean)} in A"
    return fact_strip([
        (show_number(share), "recovered share", "0 = as B, 1 = as A"),
        (show_number(value), f"{metric}; {ends}", ""),
        (f"{change.top_before} → {change.top_after}", "most probable after B", ""),
    ])


def identity(largest: float, n: int) -> str:
    """The proof beside the grid, in words."""
    return (f"✓ All {n} tokens of the last layer's stream put in at once give A's logits: largest "
            f"difference {show_error(largest)}.")


def _texts(values: np.ndarray) -> list[str] | None:
    return None if values.shape[1] > MOST_TEXTS else [short(x) for x in values.ravel()]
