"""The KV cache's figures: numbers in, Plotly figures and HTML out. Runs nothing."""

import html

import numpy as np
import plotly.graph_objects as go

from components.kit import palette
from components.kit.fact_strip import fact_strip
from components.kit.next_token import percent
from components.kit.plain_table import plain_table
from components.kit.token_row import TokenBox
from components.kit.units import show_bytes, show_error

WITH, WITHOUT = palette.OUTPUT, palette.MLP
FONT = {"size": 16}
MARGIN = {"l": 8, "r": 8, "t": 34, "b": 8}
HUES = {"K": palette.KEY, "V": palette.VALUE}
POLICY_HUES = ("#e11d48", "#0891b2", "#7c3aed", "#65a30d", "#b45309")  # of policies that drop
SHADES = {"prompt": "rgba(245,158,11,.16)", "generated": "rgba(245,158,11,.42)"}


def text(tokens: list[str], n_prompt: int, n_cached: int) -> list[TokenBox]:
    """tokens: prompt and all drawn up to this step; beyond n_cached they are not read yet."""
    boxes = []
    for i, token in enumerate(tokens):
        shade = SHADES["prompt" if i < n_prompt else "generated"] if i < n_cached else ""
        boxes.append(TokenBox(token, ground=shade, is_dashed=i >= n_cached))
    return boxes


def drawn(token: str, probability: float, is_end_of_text: bool, ended: str) -> str:
    """The token that a step draws, and whether generation ends there (HTML)."""
    words = 'draws <b style="outline:2px dashed;border-radius:.25em;padding:.05em .3em;margin:0 .2em">'
    words += f"{html.escape(token)}</b> with probability {percent(probability)}"
    if is_end_of_text:
        words += ", the end of its text: <code>generate</code> stops here; you may step on"
    if ended:
        words += f". It ends here: {html.escape(ended)}"
    return f'<div style="min-width:14em">{words}</div>'


def legend() -> str:
    """What the picture's colours mean (HTML)."""
    def box(hue, share, words):
        return (
            f'<span style="white-space:nowrap"><span style="display:inline-block;width:1.1em;'
            f'height:.8em;background:{hue};opacity:{share};border-radius:2px"></span> '
            f"{words}</span>"
        )
    parts = [
        box(HUES["K"], 0.5, "K, prefill"), box(HUES["K"], 1, "K, decode"),
        box(HUES["V"], 0.5, "V, prefill"), box(HUES["V"], 1, "V, decode"),
        "<span>dashed: added by this step</span>", "<span>click a cell: its numbers</span>",
    ]
    return f'<div style="display:flex;flex-wrap:wrap;gap:.2em 1.4em">{"".join(parts)}</div>'


def facts(number: int, seen, before: int, shape: tuple, n_layers: int, place: str) -> str:
    """The numbers of one step; before: the cache's bytes before it (HTML)."""
    prefill = seen.phase == "prefill"
    read = f"{seen.n_read:,} token{'s' if seen.n_read != 1 else ''}"
    cells = [
        (f"step {number}", f"{seen.phase}: reads {read}", "one pass of the model"),
        (str(shape), f"K, and V, in each of {n_layers} layers", "(B, H, t, d_h)"),
        (f"{seen.cache_bytes:,} bytes", f"cached, +{seen.cache_bytes - before:,} by this step",
         show_bytes(seen.cache_bytes)),
    ]
    if prefill:
        cells.append(("all at once", "a prompt is read in parallel", "prefill"))
        cells.append(("—", "max |Δ logit|: no cache used yet", ""))
    else:
        cells.append((f"{seen.ms:.1f} ms", f"one run, {place}", ""))
        cells.append((
            show_error(seen.error), "max |Δ logit|, cached − recomputed",
            f"against one pass without cache over {seen.anew_n:,} tokens, {seen.anew_ms:.1f} ms",
        ))
    return fact_strip(cells)


def sizes(rows: list[tuple[str, str, int]]) -> str:
    """(what, shape, bytes) each (HTML)."""
    return plain_table(["what", "shape", "bytes"], [list(row) for row in rows], sum_row=True)


def vector(values: np.ndarray, kind: str) -> go.Figure:
    """(H,D) of one cached K or V vector, a row for each head; hover: the exact number."""
    H = len(values)
    top = float(np.abs(values).max()) or 1.0
    scale = [[0, palette.NORM], [0.5, "rgba(128,128,128,.08)"], [1, HUES[kind]]]
    figure = go.Figure(
        go.Heatmap(
            z=values, colorscale=scale, zmin=-top, zmax=top, xgap=1, ygap=2,
            hovertemplate="head %{y}, number %{x}<br><b>%{z:.7~r}</b><extra></extra>",
            colorbar={"thickness": 12, "tickfont": {"size": 14}},
        )
    )
    figure.update_yaxes(autorange="reversed", title="head", dtick=1 if H <= 12 else 4)
    figure.update_xaxes(title="number in the vector", tickfont_size=14)
    return _plain(figure, 90 + 19 * max(H, 8))


def times(measured: list, ts, with_ms, without_ms, log: bool) -> go.Figure:
    """Measured milliseconds a step against t, and the counted work ÷ its fitted rate as lines."""
    figure = go.Figure()
    x = [m.t for m in measured]
    for name, colour, points, line in (
        ("without cache", WITHOUT, [m.without_ms for m in measured], without_ms),
        ("with cache", WITH, [m.with_ms for m in measured], with_ms),
    ):
        figure.add_scatter(
            x=ts, y=line, mode="lines", name=f"{name}: theory",
            line={"color": colour, "dash": "dot"},
            hovertemplate="token %{x}: %{y:.3~r} ms<extra>theory, " + name + "</extra>",
        )
        figure.add_scatter(
            x=x, y=points, mode="markers", name=f"{name}: measured",
            marker={"color": colour, "size": 11},
            hovertemplate="token %{x}: <b>%{y:.4~r} ms</b><extra>measured, " + name + "</extra>",
        )
    figure.update_xaxes(title="token that is read (t)", rangemode="tozero")
    figure.update_yaxes(title="ms a step", **_scale(log))
    return _plain(figure, 430)


def counts(ts, with_work, without_work, at: int, log: bool) -> go.Figure:
    """Multiply–adds of the step that reads token t, both ways."""
    figure = go.Figure()
    for name, colour, y in (
        ("without cache", WITHOUT, without_work), ("with cache", WITH, with_work)
    ):
        figure.add_scatter(
            x=ts, y=y, mode="lines", name=name, line={"color": colour, "width": 3},
            hovertemplate="token %{x}: <b>%{y:,}</b><extra>" + name + "</extra>",
        )
    figure.add_vline(at, line={"dash": "dot", "color": palette.LABEL})
    figure.update_xaxes(title="token that is read (t)", rangemode="tozero")
    figure.update_yaxes(title="multiply–adds a step", **_scale(log))
    return _plain(figure, 360)


def work(with_cache, without) -> str:
    """Multiply–adds of one step by what they are for; the sum last (HTML)."""
    rows = [
        [name, formula, getattr(with_cache, field), getattr(without, field)]
        for name, formula, field in (
            ("q, k, v, output", "L · n · 4D²", "projections"),
            ("attention", "L · 2D · pairs", "attention"),
            ("MLP", "L · n · 2DF", "mlp"),
            ("LM head", "D · V", "lm_head"),
            ("sum", "", "total"),
        )
    ]
    head = ["multiply–adds", "formula", "with cache, n = 1", "without, n = t"]
    return plain_table(head, rows, sum_row=True)


def prices(found: dict, titles: dict[str, str], reference: str) -> go.Figure:
    """Bits per byte of every policy as bars; the reference's as a line."""
    names = sorted(found, key=lambda name: found[name].bits_per_byte, reverse=True)
    values = [found[name].bits_per_byte for name in names]
    base = found[reference].bits_per_byte
    words = [
        f"{value:.3f}" + ("" if name == reference else f"  ({value - base:+.3f})".replace("-", "−"))
        for name, value in zip(names, values)
    ]
    by_name = dict(zip(titles, POLICY_HUES))
    hues = [by_name.get(name, palette.LABEL) for name in names]
    figure = go.Figure(
        go.Bar(
            y=[titles.get(name, name) for name in names], x=values, orientation="h",
            marker_color=hues, text=words, textposition="inside", insidetextanchor="start",
            textfont={"color": "white", "size": 17},
            customdata=[found[name].n_run for name in names],
            hovertemplate="<b>%{x:.5f}</b> bits per byte<br>%{customdata:,} tokens run"
            "<extra>%{y}</extra>",
        )
    )
    figure.add_vline(base, line={"dash": "dot", "color": palette.LABEL})
    figure.update_xaxes(title="bits per byte", range=[0, max(values) * 1.03])
    figure.update_yaxes(tickfont_size=16)
    return _plain(figure, 110 + 38 * len(names))


def extra_bits(found: dict, titles: dict[str, str], reference: str, tokens: list[str]) -> go.Figure:
    """Extra bits compared with the reference, added up token by token."""
    figure = go.Figure()
    base = found[reference].surprisal
    for (name, title), hue in zip(titles.items(), POLICY_HUES):
        extra = found[name].surprisal - base
        figure.add_scatter(
            x=np.arange(1, len(base) + 1), y=extra.cumsum(), mode="lines", name=title,
            line={"color": hue, "width": 2.5},
            customdata=list(zip(tokens[1:], extra)),
            hovertemplate="token %{x} %{customdata[0]}: %{customdata[1]:+.3f} bits<br>"
            "<b>%{y:+.3f}</b> in all<extra>%{fullData.name}</extra>",
        )
    figure.update_xaxes(title="token of the text")
    figure.update_yaxes(title=f"bits beyond {reference}")
    return _plain(figure, 380)


def _scale(log: bool) -> dict:
    return {"type": "log", "dtick": 1} if log else {"rangemode": "tozero"}


def _plain(figure: go.Figure, height: int) -> go.Figure:
    legend = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "font": {"size": 15}}
    return figure.update_layout(height=height, font=FONT, margin=MARGIN, legend=legend)
