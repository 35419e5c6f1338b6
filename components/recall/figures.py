"""Figures of the recall page: read weight beside loss, curves with their intervals, episodes, and
the needle's map. Arrays and strings in, Plotly figures out."""

from dataclasses import dataclass

import plotly.graph_objects as go

from components.kit import palette
from components.recall import share_scale

BASE = "gpt2"
MARGIN = {"l": 8, "r": 8, "t": 8, "b": 8}
MOST_UPRIGHT, ROW_PX, LEGEND_PX = 6, 27, 120


@dataclass(frozen=True)
class Shown:
    """A share at one place of the x axis: hits of n and the 95 % interval (Wilson)."""

    x: str
    share: float
    low: float
    high: float
    hits: int
    n: int


@dataclass(frozen=True)
class Series:
    """A line or a row of dots: its name, hue, dash, and shares."""

    name: str
    hue: str
    dash: str
    shares: tuple[Shown, ...]


def read_or_cause(rows) -> go.Figure:
    """rows: (word, place, mean read weight, share lost or None), the costliest first."""
    names = [f"{text}  {place.prompt}:{place.position}" for text, place, _, _ in rows]
    figure = go.Figure()
    for values, hue, name in (
        ([row[2] for row in rows], palette.MEMORY, "read weight, mean"),
        ([row[3] or 0.0 for row in rows], palette.SURPRISAL, "lost without it"),
    ):
        figure.add_bar(
            y=list(range(len(rows))), x=values, orientation="h", name=name, marker_color=hue,
            text=[_short(x) for x in values], textposition="outside", cliponaxis=False,
            textfont_size=14, constraintext="none", customdata=names, hovertemplate="%{customdata}<br><b>%{x:.4f}</b>"
            "<extra>%{fullData.name}</extra>",
        )
    figure.update_yaxes(autorange="reversed", tickvals=list(range(len(rows))), ticktext=names,
                        tickfont_size=15)
    figure.update_xaxes(range=[0, 1.25], tickformat=".0%", tickvals=[0, 0.5, 1], tickfont_size=14)
    legend = {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "font": {"size": 15}}
    return figure.update_layout(
        height=430, bargap=0.25, bargroupgap=0.05, font={"size": 15}, legend=legend,
        margin=MARGIN | {"t": 30},
    )


def curve(series: list[Series], x_label: str, y_label: str, joined: bool, height=430) -> go.Figure:
    """Shares against x, in the given order; 95 % intervals as whiskers, and as a band if the points
    are joined. More places than MOST_UPRIGHT that are not joined lie below each other: their names
    are words."""
    n_places = max((len(s.shares) for s in series), default=0)
    figure, lying = go.Figure(), not joined and n_places > MOST_UPRIGHT
    where, share = ("y", "x") if lying else ("x", "y")
    for one in series:
        if joined and one.dash == "solid":
            _band(figure, one)
        figure.add_scatter(
            **{where: [s.x for s in one.shares], share: [s.share for s in one.shares]}, name=one.name,
            mode="lines+markers" if joined else "markers", legendgroup=one.name,
            line={"color": one.hue, "width": 4 if one.dash == "solid" else 3, "dash": one.dash},
            marker={"size": 11, "color": one.hue}, orientation="h" if lying else "v",
            **{f"error_{share}": {
                "array": [s.high - s.share for s in one.shares], "symmetric": False,
                "arrayminus": [s.share - s.low for s in one.shares], "thickness": 2, "width": 6,
                "color": one.hue,
            }},
            customdata=[(s.hits, s.n, s.low, s.high) for s in one.shares],
            hovertemplate=f"<b>%{{{share}:.1%}}</b>: %{{customdata[0]:,}} of %{{customdata[1]:,}}<br>95 % "
            "interval %{customdata[2]:.1%} to %{customdata[3]:.1%}<extra>%{fullData.name}</extra>",
        )
    shares = {"title": y_label, "range": [-0.03, 1.05], "tickformat": ".0%"}
    places = {"title": None if lying else x_label, "type": "category"}
    if lying:
        places |= {"autorange": "reversed", "tickfont": {"size": 15}}
        height = LEGEND_PX + ROW_PX * n_places
    figure.update_layout(**{f"{where}axis": places, f"{share}axis": shares})
    legend = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "font": {"size": 15}}
    return figure.update_layout(
        height=height, font={"size": 16}, legend=legend, hovermode="closest",
        margin=MARGIN | {"t": 60},
        **({} if joined else {"scattermode": "group", "scattergap": 0.3 if lying else 0.5}),
    )


def _band(figure: go.Figure, one: Series) -> None:
    x = [s.x for s in one.shares]
    figure.add_scatter(
        x=x + x[::-1], y=[s.low for s in one.shares] + [s.high for s in one.shares][::-1],
        fill="toself", fillcolor=one.hue, opacity=0.13, mode="none", hoverinfo="skip",
        showlegend=False, legendgroup=one.name,
    )


def needle(cells: dict[tuple[str, str], Shown], lengths: list[str], depths: list[str]) -> go.Figure:
    """(depth, length) -> share, as a map with hits of n in each cell."""
    def grid(of):
        return [[of(cells[d, n]) if (d, n) in cells else None for n in lengths] for d in depths]

    figure = go.Figure(go.Heatmap(
        z=grid(lambda s: s.share), x=lengths, y=depths, zmin=0, zmax=1,
        colorscale=share_scale.plotly(),
        text=grid(lambda s: f"{s.share:.0%}<br>{s.hits} of {s.n}"), texttemplate="%{text}",
        textfont={"size": 16, "color": "#101218"}, xgap=3, ygap=3,
        customdata=grid(lambda s: (s.low, s.high)), showscale=False,
        hovertemplate="depth %{y}, %{x} tokens<br><b>%{z:.1%}</b>, 95 % interval %{customdata[0]:.1%} to "
        "%{customdata[1]:.1%}<extra></extra>",
    ))
    figure.update_yaxes(title="depth of the needle", autorange="reversed", type="category")
    figure.update_xaxes(title="tokens of haystack", type="category")
    return figure.update_layout(height=360, font={"size": 16}, margin=MARGIN)


def episodes(rows: list[dict], chosen: int | None) -> go.Figure:
    """rows: {"x": seed, "y": point, "share": right of its questions, "words"} of each episode at a
    stop -> a square each; a click gives its number."""
    figure = go.Figure(go.Scatter(
        x=[row["x"] for row in rows], y=[row["y"] for row in rows], mode="markers",
        marker={
            "symbol": "square", "size": 15, "color": [row["share"] for row in rows], "cmin": 0,
            "cmax": 1, "colorscale": share_scale.plotly(),
            "line": {"width": [4 if i == chosen else 0 for i in range(len(rows))],
                     "color": palette.OUTPUT},
        },
        customdata=[row["words"] for row in rows],
        hovertemplate="%{customdata}<extra></extra>",
    ))
    n = len({row["y"] for row in rows})
    figure.update_yaxes(type="category", autorange="reversed", tickfont_size=14)
    step = max(1, len({row["x"] for row in rows}) // 10)
    figure.update_xaxes(title="episode (seed)", tick0=0, dtick=step, tickfont_size=14)
    return figure.update_layout(
        height=80 + 27 * n, font={"size": 14}, margin=MARGIN, clickmode="event+select",
        dragmode=False,
    )


def _short(x: float) -> str:
    return "0" if x == 0 else "<0.1%" if x < 0.001 else f"{x:.1%}"
