"""The size of any GPT as bars and tables, and the inputs that choose it."""

import plotly.graph_objects as go

from components.kit import palette
from components.kit.fact_strip import fact_strip
from components.kit.plain_table import plain_table
from model.analysis import arithmetic
from model.analysis.arithmetic import Count, GptShape

COLOURS = {
    "embedding": palette.EMBEDDING,
    "query": palette.QUERY,
    "key": palette.KEY,
    "value": palette.VALUE,
    "output": palette.ATTENTION,
    "up-projection": palette.MLP,
    "down-projection": "#97472a",
    "unembedding": palette.OUTPUT,
}
FIELDS = {
    "n_layer": "L layers",
    "n_head": "H heads",
    "d_model": "D model width",
    "d_head": "d_h head width",
    "d_mlp": "F MLP width",
    "n_vocab": "V vocabulary",
    "n_positions": "P positions",
}
THIS = "this model"
TITLES = {THIS: "This model", **arithmetic.TITLES}
LARGEST = 10_000_000


def starting_shape(preset: str, config) -> GptShape:
    """The seven numbers of a preset, or of the loaded model's config."""
    return arithmetic.of_config(config) if preset == THIS else arithmetic.PRESETS[preset]


def totals(size: Count) -> str:
    """The three main numbers (HTML)."""
    return fact_strip(
        [
            (f"{size.matrices:,}", "matrices", ""),
            (f"{size.weights:,}", "weights in them, as commonly counted", ""),
            (f"{size.full:,}", "every trained number, once", ""),
        ]
    )


def bars(size: Count) -> go.Figure:
    """Weights by group, the common count; bars are exact."""
    names = [g.name for g in size.groups]
    weights = [g.weights for g in size.groups]
    figure = go.Figure(
        go.Bar(
            y=names, x=weights, orientation="h", marker_color=[COLOURS[n] for n in names],
            text=[f"{w / size.weights:.1%}" for w in weights], textposition="auto",
            customdata=[(f"{g.matrices:,}", f"{g.rows:,} × {g.columns:,}") for g in size.groups],
            hovertemplate="<b>%{x:,}</b> weights<br>%{customdata[0]} matrices of %{customdata[1]}"
            "<extra>%{y}</extra>",
        )
    )
    figure.update_yaxes(autorange="reversed", tickfont_size=15)
    figure.update_xaxes(title="weights", tickfont_size=14)
    margin = {"l": 8, "r": 8, "t": 8, "b": 8}
    return figure.update_layout(height=400, font={"size": 16}, margin=margin)


def table(size: Count) -> str:
    """The common count: group, formula, matrices, size of each, weights; its sum last (HTML)."""
    rows = [
        [g.name, g.weights, g.matrices, f"{g.rows:,} × {g.columns:,}", g.formula]
        for g in size.groups
    ]
    rows.append(["sum", size.weights, size.matrices, "", ""])
    return plain_table(["group", "weights", "matrices", "each", "formula"], rows, sum_row=True)


def reconciliation(size: Count) -> str:
    """From the common count to every trained number once (HTML)."""
    rows = [["common count", size.weights, ""]]
    rows += [[f"+ {g.name}", g.weights, g.formula] for g in size.left_out]
    rows.append(["− unembedding: tied", -size.tied, "V × D"])
    rows.append(["= every number once", size.full, ""])
    return plain_table(["what", "numbers", "formula"], rows, sum_row=True)
