"""The stream over all tokens, and the logit lens: arrays and token strings in, grids out."""

import html

import numpy as np

from components.kit import palette
from components.kit.cell_grid import Grid, levels, signed_levels
from components.kit.difference import short
from components.kit.two_distributions import percent

MAPS = {
    "norm": "Length of the stream",
    "added": "Length of what is added",
    "cosine": "Direction of what is added",
}
LEGENDS = {
    "norm": "Length √Σx² of each token's stream, from the embedding down to the last layer; "
    "colour: its rank among all cells. Click a token.",
    "added": "Length of what each attention (with its bias) and each MLP adds to each token; "
    "colour: its rank among all cells.",
    "cosine": "Cosine between what is added and the stream it is added to. 0: at a right angle, "
    "something new; above 0: strengthens the stream; below 0 (red): erases from it.",
}


def stream_grid(stream, tokens: list[str], shown: str, beside=None) -> Grid:
    """stream: what `run.stream` gives; shown: a key of MAPS; beside: another such stream, whose colours
    mean the same."""
    values = getattr(stream, shown)
    every = values if beside is None else np.concatenate([values, getattr(beside, shown)], 1)
    return _stations_grid(
        values, tokens, shown, signed_levels(values, 1) if shown == "cosine" else
        rank_levels(every)[:, : values.shape[1]], shown == "cosine", MAPS[shown], WORDS[shown])


def stream_difference(change: np.ndarray, names: list[str], shown: str) -> tuple[Grid, float]:
    """change (R,N): of B minus of A, of N pairs with these names -> the grid, and what full colour
    stands for."""
    top = float(np.nanmax(np.abs(change), initial=0))
    return _stations_grid(change, names, shown, signed_levels(change, top), True,
                          f"{MAPS[shown]}, B minus A", f"Δ {WORDS[shown]}", "query"), top


WORDS = {"norm": "length", "added": "adds length", "cosine": "cosine to the stream"}


def _stations_grid(
    values: np.ndarray, tokens: list[str], shown: str, levels: np.ndarray, is_signed: bool, title: str,
    said: str, hue: str = "",
) -> Grid:
    n_layers = len(values) // 2
    names = [f"{word} {i}" for i in range(n_layers) for word in ("attention", "MLP")]
    hues = ["attention", "mlp"] * n_layers
    words = [f"{kind} of layer {name.split()[1]}" for name in names for kind in [name.split()[0]]]
    if shown == "norm":
        names, hues = ["embedding", *(f"+ {name}" for name in names)], ["residual"] * len(values)
        words = ["in the embedding", *(f"after the {word}" for word in words)]
    return Grid(
        title=f"{title}: {len(names)} stations, {len(tokens)} tokens",
        levels=levels,
        rows=names,
        columns=tokens,
        row_words=words,
        column_words=[f"{i} {token}" for i, token in enumerate(tokens)],
        row_hues=[hue] * len(names) if hue else hues,
        details=[(said, "values", "signed" if is_signed else "number")],
        arrays={"values": values},
        texts=None if len(tokens) > 80 else [(short if is_signed else _short)(x) for x in values.ravel()],
        signed=is_signed,
        height=26 * len(names) if len(names) < 16 else 420,
    )


def rank_levels(values: np.ndarray) -> np.ndarray:
    """values -> uint8 levels by rank, 12 to 255: one giant token does not hide the others."""
    ranks = values.ravel().argsort().argsort().reshape(values.shape)
    return levels(12 + 243 * ranks / max(1, values.size - 1), 255)


def _short(x: float) -> str:
    if np.isnan(x):
        return ""
    if abs(x) >= 10:
        return f"{x:.0f}"
    return f"{x:.1f}" if abs(x) >= 1 else f"{x:.2f}".replace("0.", ".", 1).replace("-", "−")


LENS_SHOWN = {
    "probability": "Its word",
    "final_probability": "Rank of the final word",
    "came_probability": "Rank of the word that came",
}
LENS_LEGENDS = {
    "probability": "Each cell: the word that this layer would predict after the token above (its "
    "stream read through the model's own final LayerNorm and unembedding). Colour: its "
    "probability; bold: it is already the final word.",
    "final_probability": "Each cell: the rank of the model's final prediction at this layer; "
    "colour: its probability there. Rank 1 = this layer predicts it too.",
    "came_probability": "Each cell: the rank of the token that really comes next in the prompt; "
    "colour: its probability at this layer. After the last token nothing has come yet.",
}


def lens_rows(n_layers: int) -> list[str]:
    """Names of the L+1 rows of a lens."""
    return ["embedding", *(f"layer {i}" for i in range(n_layers))]


def lens_grid(lens, shown: str, tokens: list[str], words: list[str], came: list[str]) -> Grid:
    """lens: n positions from lens.start; shown: a key of LENS_SHOWN; tokens: of those n positions;
    words: the (L+1)·n top tokens; came: the n tokens that came next ("" where none)."""
    n_rows, n = lens.ids.shape
    final = words[(n_rows - 1) * n :]
    is_final = (lens.ids == lens.ids[-1]).ravel().tolist()
    ranks = {"final_probability": lens.final_rank, "came_probability": lens.came_rank}
    texts = words if shown == "probability" else [_rank(x) for x in ranks[shown].ravel()]
    rows = lens_rows(n_rows - 1)
    return Grid(
        title=f"Logit lens: {n_rows} layers, {n} tokens",
        levels=levels(getattr(lens, shown), 1),
        rows=rows,
        columns=tokens,
        row_words=["embedding", *(f"after {name}" for name in rows[1:])],
        column_words=[f"having read {i + lens.start} {token}" for i, token in enumerate(tokens)],
        row_hues=["output"] * n_rows,
        details=[
            ("says", "probability", "percent"),
            ("final word", "final_probability", "percent"),
            ("rank", "final_rank", "rank"),
            ("came", "came_probability", "percent"),
            ("rank", "came_rank", "rank"),
        ],
        arrays={name: getattr(lens, name) for name in (
            "probability", "final_probability", "final_rank", "came_probability", "came_rank"
        )},
        names={"probability": words, "final_probability": final, "came_probability": came},
        texts=texts,
        bold=is_final if shown == "probability" else [text == "1" for text in texts],
        column_title="having read →",
        left=104,
        least=66 if shown == "probability" else 52,
        most=120,
        height=38 * n_rows,
        row_least=22,
        row_most=38,
        text_most=17,
    )


def lens_difference(apart: np.ndarray, names: list[str], words: list[str]) -> Grid:
    """apart (L+1,N): Jensen-Shannon in nats of what both lenses say behind N pairs of tokens."""
    rows = lens_rows(len(apart) - 1)
    return Grid(
        title=f"How far apart both logit lenses are: {len(rows)} layers, {len(names)} pairs of tokens",
        levels=levels(apart, float(np.log(2))),
        rows=rows,
        columns=names,
        row_words=["embedding", *(f"after {name}" for name in rows[1:])],
        column_words=words,
        row_hues=["output"] * len(rows),
        details=[("Jensen-Shannon, nats", "apart", "number")],
        arrays={"apart": apart},
        texts=None if len(names) > 80 else [short(x) for x in apart.ravel()],
        column_title="having read →",
        left=104,
        most=120,
        height=30 * len(rows),
        row_least=22,
        row_most=38,
    )


def _rank(rank: int) -> str:
    return f"{rank:,}" if rank else ""


def word_bars(top, heading: str) -> str:
    """top: TopTokens -> a heading and its tokens as bars in as many columns as fit, and the rest."""
    rows = [_bar(text, p) for text, p in zip(top.texts, top.probability)]
    rest = f"{percent(top.rest)} on all other tokens"
    return (
        f"<div><b>{html.escape(heading)}</b> <span style='opacity:.72'>{rest}</span></div>"
        '<div style="columns:20em;column-gap:2em;margin-top:.4em;min-height:9.5em">'
        f"{''.join(rows)}</div>"
    )


def _bar(text: str, p: float) -> str:
    share = percent(p)
    return (
        '<div style="display:grid;grid-template-columns:6.5em 1fr 4.8em;gap:.5em;'
        'break-inside:avoid;align-items:center;line-height:1.6">'
        '<bdi style="text-align:right;font-weight:600;overflow:hidden;text-overflow:ellipsis;'
        f'white-space:nowrap">{html.escape(text)}</bdi>'
        f'<span style="background:{palette.EMPTY};border-radius:.2em;height:.9em">'
        f'<span style="display:block;width:{100 * p:.2f}%;height:100%;border-radius:.2em;'
        f'background:{palette.OUTPUT}"></span></span><span>{share}</span></div>'
    )
