"""Curves of a memory training, and the figures of its card: points in, Plotly figures out."""

from dataclasses import replace

import plotly.graph_objects as go

from components.kit import palette
from components.kit.titles import TITLES
from model.recall.share import wilson
from model.training.progress import Measurement

BASE = "gpt2"  # the frozen model, without memory
GATE_TITLES = {"early": "early RNN", "late": "late RNN", "edm": "EDM"}


def recall(
    points: list[Measurement], steps: int, height: int = 430, title: str = "recall of new episodes"
) -> go.Figure:
    """Share of new episodes answered exactly, by step; the frozen base dashed; a 95 % band (Wilson)
    if the points know their number of episodes."""
    figure = go.Figure()
    names = {name: None for p in points for name in p.recall}
    for name in sorted(names, key=_place, reverse=True):  # the base last: on top of a flat line
        some = [p for p in points if name in p.recall]
        if name != BASE:
            _band(figure, some, name)
        _curve(figure, [p.step for p in some], [p.recall[name] for p in some], name,
               TITLES.get(name, name), palette.VARIANTS.get(name, palette.OUTPUT), name == BASE, some)
    _stages(figure, points)
    figure.update_yaxes(title=title, range=[-0.02, 1.04], tickformat=".0%")
    return _framed(figure, steps, height)


def with_known_values(points: list[Measurement]) -> list[Measurement]:
    """The points with recall of values of the lists in the place of recall; those that have it."""
    return [replace(p, recall=p.recall_known, recall_n=p.recall_known_n, stage="")
            for p in points if p.recall_known]


def with_refusals(points: list[Measurement]) -> list[Measurement]:
    """The points with the share of refusals in the place of recall; those that have it."""
    return [replace(p, recall=p.refused, recall_n=p.refused_n) for p in points if p.refused]


def _curve(figure, x, y, name: str, title: str, hue: str, is_base: bool, some) -> None:
    of_n = [f" of {p.recall_n:,} episodes" if p.recall_n else "" for p in some]
    figure.add_scatter(
        x=x, y=y, mode="lines" if is_base or len(x) > 60 else "lines+markers", name=title,
        legendgroup=name, legendrank=_place(name),
        line={"color": hue, "width": 3 if is_base else 5, "dash": "dash" if is_base else "solid"},
        marker={"size": 9}, customdata=list(zip(of_n, [p.seconds / 60 for p in some])),
        hovertemplate="<b>%{y:.1%}</b>%{customdata[0]}<br>step %{x:,}, %{customdata[1]:.1f} min"
        "<extra>%{fullData.name}</extra>",
    )


def _band(figure: go.Figure, some: list[Measurement], name: str) -> None:
    known = [p for p in some if p.recall_n]
    if not known:
        return
    ends = [wilson(round(p.recall[name] * p.recall_n), p.recall_n) for p in known]
    x = [p.step for p in known]
    figure.add_scatter(
        x=x + x[::-1], y=[low for low, _ in ends] + [high for _, high in ends][::-1],
        fill="toself", fillcolor=palette.VARIANTS.get(name, palette.OUTPUT), opacity=0.16, mode="none",
        hoverinfo="skip", showlegend=False, legendgroup=name,
    )


def _stages(figure: go.Figure, points: list[Measurement]) -> None:
    """A line where a harder lesson begins, and its name; every other name is one line higher, so
    that names of short lessons do not overlap."""
    before, height = "", 18
    for i, p in enumerate(points):
        if p.stage == before:
            continue
        start = points[i - 1].step if i else 0
        if i:
            figure.add_vline(start, line={"dash": "dot", "color": palette.LABEL, "width": 2})
        figure.add_annotation(
            x=start, y=1, yref="paper", text=f" {p.stage}", showarrow=False, xanchor="left",
            yanchor="bottom", font={"size": 15, "color": palette.LABEL},
            yshift=(height := 18 - height),
        )
        before = p.stage


def single(points: list[Measurement], steps: int, field: str, hue: str) -> go.Figure:
    """loss or kl against the step, from 0."""
    some = [p for p in points if getattr(p, field) is not None]
    figure = go.Figure(go.Scatter(
        x=[p.step for p in some], y=[getattr(p, field) for p in some], mode="lines+markers",
        line={"color": hue, "width": 4}, marker={"size": 6}, showlegend=False,
        hovertemplate="<b>%{y:.4~r}</b> nats a token<br>step %{x:,}<extra></extra>",
    ))
    return _small(figure, steps)


def gates(points: list[Measurement], steps: int, went_on: bool) -> go.Figure:
    """The norm of each module's output matrix; 0: closed, exactly GPT-2, as at step 0 of a training
    that did not go on from memory trained before."""
    figure, start = go.Figure(), [] if went_on else [0]
    for name in {name: None for p in points for name in p.gates}:
        some = [p for p in points if name in p.gates]
        figure.add_scatter(
            x=start + [p.step for p in some], y=start + [p.gates[name] for p in some], mode="lines",
            name=GATE_TITLES.get(name, name),
            line={"color": palette.MODULES.get(name, palette.OUTPUT), "width": 4,
                  "dash": "dot" if name == "late" else "solid"},
            hovertemplate="<b>%{y:.4~r}</b>, step %{x:,}<extra>%{fullData.name}</extra>",
        )
    return _small(figure, steps)


def _small(figure: go.Figure, steps: int) -> go.Figure:
    figure = _framed(figure, steps, 260)
    figure.update_yaxes(rangemode="tozero")
    figure.update_xaxes(title=None, nticks=4)
    margin = {"l": 8, "r": 8, "t": 8, "b": 8}
    return figure.update_layout(margin=margin, showlegend=False)


def shares(settings: dict[str, dict[str, dict]]) -> go.Figure:
    """A card's recall: setting -> variant -> hits, n, share, low, high. A dot for each with its
    95 % interval, variants below each other in every setting."""
    names = sorted({name for row in settings.values() for name in row}, key=_place)
    figure = go.Figure()
    for place, name in enumerate(names):
        rows = [(i, row[name]) for i, row in enumerate(settings.values()) if name in row]
        _dots(figure, name, [i + 0.8 * ((place + 0.5) / len(names) - 0.5) for i, _ in rows],
              [one for _, one in rows])
    figure.update_yaxes(
        tickvals=list(range(len(settings))), ticktext=[_wrapped(name) for name in settings],
        range=[len(settings) - 0.5, -0.5], tickfont_size=16, showgrid=False, zeroline=False,
    )
    for i in range(1, len(settings)):
        figure.add_hline(i - 0.5, line={"color": palette.EMPTY, "width": 1})
    figure.update_xaxes(range=[-0.02, 1.14], tickformat=".0%", tickvals=[0, 0.25, 0.5, 0.75, 1])
    legend = {"orientation": "h", "y": 1.01, "yanchor": "bottom", "x": 0, "font": {"size": 16}}
    return figure.update_layout(
        height=70 + len(settings) * (26 * len(names) + 18), font={"size": 16}, legend=legend,
        margin={"l": 8, "r": 8, "t": 44, "b": 8},
    )


def _dots(figure: go.Figure, name: str, y: list[float], rows: list[dict]) -> None:
    figure.add_scatter(
        x=[row["share"] for row in rows], y=y, mode="markers", name=TITLES.get(name, name),
        marker={"size": 14, "color": palette.VARIANTS.get(name, palette.OUTPUT)}, legendgroup=name,
        error_x={
            "array": [row["high"] - row["share"] for row in rows],
            "arrayminus": [row["share"] - row["low"] for row in rows],
            "symmetric": False, "thickness": 3, "width": 7,
            "color": palette.VARIANTS.get(name, palette.OUTPUT),
        },
        customdata=[(row["low"], row["high"], row["hits"], row["n"]) for row in rows],
        hovertemplate="<b>%{x:.1%}</b>, 95 % interval %{customdata[0]:.1%} to %{customdata[1]:.1%}"
        "<br>%{customdata[2]:,} of %{customdata[3]:,} episodes<extra>%{fullData.name}</extra>",
    )
    figure.add_scatter(  # behind the interval, not on it
        x=[row["high"] for row in rows], y=y, mode="text", hoverinfo="skip", showlegend=False,
        text=[f"  {row['share']:.1%}" for row in rows], textposition="middle right",
        textfont={"size": 16}, legendgroup=name,
    )


def _place(name: str) -> int:
    known = list(palette.VARIANTS)
    return known.index(name) if name in known else len(known)


def _wrapped(name: str) -> str:
    return name.replace(", ", ",<br>")


def _framed(figure: go.Figure, steps: int, height: int) -> go.Figure:
    """The whole training as the axis from the first point on: nothing moves while it grows."""
    figure.update_xaxes(title="step", range=[0, max(steps, 1) * 1.01], tickformat=",")
    legend = {"orientation": "h", "y": 1.14, "yanchor": "bottom", "x": 0, "font": {"size": 16}}
    return figure.update_layout(
        height=height, font={"size": 16}, margin={"l": 8, "r": 8, "t": 76, "b": 8}, legend=legend,
        hovermode="closest",
    )
