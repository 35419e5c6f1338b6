"""How far each memory module is open and what its state does: arrays in, grids and figures out."""

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from components.kit.cell_grid import Grid, levels
from components.memory.bars import HUES

TITLES = {"early": "early RNN", "late": "late RNN", "edm": "EDM", "am": "AM"}
WAYS = {
    "early": "Gate of the early RNN, mean over channels",
    "late": "Gate of the late RNN, mean over channels",
    "edm": "EDM: weight on slots, without the null slot, mean over heads",
    "am": "AM: share of attention that went to memory, mean over layers and heads",
}


def openness(ways: dict[str, np.ndarray], tokens: list[str], first: int = 0) -> Grid:
    """module -> openness (T,) of 0 to 1 of T tokens, numbered from `first`: a row a module."""
    values = np.stack(list(ways.values()))
    return _grid(
        "Each way in, 0 closed to 1 open", values, [TITLES[name] for name in ways],
        [WAYS[name] for name in ways], tokens, levels(values, 1), [("open", "values", "number")],
        {"values": values}, first,
    )


def added(parts: list[tuple], tokens: list[str], edm_layer: int, first: int = 0) -> Grid:
    """(module, layer or −1, lengths (T,) of what it added and of the stream there), a row each."""
    added_, stream = (np.stack([part[i] for part in parts]) for i in (2, 3))
    ratio = added_ / np.maximum(stream, 1e-12)
    rows, said = zip(*(_place(name, layer, edm_layer) for name, layer, *_ in parts))
    details = [("adds length", "added", "number"), ("to a stream of length", "stream", "number"),
               ("a share of", "ratio", "number")]
    return _grid(
        "Length of what is added ÷ length of the stream there", ratio, list(rows), list(said),
        tokens, levels(np.sqrt(ratio), 1), details,
        {"added": added_, "stream": stream, "ratio": ratio}, first,
    )


def _place(name: str, layer: int, edm_layer: int) -> tuple[str, str]:
    return {
        "early": ("early RNN", "Early RNN, over the embeddings"),
        "edm": (f"EDM, block {edm_layer}", f"EDM, before block {edm_layer}"),
        "late": ("late RNN", "Late RNN, before the LM head"),
        "am": (f"AM, layer {layer}", f"Memory's slots in the attention of layer {layer}"),
    }[name]


def _grid(title, values, rows, said, tokens, shades, details, arrays, first: int) -> Grid:
    return Grid(
        title=title,
        levels=shades,
        rows=rows,
        columns=tokens,
        row_words=said,
        column_words=[f"{i} {token}" for i, token in enumerate(tokens, first)],
        row_hues=["memory"] * len(rows),
        details=details,
        arrays=arrays,
        texts=None if len(tokens) > 80 else [_short(x) for x in values.ravel()],
        height=30 * len(rows),
        row_most=34,
    )


def _short(x: float) -> str:
    if x >= 10:
        return f"{x:.0f}"
    if x >= 1:
        return f"{x:.1f}"
    return "0" if x == 0 else f"{x:.2f}".replace("0.", ".", 1) if x >= 0.005 else "<.01"


def states(names: list[str], found: dict[str, tuple], of: str, height: int = 330) -> go.Figure:
    """names: N prompts or tokens; found: recurrent module -> (lengths (N,) of its state after each,
    cosines (N,) to the state before); of: what N counts. Top: the length; bottom: the change,
    1 − cosine."""
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08)
    places = list(range(len(names)))
    for name, (norms, cosines) in found.items():
        lines = (norms, 1 - np.asarray(cosines, dtype=np.float64))
        for row, (values, what) in enumerate(zip(lines, ("length", "1 − cosine")), 1):
            figure.add_scatter(
                x=places, y=values, mode="lines+markers" if len(names) <= 60 else "lines",
                name=TITLES[name], legendgroup=name, showlegend=row == 1,
                line={"color": HUES[name], "width": 3.5, "dash": "solid" if name == "early"
                      else "dot"},
                marker={"size": 9}, customdata=names, row=row, col=1,
                hovertemplate=f"<b>%{{customdata}}</b> {what} %{{y:.4~r}}"
                "<extra>%{fullData.name}</extra>",
            )
    every = max(1, -(-len(names) // 24))
    figure.update_xaxes(tickmode="array", tickvals=places[::every], showgrid=False,
                        ticktext=[_label(n) for n in names[::every]], row=2, col=1,
                        title={"text": of, "font": {"size": 16}}, tickfont={"size": 14})
    figure.update_yaxes(rangemode="tozero", nticks=4, tickfont={"size": 14},
                        title={"font": {"size": 15}})
    figure.update_yaxes(title={"text": "length"}, row=1, col=1)
    figure.update_yaxes(title={"text": "change"}, row=2, col=1)
    if all(np.isnan(cosines).all() for _, cosines in found.values()):
        figure.update_yaxes(range=[0, 1], row=2, col=1)
    figure.update_layout(
        height=height, margin={"l": 8, "r": 8, "t": 34, "b": 8}, hoverlabel={"font_size": 15},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "font": {"size": 15}},
    )
    return figure


def _label(name: str) -> str:
    """A token as plain text for Plotly, which reads a few HTML tags."""
    short = name if len(name) <= 10 else f"{name[:9]}…"
    return short.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
