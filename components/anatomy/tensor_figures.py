"""One tensor in pictures: histogram, heat map, heads. Takes arrays, returns figures."""

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from components.kit import palette
from components.kit.fact_strip import fact_strip
from components.kit.units import show_bytes, show_number
from model.analysis.tensor_values import HeadWeights, Histogram, MatrixPicture, View

KINDS = {"query": palette.QUERY, "key": palette.KEY, "value": palette.VALUE}
# values near zero fade into the page, light or dark
SIGNED = [[0, palette.LOWERS], [0.5, "rgba(127,127,127,0.06)"], [1, palette.RAISES]]


def facts(view: View) -> str:
    """Facts over all values of a tensor (HTML); hover gives every digit."""
    f = view.facts
    named = {"mean": f.mean, "std": f.std, "min": f.minimum, "max": f.maximum, "norm √Σx²": f.norm}
    size = (show_bytes(view.tensor.n_bytes), "in the file", f"{view.tensor.n_bytes:,} bytes")
    numbers = [(show_number(x, 4), name, repr(x)) for name, x in named.items()]
    return fact_strip([(f"{f.n:,}", "values", ""), size, *numbers])


def histogram(bars: Histogram, colour: str) -> go.Figure:
    """Counts of all values; the count axis is logarithmic, so that rare outliers are seen."""
    centres, width = (bars.edges[1:] + bars.edges[:-1]) / 2, np.diff(bars.edges)
    figure = go.Figure(
        go.Bar(
            x=centres, y=bars.counts, width=width, marker={"color": colour, "line": {"width": 0}},
            customdata=np.stack([bars.edges[:-1], bars.edges[1:]], -1),
            hovertemplate="%{y:,} values<br>%{customdata[0]:.5~r} to %{customdata[1]:.5~r}"
            "<extra></extra>",
        )
    )
    figure.update_yaxes(type="log", title="how many (log scale)", dtick=1, exponentformat="power")
    figure.update_xaxes(title="value", zeroline=True)
    return _finish(figure, 260).update_layout(bargap=0)


def heat_map(grid: MatrixPicture, row_names: list[str] | None = None) -> go.Figure:
    """The values of a matrix; hover gives the exact value and its place."""
    if grid.shape[0] == 1:
        return _vector(grid)
    limit = colour_limit(grid.values)
    figure = go.Figure(_cells(grid, limit, showscale=True))
    figure.update_yaxes(title="row", autorange="reversed", showgrid=False)
    figure.update_xaxes(title="column", constrain="domain", showgrid=False)
    if row_names:
        at = grid.row[:, 0]
        figure.update_yaxes(tickvals=at, ticktext=row_names, title="")
    return _finish(figure, 460 if not row_names else 900)


def pooling_words(grid: MatrixPicture) -> str:
    """What one cell of a picture shows."""
    r, c = grid.block
    if (r, c) == (1, 1):
        return "Every value is shown. Hover: the exact value and its place."
    return (
        f"Each cell stands for {r} × {c} values and shows the one furthest from zero. Hover for "
        "its exact value and place. 0.5 % of the cells exceed the colour scale."
    )


def colour_limit(values: np.ndarray) -> float:
    """The end of the colour scale: 99.5 % of the shown values lie within ± this."""
    return float(np.quantile(np.abs(values), 0.995)) or 1.0


def _cells(grid: MatrixPicture, limit: float, **looks) -> go.Heatmap:
    return go.Heatmap(
        z=grid.values, x=grid.column[0] // grid.block[1] * grid.block[1],
        y=grid.row[:, 0] // grid.block[0] * grid.block[0],
        customdata=np.stack([grid.row, grid.column], -1).astype(np.int32),
        hovertemplate="row %{customdata[0]}, column %{customdata[1]}<br><b>%{z:.9~r}</b>"
        "<extra></extra>",
        colorscale=SIGNED, zmin=-limit, zmax=limit, **looks,
    )


def _vector(grid: MatrixPicture) -> go.Figure:
    figure = go.Figure(
        go.Bar(
            x=grid.column[0], y=grid.values[0], marker={"color": palette.NORM, "line": {"width": 0}},
            hovertemplate="place %{x}<br><b>%{y:.9~r}</b><extra></extra>",
        )
    )
    figure.update_xaxes(title="place in the vector")
    figure.update_yaxes(title="value")
    return _finish(figure, 320).update_layout(bargap=0)


def all_heads(weights: HeadWeights) -> go.Figure:
    """Query, key and value matrices of every head of a layer, side by side; rows: model width."""
    stacked = [_side_by_side(grids) for grids in weights.thumbnails]
    limit = colour_limit(np.concatenate([z[~np.isnan(z)] for z, _ in stacked]))
    figure = make_subplots(3, 1, shared_xaxes=True, vertical_spacing=0.03)
    for i, ((z, at), (kind, colour)) in enumerate(zip(stacked, KINDS.items()), 1):
        figure.add_heatmap(
            z=z, customdata=at, colorscale=tinted(colour), zmin=0, zmax=limit, showscale=False,
            hovertemplate=f"{kind}, head %{{customdata[0]}}<br>row %{{customdata[1]}}, column "
            "%{customdata[2]} of the head<br><b>%{customdata[3]:.9~r}</b><extra></extra>",
            hoverongaps=False, row=i, col=1,
        )
        figure.update_yaxes(
            title={"text": kind, "font": {"color": colour, "size": 18}}, showticklabels=False,
            autorange="reversed", showgrid=False, ticks="", row=i, col=1,
        )
    n_head, width = len(weights.thumbnails[0]), stacked[0][0].shape[1]
    pitch = (width + 1) / n_head
    figure.update_xaxes(
        tickvals=[(h + 0.5) * pitch - 1 for h in range(n_head)], ticktext=list(range(n_head)),
        showgrid=False,
    )
    figure.update_xaxes(title="head", row=3, col=1)
    left = weights.head * pitch - 1
    figure.add_vrect(
        x0=left, x1=left + pitch, row="all", col=1, line={"color": "rgba(127,127,127,.9)", "width": 2}
    )
    return _finish(figure, 520)


def _side_by_side(grids: tuple[MatrixPicture, ...]) -> tuple[np.ndarray, np.ndarray]:
    """H pooled matrices -> |values| with a gap after each, and (head, row, column, value)."""
    rows = grids[0].values.shape[0]
    gap, no_place = np.full((rows, 1), np.nan), np.full((rows, 1, 4), np.nan)
    shown, places = [], []
    for head, grid in enumerate(grids):
        heads = np.full(grid.values.shape, head)
        shown += [np.abs(grid.values), gap]
        places += [np.stack([heads, grid.row, grid.column, grid.values], -1), no_place]
    z, at = np.concatenate(shown, 1)[:, :-1], np.concatenate(places, 1)[:, :-1]
    return z.astype(np.float32), at.astype(np.float32)


def tinted(colour: str) -> list:
    """Nothing -> the colour: a scale for sizes that fades into the page."""
    r, g, b = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return [[0, f"rgba({r},{g},{b},0.03)"], [1, f"rgba({r},{g},{b},1)"]]


def head_norms(weights: HeadWeights) -> go.Figure:
    """How large each head's three matrices are: Frobenius norms, grouped by head."""
    heads = list(range(weights.norms.shape[1]))
    figure = go.Figure(
        [
            go.Bar(x=heads, y=norms, name=kind, marker_color=colour,
                   hovertemplate=f"{kind}, head %{{x}}<br><b>%{{y:.6~r}}</b><extra></extra>")
            for norms, (kind, colour) in zip(weights.norms, KINDS.items())
        ]
    )
    figure.update_xaxes(title="head", dtick=1)
    figure.update_yaxes(title="norm √Σw²")
    legend = {"orientation": "h", "y": 1.15, "x": 0, "font": {"size": 15}}
    return _finish(figure, 320).update_layout(legend=legend)


def one_head(weights: HeadWeights) -> go.Figure:
    """The chosen head's three matrices (C,D), on one signed scale."""
    limit = max(colour_limit(grid.values) for grid in weights.chosen)
    titles = [f"<b>{kind}</b>" for kind in KINDS]
    figure = make_subplots(1, 3, subplot_titles=titles, shared_yaxes=True, horizontal_spacing=0.02)
    for i, grid in enumerate(weights.chosen, 1):
        figure.add_trace(_cells(grid, limit, showscale=i == 3), row=1, col=i)
    for title, colour in zip(figure.layout.annotations, KINDS.values()):
        title.font = {"color": colour, "size": 18}
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_xaxes(showgrid=False)
    figure.update_yaxes(title="row (model width D)", row=1, col=1)
    figure.update_xaxes(title="column of the head", row=1, col=2)
    return _finish(figure, 520).update_layout(margin_t=36)


def _finish(figure: go.Figure, height: int) -> go.Figure:
    figure.update_xaxes(tickfont_size=14, title_font_size=15)
    figure.update_yaxes(tickfont_size=14)
    margin = {"l": 8, "r": 8, "t": 8, "b": 8}
    return figure.update_layout(height=height, bargap=0.12, font_size=15, margin=margin)


def colour_of(part: str) -> str:
    """The flat colour of a part of the network (query, key, value have one each: theirs is Q's)."""
    return _PART_COLOURS.get(part, palette.NORM)


_PART_COLOURS = {
    "token embedding": palette.EMBEDDING,
    "position table": palette.POSITION,
    "query, key, value": palette.QUERY,
    "attention output": palette.ATTENTION,
    "up-projection": palette.MLP,
    "down-projection": palette.MLP,
    "unembedding": palette.OUTPUT,
}
