"""Token vectors in Plotly: two principal components, and what positions do to one token.

Takes arrays, returns figures.
"""

import html

import numpy as np
import plotly.graph_objects as go

from components import palette

MOST_NAMES = 90  # points written out; of more, only hover names them


def plain(text: str) -> str:
    """A token as Plotly shows it: no tags, no links, no formulas."""
    return html.escape(text).replace("$", "&#36;")


def projection(points: np.ndarray, explained: np.ndarray, names: list[str], at: int | None):
    """points (n,2), explained (2,), names (n): a map whose two axes have one scale."""
    shown = [plain(name) for name in names]
    sizes = np.full(len(names), 11)
    if at is not None:
        sizes[at] = 20
    figure = go.Figure(
        go.Scatter(
            x=points[:, 0], y=points[:, 1], text=shown, textposition="top center",
            mode="markers+text" if len(names) <= MOST_NAMES else "markers",
            textfont={"size": 17}, cliponaxis=False,
            marker={"color": palette.EMBEDDING, "size": sizes, "opacity": 0.85},
            customdata=np.arange(len(names)),
            hovertemplate="%{text}<br>%{x:.4g}, %{y:.4g}<extra></extra>",
        )
    )
    first, second = (f"{share:.1%}".replace("%", " %") for share in explained)
    line = {"zeroline": True, "zerolinecolor": palette.EMPTY, "zerolinewidth": 1}
    reach = 1.15 * max(float(np.abs(points).max(initial=0)), 1e-9)
    figure.update_xaxes(title=f"first component: {first} of the differences", **line)
    figure.update_yaxes(
        title=f"second component: {second}", scaleanchor="x", range=[-reach, reach], **line
    )
    return _finish(figure, 620)


def position_norms(effect, at: int) -> go.Figure:
    """Lengths of token, position and their sum at every position; at: the one marked."""
    n = len(effect.total_norm)
    curves = {
        "token + position": (effect.total_norm, palette.RESIDUAL, "solid"),
        "position (wpe)": (effect.position_norm, palette.POSITION, "solid"),
        "token (wte)": (np.full(n, effect.token_norm), palette.EMBEDDING, "dash"),
    }
    figure = _curves(curves, at, ".4f")
    figure.update_yaxes(title="length √Σx²", rangemode="tozero")
    return figure


def position_cosines(effect, at: int) -> go.Figure:
    """How alike the token stays to itself, alone and at the marked position."""
    curves = {
        "with the token alone (wte)": (effect.to_token, palette.EMBEDDING, "solid"),
        f"with the same token at position {at}": (effect.to_here, palette.POSITION, "solid"),
    }
    figure = _curves(curves, at, ".4f")
    low = min(0.0, float(effect.to_token.min()), float(effect.to_here.min()))
    figure.update_yaxes(title="cosine of token + position", range=[low - 0.03, 1.03])
    return figure


def _curves(curves: dict, at: int, digits: str) -> go.Figure:
    figure = go.Figure()
    for name, (values, colour, dash) in curves.items():
        figure.add_scatter(
            y=values, name=name, mode="lines", line={"color": colour, "width": 3, "dash": dash},
            hovertemplate=f"%{{y:{digits}}}",
        )
        figure.add_scatter(
            x=[at], y=[values[at]], mode="markers", showlegend=False, hoverinfo="skip",
            marker={"color": colour, "size": 13},
        )
    figure.add_vline(x=at, line={"color": palette.LABEL, "width": 1, "dash": "dot"})
    figure.update_xaxes(title="position", range=[-0.01 * len(values), 1.01 * len(values)])
    figure.update_layout(
        hovermode="x unified", legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
    )
    return _finish(figure, 400)


def _finish(figure: go.Figure, height: int) -> go.Figure:
    figure.update_xaxes(tickfont_size=15, title_font_size=17)
    figure.update_yaxes(tickfont_size=15, title_font_size=17)
    margin = {"l": 8, "r": 8, "t": 8, "b": 8}
    return figure.update_layout(
        height=height, font_size=15, legend_font_size=16, margin=margin
    )
