"""Surprisal along a prompt: figures and tables. Arrays in, go.Figure or HTML out."""

import html

import numpy as np
import plotly.graph_objects as go

from components.kit import palette
from components.kit.fact_strip import fact_strip

MOST_LABELS = 48  # beyond, tokens are named on hover only


def bits_chart(
    names: list[str], bits: np.ndarray, rank: np.ndarray, entropy: np.ndarray, at: int,
    top: float | None = None,
) -> go.Figure:
    """Bars: surprisal (T,) of each token in bits; line: the expected surprisal, which is the
    entropy (T,) of the position before. The bar after position `at` is outlined. top: the end of the
    scale, where another chart shares it."""
    T, safe = len(names), [html.escape(name, quote=False) for name in names]
    places = np.arange(T)
    edges = np.repeat(np.arange(T) + 0.5, 2)[1:-1]  # each step is as wide as its token's place
    custom = np.stack([np.array(safe, dtype=object), rank, 2.0**-bits], axis=1)
    width = np.where(places == at + 1, 3, 0)
    figure = go.Figure()
    figure.add_bar(
        x=places, y=bits, customdata=custom, name="surprisal of the token",
        marker={"color": palette.SURPRISAL, "line": {"width": width, "color": palette.OUTPUT}},
        hovertemplate="%{x}: %{customdata[0]}<br>%{y:.3f} bits, probability "
        "%{customdata[2]:.4~r}<br>rank %{customdata[1]}<extra></extra>",
    )
    figure.add_scatter(
        x=edges, y=np.repeat(entropy[:-1], 2), mode="lines",
        line={"color": palette.OUTPUT, "width": 2.5 if T < 160 else 1.2},
        name="expected before it came (entropy)",
        hovertemplate="expected %{y:.3f} bits<extra></extra>",
    )
    ticks = {"tickvals": places, "ticktext": safe, "tickangle": -50} if T <= MOST_LABELS else {}
    size = {"tickfont": {"size": 15}, "title_font": {"size": 16}}
    figure.update_xaxes(**ticks, **size, title_text="" if ticks else "position", showgrid=False)
    figure.update_yaxes(**size, title_text="bits", rangemode="tozero",
                        **({} if top is None else {"range": [0, 1.05 * top]}))
    figure.update_layout(
        height=420, margin={"l": 60, "r": 10, "t": 40, "b": 80 if ticks else 50}, bargap=0.15,
        legend={"orientation": "h", "y": 1.12, "x": 0, "font": {"size": 16}}, hovermode="closest",
    )
    return figure


def difference_chart(names: list[str], change: np.ndarray, at: int) -> go.Figure:
    """Bars: surprisal in B minus that in A, (N,) bits, of pairs with these names; NaN: no bar. The bar
    of pair `at` is outlined."""
    safe, places = [html.escape(name, quote=False) for name in names], np.arange(len(names))
    colors = np.where(np.nan_to_num(change) > 0, palette.SURPRISAL, palette.OUTPUT)
    figure = go.Figure(go.Bar(
        x=places, y=change, customdata=safe,
        marker={"color": colors, "line": {"width": np.where(places == at, 3, 0), "color": palette.LABEL}},
        hovertemplate="%{x}: %{customdata}<br>%{y:+.3f} bits<extra></extra>",
    ))
    few = len(names) <= MOST_LABELS
    ticks = {"tickvals": places, "ticktext": safe, "tickangle": -50} if few else {}
    size = {"tickfont": {"size": 15}, "title_font": {"size": 16}}
    figure.update_xaxes(**ticks, **size, title_text="" if few else "pair", showgrid=False)
    figure.update_yaxes(**size, title_text="Δ bits")
    return figure.update_layout(height=300, margin={"l": 60, "r": 10, "t": 10, "b": 80 if few else 50},
                                bargap=0.15)


def totals(reading) -> str:
    """The text's figures in large type."""
    total = reading.total
    left_out = not_counted(reading)
    return fact_strip(
        [
            (f"{total.bits_per_byte:.3f}", "bits per byte", left_out),
            (f"{total.perplexity:,.1f}", "perplexity", "2 to the bits per token. " + left_out),
            (f"{total.bits_per_token:.3f}", "bits per token", left_out),
            (f"{total.bits:,.1f}", "bits in all", left_out),
            (f"{reading.n_hits:,} of {total.n_tokens:,}", "were the first guess", left_out),
        ]
    )


def not_counted(reading) -> str:
    """One sentence: what the sums run over, and which token has no surprisal."""
    n, total = int(reading.n_bytes[0]), reading.total
    return (
        f"Sums run over the {total.n_tokens:,} tokens ({total.n_bytes:,} bytes) after the first. "
        f"The first ({n} {'byte' if n == 1 else 'bytes'}) is only read: no token comes before it "
        "that could predict it."
    )
