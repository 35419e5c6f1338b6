"""The neurons of an MLP at one token: on the curve of its activation function, and as a table."""

import html

import numpy as np
import plotly.graph_objects as go

from components.kit import palette
from components.kit.cell_grid import HUES
from components.kit.fact_strip import fact_strip
from components.kit.units import show_change, show_error

NAMED = 8  # neurons with their number beside their dot


def strongest(found, k: int) -> np.ndarray:
    """found: Activations -> indices of the k neurons that write most, the longest first."""
    return np.argsort(-found.written, kind="stable")[:k]


def curve(found) -> go.Figure:
    """Every neuron on the activation function: pre-activation across, post-activation up; a dot's
    size grows with the length that the neuron writes."""
    largest = float(found.written.max()) or 1.0
    named = set(_apart(found, strongest(found, NAMED)))
    names = [str(i) if i in named else "" for i in range(len(found.pre))]
    figure = go.Figure(
        [
            go.Scatter(
                x=found.curve_x, y=found.curve_y, mode="lines", hoverinfo="skip",
                line={"color": palette.RESIDUAL, "width": 2}, name=found.name,
            ),
            go.Scatter(
                x=found.pre, y=found.post, mode="markers+text", text=names,
                textposition="top left", textfont_size=15, name="neurons",
                marker={
                    "color": palette.MLP, "opacity": 0.55, "line": {"width": 0},
                    "size": 4 + 24 * np.sqrt(found.written / largest),
                },
                customdata=np.stack([np.arange(len(found.pre)), found.written], -1),
                hovertemplate="neuron %{customdata[0]}<br>pre-activation %{x:.4f}<br>"
                "post-activation %{y:.4f}<br>writes length %{customdata[1]:.4f}<extra></extra>",
            ),
        ]
    )
    figure.update_xaxes(title="pre-activation: ln_2(x) · W_in + b_in", zeroline=True)
    figure.update_yaxes(title=f"post-activation: {found.name}", zeroline=True)
    figure.update_xaxes(tickfont_size=14, title_font_size=15)
    figure.update_yaxes(tickfont_size=14, title_font_size=15)
    margin = {"l": 8, "r": 8, "t": 8, "b": 8}
    return figure.update_layout(height=430, showlegend=False, font_size=15, margin=margin)


def _apart(found, neurons) -> list[int]:
    """The neurons of a list whose numbers would not be written over one before them."""
    kept, room = [], 0.05 * (found.curve_x[-1] - found.curve_x[0])
    for i in neurons.tolist():
        if all(abs(found.pre[i] - found.pre[j]) > room for j in kept):
            kept.append(i)
    return kept


def facts(found) -> str:
    """How many neurons fire, and how much the strongest weigh (HTML)."""
    n, firing = len(found.pre), int((found.pre > 0).sum())
    share = np.sort(found.written**2)[::-1]
    ten = share[:10].sum() / (share.sum() or 1.0)
    return fact_strip([
        (f"{firing:,} of {n:,}", "neurons with a positive pre-activation", f"{firing / n:.1%}"),
        (f"{ten:.0%}", "of all Σ length² is written by ten neurons", repr(float(ten))),
        (show_error(found.error), "largest error against what the MLP added", ""),
    ])


def table(neurons) -> str:
    """A row a neuron: its numbers, the tokens it raises, the tokens it lowers (HTML)."""
    head = "".join(
        f'<th style="padding:.2em .55em;text-align:{side};opacity:.75;font-weight:600">{name}</th>'
        for name, side in (
            ("neuron", "right"), ("pre", "right"), ("post", "right"), ("writes", "right"),
            ("cos", "right"), ("raises (Δ logit)", "left"), ("lowers (Δ logit)", "left"),
        )
    )
    rows = "".join(map(_row, neurons))
    return (
        '<div style="overflow-x:auto"><table style="border-collapse:collapse;width:100%">'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _row(neuron) -> str:
    numbers = [f"{neuron.pre:.2f}", f"{neuron.post:.2f}", f"{neuron.written:.2f}",
               f"{neuron.toward:+.2f}"]
    cells = [f"<td style='{_CELL};text-align:right'><b>{neuron.index}</b></td>"]
    cells += [
        f"<td style='{_CELL};text-align:right'>{x.replace('-', '−')}</td>" for x in numbers
    ]
    for tokens, colour in (
        (neuron.promotes, palette.OUTPUT), (neuron.suppresses, HUES["lowers"])
    ):
        chips = "".join(_chip(text, effect, colour) for text, effect in tokens)
        cells.append(f"<td style='{_CELL};white-space:normal;min-width:13em'>{chips}</td>")
    return f"<tr>{''.join(cells)}</tr>"


_CELL = (
    "padding:.28em .55em;border-bottom:1px solid rgba(127,127,127,.25);"
    "font-variant-numeric:tabular-nums;white-space:nowrap"
)


def _chip(text: str, effect: float, colour: str) -> str:
    words = f"{effect:+.4f} logits".replace("-", "−")
    return (
        f'<span title="{words}" style="display:inline-block;margin:.08em .3em .08em 0;'
        'padding:0 .35em;white-space:nowrap;'
        f'border-radius:.3em;border-bottom:3px solid {colour};background:rgba(127,127,127,.12)">'
        f'<bdi>{html.escape(text)}</bdi> <small style="opacity:.75">'
        f'{show_change(effect)}</small></span>'
    )
