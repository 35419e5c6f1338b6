"""The Positions page's charts: arrays in, Plotly figures and HTML out. Runs nothing."""


import numpy as np
import plotly.graph_objects as go

from components.kit import palette
from components.kit.cell_grid import Grid
from components.kit.next_token import percent
from components.kit.safe_text import for_plotly
from components.kit.token_row import TokenBox
from components.kit.units import show_number

NAMES = {
    "learned": "Learned",
    "none": "None",
    "sinusoidal": "Sinusoidal",
    "rope": "RoPE",
    "alibi": "ALiBi",
}
HUES = {
    "learned": palette.POSITION,
    "none": palette.LABEL,
    "sinusoidal": palette.EMBEDDING,
    "rope": palette.OUTPUT,
    "alibi": "#e11d48",
}
DASHES = {
    "learned": "solid", "none": "dot", "sinusoidal": "dash", "rope": "solid", "alibi": "dashdot",
}
SERIES = (palette.POSITION, palette.OUTPUT, palette.VALUE, palette.MLP)
BEFORE, AFTER = palette.OUTPUT, palette.KEY
SIGNED = [[0, palette.OUTPUT], [0.5, "rgba(128,128,128,.10)"], [1, palette.POSITION]]


# -- side by side ---------------------------------------------------------------------------------


def row_grid(maps: dict[str, np.ndarray], tokens: list[str], query: int) -> Grid:
    """What one query reads under each scheme: rows are schemes, columns the keys it can read."""
    weights = np.stack([x[query, : query + 1] for x in maps.values()])
    names, seen = [NAMES[name] for name in maps], tokens[: query + 1]
    return Grid(
        title=f"What {tokens[query]} reads: {len(names)} schemes, {query + 1} keys",
        levels=np.round(255 * np.sqrt(weights)).astype(np.uint8),
        rows=names,
        columns=seen,
        row_words=names,
        column_words=[f"{tokens[query]} ({query}) reads {t} ({i})" for i, t in enumerate(seen)],
        row_hues=["attention"] * len(names),
        details=[("weight", "weights", "number")],
        arrays={"weights": weights},
        texts=None if query >= 48 else [_percent(x) for x in weights.ravel()],
        left=108,
        most=120,
        height=36 * len(names),
        row_least=26,
        row_most=36,
    )


def _percent(x: float) -> str:
    return f"{100 * x:.0f}" if x >= 0.005 else ""


def by_distance(curves: dict[str, np.ndarray]) -> go.Figure:
    """name -> mean weight (n,) over distances 0 to n - 1."""
    figure = go.Figure()
    for name, values in curves.items():
        figure.add_scatter(
            y=values, name=NAMES[name], mode="lines+markers" if len(values) <= 40 else "lines",
            line={"color": HUES[name], "dash": DASHES[name],
                  "width": 4 if name == "learned" else 2.5},
            hovertemplate="%{y:.4f}",
        )
    figure.update_xaxes(title="distance: tokens from the key to the query")
    figure.update_yaxes(title="mean weight", rangemode="tozero")
    return _finish(figure, 330)


# -- tables ---------------------------------------------------------------------------------------


def likeness(table, at: int) -> go.Figure:
    """Cosine of every pair of positions; the chosen position as a cross."""
    n, cell = len(table.likeness), table.cell
    figure = go.Figure(
        go.Heatmap(
            z=table.likeness, x0=(cell - 1) / 2, dx=cell, y0=(cell - 1) / 2, dy=cell, zmin=-1,
            zmax=1, colorscale=SIGNED,
            colorbar={"thickness": 12, "tickfont": {"size": 14}, "orientation": "h", "y": 1.0,
                      "yanchor": "bottom", "dtick": 0.5},
            hovertemplate="%{y:.0f} and %{x:.0f}: <b>%{z:.4f}</b><extra></extra>",
        )
    )
    line = {"color": palette.LABEL, "width": 1.2, "dash": "dot"}
    figure.add_vline(x=at, line=line)
    figure.add_hline(y=at, line=line)
    edge = n * cell - 0.5
    figure.update_xaxes(title="position", range=[-0.5, edge])
    figure.update_yaxes(title="position", range=[edge, -0.5])
    return _finish(figure, 540)


def likeness_of(table, at: int) -> go.Figure:
    """Cosine of one position with every other, none pooled."""
    figure = _line(table.cosine[at], palette.POSITION, f"position {at} and %{{x}}: %{{y:.5f}}")
    figure.add_vline(x=at, line={"color": palette.LABEL, "width": 1, "dash": "dot"})
    figure.update_xaxes(title="position")
    figure.update_yaxes(title=f"cosine with position {at}")
    return _finish(figure, 230)


def components(table, at: int) -> go.Figure:
    """The first principal components as curves over position."""
    figure = go.Figure()
    for i, share in enumerate(table.explained):
        figure.add_scatter(
            y=table.components[:, i], name=f"{i + 1}: {100 * share:.1f} %", mode="lines",
            line={"color": SERIES[i], "width": 3 if i < 2 else 1.8}, hovertemplate="%{y:.4f}",
        )
    figure.add_vline(x=at, line={"color": palette.LABEL, "width": 1, "dash": "dot"})
    figure.update_xaxes(title="position")
    return _finish(figure, 290)


def norms(table) -> go.Figure:
    """Length of each position's vector."""
    figure = _line(table.norms, palette.POSITION, "position %{x}: %{y:.5f}")
    figure.update_xaxes(title="position")
    figure.update_yaxes(title="length √Σx²", rangemode="tozero")
    return _finish(figure, 230)


# -- ALiBi ----------------------------------------------------------------------------------------


def alibi_bias(slopes: np.ndarray, chosen: int, n: int) -> go.Figure:
    """What each head adds to its scaled scores, by distance."""
    return _heads(slopes, chosen, n, lambda d, m: -m * d, "added to the score", ".3f")


def alibi_factor(slopes: np.ndarray, chosen: int, n: int, end: int | None = None) -> go.Figure:
    """e^bias: the weight of a key relative to an equal key at distance 0; end: the window."""
    figure = _heads(slopes, chosen, n, lambda d, m: np.exp(-m * d), "counts as", ".4g")
    figure.update_yaxes(range=[0, 1.03])
    if end is not None:
        _beyond(figure, end, n)
    return figure


def _heads(slopes, chosen, n, value, title, digits) -> go.Figure:
    figure, distance = go.Figure(), np.unique(np.linspace(0, n - 1, 400).round())
    order = [h for h in range(len(slopes)) if h != chosen] + [chosen]
    for h in order:
        is_chosen = h == chosen
        hue, width = (HUES["alibi"], 4) if is_chosen else (palette.LABEL, 1.3)
        figure.add_scatter(
            x=distance, y=value(distance, slopes[h]), mode="lines",
            name=f"head {h}: slope {show_number(slopes[h], 4)}", showlegend=is_chosen,
            line={"color": hue, "width": width},
            hovertemplate=f"distance %{{x}}: %{{y:{digits}}}<extra>head {h}</extra>",
        )
    figure.update_xaxes(title="distance")
    figure.update_yaxes(title=title)
    return _finish(figure, 330)


# -- order ----------------------------------------------------------------------------------------


def boxes(tokens: list[str], order) -> list[TokenBox]:
    """The changed prompt: each token with the position it gets; moved ones are marked."""
    ground, found = "rgba(128,128,128,.12)", []
    for i, (word, place) in enumerate(zip(order.words, order.places)):
        is_old = place == i and order.placed
        found.append(TokenBox(
            tokens[word], str(place) if order.placed else "–", ground,
            palette.EMBEDDING if word == i else palette.KEY,
            palette.LABEL if is_old else palette.KEY,
        ))
    return found


def boxes_legend(placed: bool) -> str:
    """What the marks of the changed prompt mean (HTML)."""
    def line(hue, words):
        return (
            '<span style="white-space:nowrap"><span style="display:inline-block;width:1.5em;'
            f'border-bottom:3px solid {hue};vertical-align:.2em"></span> {words}</span>'
        )
    number = "number: the position it gets" if placed else "–: it gets no position"
    number += f', <b style="border-bottom:2px solid {palette.KEY}">coloured</b> where that is another one than before'
    parts = [line(palette.EMBEDDING, "the word that stood here"),
             line(palette.KEY, "another word moved here"), f"<span>{number}</span>"]
    return f'<div style="display:flex;flex-wrap:wrap;gap:.1em 1.4em">{"".join(parts)}</div>'


def prices(found: dict[str, float], titles: dict[str, str], chosen: str) -> go.Figure:
    """KL in bits of each edit as bars, in the order given."""
    names = list(found)[::-1]
    figure = go.Figure(
        go.Bar(
            y=[titles[name] for name in names], x=[found[name] for name in names], orientation="h",
            marker_color=[AFTER if name == chosen else palette.LABEL for name in names],
            text=[show_number(found[name]) for name in names], textposition="outside", cliponaxis=False,
            hovertemplate="<b>%{x:.6~r}</b> bits<extra>%{y}</extra>",
        )
    )
    figure.update_xaxes(title="KL, bits", range=[0, 1.4 * max(*found.values(), 1e-3)])
    figure.update_yaxes(tickfont_size=16)
    return _finish(figure, 70 + 40 * len(names))


def pairs(change, texts: list[str], before: str, after: str) -> go.Figure:
    """Probability of the next tokens before and after."""
    names = [for_plotly(text) for text in texts]
    rows = np.arange(len(names))
    figure = go.Figure()
    for name, values, hue in ((before, change.before, BEFORE), (after, change.after, AFTER)):
        figure.add_bar(
            y=rows, x=values, name=name, orientation="h", marker_color=hue,
            text=[percent(p) for p in values], textposition="outside", cliponaxis=False,
            constraintext="none", textfont={"size": 14}, customdata=names,
            hovertemplate="%{customdata}: %{x:.5f}<extra>" + name + "</extra>",
        )
    most = float(max(change.before.max(), change.after.max()))
    figure.update_xaxes(title="probability", range=[0, 1.18 * most], exponentformat="power")
    figure.update_yaxes(tickvals=rows, ticktext=names, autorange="reversed", tickfont_size=17)
    figure.update_layout(bargap=0.22)
    return _finish(figure, 480)


def moved(curves: dict[str, np.ndarray]) -> go.Figure:
    """name -> how far the last token's stream moved (2L+1,), by station."""
    n = len(next(iter(curves.values())))
    stations = ["input", *(f"{kind} {i}" for i in range(n // 2) for kind in ("attention", "MLP"))]
    figure = go.Figure()
    for (name, values), hue in zip(curves.items(), (palette.POSITION, palette.LABEL)):
        figure.add_scatter(
            x=stations, y=values, name=name, mode="lines+markers",
            line={"color": hue, "width": 3.5}, marker={"size": 9},
            hovertemplate="%{x}: <b>%{y:.3~r}</b><extra>" + name + "</extra>",
        )
    figure.update_yaxes(title="change ÷ length", rangemode="tozero")
    figure.update_xaxes(tickangle=-45)
    return _finish(figure, 330)


# -- the end --------------------------------------------------------------------------------------


def shift_curve(
    shifts: np.ndarray, bits: np.ndarray, chosen: tuple[int, float] | None
) -> go.Figure:
    """Mean bits a token against the shift of all positions; points are measured."""
    figure = go.Figure(
        go.Scatter(
            x=shifts, y=bits, mode="lines+markers", name="measured",
            line={"color": palette.POSITION, "width": 3}, marker={"size": 10},
            hovertemplate="shift %{x:,}: <b>%{y:.4f}</b> bits a token<extra></extra>",
        )
    )
    if chosen is not None:
        figure.add_scatter(
            x=[chosen[0]], y=[chosen[1]], mode="markers+text", name="your shift",
            marker={"color": AFTER, "size": 17, "symbol": "diamond"}, text=[f"{chosen[1]:.2f}"],
            textposition="top center", textfont={"size": 18},
            hovertemplate="shift %{x:,}: <b>%{y:.4f}</b> bits a token<extra></extra>",
        )
    values = [*bits, *([chosen[1]] if chosen else [])]
    room = max(0.25 * (max(values) - min(values)), 0.2)
    figure.update_xaxes(title="all positions shifted by", rangemode="tozero")
    figure.update_yaxes(title="bits a token", range=[min(values) - room, max(values) + 1.4 * room])
    return _finish(figure, 380)


def rope_turns(frequencies: np.ndarray, n_positions: int) -> go.Figure:
    """Full turns of each pair within the window; below one turn angles stay unseen."""
    turns = frequencies * (n_positions - 1) / (2 * np.pi)
    figure = go.Figure(
        go.Bar(
            y=turns, marker_color=[AFTER if t < 1 else HUES["rope"] for t in turns],
            hovertemplate="pair %{x}: %{y:.4~r} turns<extra></extra>",
        )
    )
    figure.add_hline(y=1, line={"color": palette.LABEL, "width": 2, "dash": "dash"})
    figure.update_xaxes(title="pair of dimensions, fast to slow")
    figure.update_yaxes(title="turns in the window", type="log", dtick=1)
    return _finish(figure, 360)


def rope_beyond(scores: np.ndarray, end: int) -> go.Figure:
    """Scores of one pair by distance, the part beyond the window shaded."""
    figure = _line(scores, HUES["rope"], "distance %{x}: %{y:.4f}", width=1.6)
    _beyond(figure, end, len(scores))
    figure.update_xaxes(title="distance")
    figure.update_yaxes(title="q·k/√d")
    return _finish(figure, 360)


def scaled(found) -> tuple[go.Figure, go.Figure]:
    """Lengths before and after LayerNorm; what is left of word and position."""
    lengths, shares = go.Figure(), go.Figure()
    for name, values, hue in (
        ("word + position, before", found.length_before, palette.RESIDUAL),
        ("after LayerNorm", found.length_after, palette.OUTPUT),
    ):
        lengths.add_scatter(x=found.factor, y=values, name=name, mode="lines",
                            line={"color": hue, "width": 4}, hovertemplate="%{y:.4~r}")
    for name, values, hue in (
        ("with the word", found.to_word, palette.EMBEDDING),
        ("with the position", found.to_position, palette.POSITION),
    ):
        shares.add_scatter(x=found.factor, y=values, name=name, mode="lines",
                           line={"color": hue, "width": 4}, hovertemplate="%{y:.4f}")
    lengths.update_yaxes(title="length", type="log", dtick=1)
    shares.update_yaxes(title="cosine after LayerNorm")
    for figure in (lengths, shares):
        figure.update_xaxes(title="position made longer by ×", type="log", dtick=1)
        figure.add_vline(x=1, line={"color": palette.LABEL, "width": 1, "dash": "dot"})
    return _finish(lengths, 360), _finish(shares, 360)


# -- all ------------------------------------------------------------------------------------------


def _line(values: np.ndarray, hue: str, hover: str, width: float = 2.5) -> go.Figure:
    return go.Figure(
        go.Scatter(y=values, mode="lines", line={"color": hue, "width": width}, showlegend=False,
                   hovertemplate=hover + "<extra></extra>")
    )


def _beyond(figure: go.Figure, end: int, n: int) -> None:
    figure.add_vrect(
        x0=end - 0.5, x1=n - 1, fillcolor="rgba(128,128,128,.18)", line_width=0,
        annotation_text="beyond the window", annotation_position="top right",
        annotation_font_size=15,
    )


def _finish(figure: go.Figure, height: int) -> go.Figure:
    figure.update_xaxes(tickfont_size=15, title_font_size=16)
    figure.update_yaxes(tickfont_size=15, title_font_size=16)
    return figure.update_layout(
        height=height, font_size=15, legend_font_size=16, margin={"l": 8, "r": 8, "t": 34, "b": 8},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )
