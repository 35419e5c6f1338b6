"""Token vectors in Plotly: two principal components, and what positions do to one token.

Takes arrays, returns figures.
"""

import numpy as np
import plotly.graph_objects as go

from components.kit import palette
from components.kit.safe_text import for_plotly

MOST_NAMES = 90  # points written out; of more, only hover names them
PLOT_PX = 540  # height of the map without its axis


def projection(points: np.ndarray, explained: np.ndarray, names: list[str]) -> go.Figure:
    """points (n,2), explained (2,), names (n): a map whose two axes have one scale.

    A name that comes again is written once, at its first point; more than MOST_NAMES different
    ones are not written at all.
    """
    shown, reach = [for_plotly(name) for name in names], reach_of(points)
    written = first_ones(shown) if len(set(shown)) <= MOST_NAMES else [""] * len(shown)
    size = 11 if len(shown) <= MOST_NAMES else 6
    figure = go.Figure(
        go.Scatter(
            x=points[:, 0], y=points[:, 1], text=written, hovertext=shown,
            textposition=name_sides(points * PLOT_PX / (2 * reach), written),
            mode="markers+text", textfont={"size": 17}, cliponaxis=False,
            marker={"color": palette.EMBEDDING, "size": size, "opacity": 0.8},
            customdata=np.arange(len(shown)),
            hovertemplate="%{hovertext} (%{customdata})<br>%{x:.4~r}, %{y:.4~r}<extra></extra>",
        )
    )
    first, second = (f"{share:.1%}".replace("%", " %") for share in explained)
    line = {"zeroline": True, "zerolinecolor": palette.EMPTY, "zerolinewidth": 1}
    figure.update_xaxes(title=f"first component: {first} of the differences", **line)
    figure.update_yaxes(
        title=f"second component: {second}", scaleanchor="x", range=[-reach, reach], **line
    )
    return _finish(figure, 620)


def first_ones(names: list[str]) -> list[str]:
    """Each name where it comes first, "" where it comes again."""
    seen: set[str] = set()
    return ["" if name in seen or seen.add(name) else name for name in names]


def reach_of(points: np.ndarray) -> float:
    """Half the height of the map, in its own units: every point is inside."""
    return 1.15 * max(float(np.abs(points).max(initial=0)), 1e-9)


def name_sides(pixels: np.ndarray, names: list[str]) -> list[str]:
    """pixels (n,2), y upwards -> for each name the side of its point where it covers least.

    Greedy, in the order given; a letter is taken to be 9 px wide, a line 20 px high.
    """
    taken = [(x - 6, y - 6, x + 6, y + 6) for x, y in pixels]
    sides = []
    for (x, y), name in zip(pixels, names):
        if not name:
            sides.append("top center")
            continue
        width = 9 * len(name)
        boxes = {
            "top center": (x - width / 2, y + 7, x + width / 2, y + 27),
            "bottom center": (x - width / 2, y - 27, x + width / 2, y - 7),
            "middle right": (x + 8, y - 10, x + 8 + width, y + 10),
            "middle left": (x - 8 - width, y - 10, x - 8, y + 10),
        }
        side = min(boxes, key=lambda s: sum(_overlap(boxes[s], other) for other in taken))
        taken.append(boxes[side])
        sides.append(side)
    return sides


def _overlap(a: tuple, b: tuple) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0) * max(height, 0)


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
