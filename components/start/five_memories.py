"""The five kinds of memory as five pictures: numbers in, SVG out. Knows nothing of the model."""

import base64
import html

import numpy as np

from components.kit import palette
from components.kit.units import show_number

WIDTH, HEIGHT = 240, 96  # user units of every picture; CSS scales them to their card


def parts_bar(parts: dict[str, int]) -> str:
    """Parameters by part of the network, as one bar; widths are exact shares."""
    total, x, marks = sum(parts.values()), 0.0, []
    for name, n in parts.items():
        width = WIDTH * n / total
        marks.append(_rect(x, 8, width, 36, palette.PARTS[name], f"{name}: {n:,} parameters"))
        x += width
    biggest = sorted(parts, key=parts.get, reverse=True)[:4]
    for i, name in enumerate(biggest):
        left, base = i % 2 * 124, 66 + i // 2 * 22
        marks.append(_rect(left, base - 11, 12, 12, palette.PARTS[name], name))
        marks.append(_text(left + 17, base, f"{_SHORT[name]} {parts[name] / total:.0%}"))
    return _svg(marks, "Parameters by part of the network")


def window_gauge(n_tokens: int, n_positions: int) -> str:
    """The window as one bar, its used part filled; exact shares, but never too thin to see."""
    used = max(WIDTH * n_tokens / n_positions, 1.5 if n_tokens else 0)
    marks = [
        _rect(0, 8, WIDTH, 36, palette.EMPTY, f"window: {n_positions:,} tokens"),
        _rect(0, 8, used, 36, palette.EMBEDDING, f"{n_tokens:,} tokens used"),
        _text(0, 64, "0"),
        _text(WIDTH, 64, f"{n_positions:,}", "end"),
    ]
    return _svg(marks, f"{n_tokens} of {n_positions} tokens used")


def cache_grid(n_tokens: int, n_layers: int) -> str:
    """One column a token (the last 40), one row a layer, K above V in each cell."""
    shown, pitch = min(n_tokens, 40), 6
    row = min(12, 68 / n_layers)
    marks = []
    for layer in range(n_layers):
        y = 4 + layer * row
        for kind, colour in enumerate((palette.KEY, palette.VALUE)):
            for t in range(shown):
                top = y + kind * row * 0.42
                marks.append(_rect(t * pitch, top, pitch - 1, row * 0.38, colour))
    label = "no token yet" if not n_tokens else f"{n_tokens:,} tokens × {n_layers} layers"
    label += f" ({shown} drawn)" if n_tokens > shown else ""
    return _svg([*marks, _text(0, 90, label)], "Keys and values of every token and layer")


def position_curve(similarity: np.ndarray, position: int) -> str:
    """similarity (n_positions,), cosine in -1..1 -> a curve with the present position marked."""
    x = np.linspace(0, WIDTH, len(similarity))
    y = 38 - 32 * np.asarray(similarity)
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y))
    marks = [
        f'<line x1="0" x2="{WIDTH}" y1="38" y2="38" stroke="{palette.EMPTY}"/>',
        f'<polyline points="{points}" fill="none" stroke="{palette.POSITION}" stroke-width="1.8"/>',
        f'<circle cx="{x[position]:.1f}" cy="{y[position]:.1f}" r="4" fill="{palette.POSITION}"/>',
        _text(0, 90, f"cosine to all {len(similarity):,} positions"),
    ]
    return _svg(marks, f"Similarity of position {position} to every position")


def slots(n_full: int, n_slots: int, n_drawn: int = 20) -> str:
    """A memory's slots; each box stands for the same number of slots. Full boxes are filled, empty
    ones dashed."""
    n_drawn = min(n_drawn, max(n_slots, 1))
    filled = -(-n_full * n_drawn // max(n_slots, 1))
    marks = []
    for i in range(n_drawn):
        x, y = (i % 10) * 24, 10 + (i // 10) * 26
        full = f'fill="{palette.MEMORY}"' if i < filled else 'fill="none" stroke-dasharray="3 3"'
        marks.append(
            f'<rect x="{x}" y="{y}" width="20" height="20" rx="3" {full} '
            f'stroke="{palette.MEMORY}" opacity=".7"/>'
        )
    each = n_slots / n_drawn
    words = "nothing written, nothing kept" if not n_full else f"1 box: {show_number(each)} slots"
    return _svg([*marks, _text(0, 84, words)], f"{n_full:,} of {n_slots:,} slots full")


_SHORT = {
    "token embedding": "tokens",
    "position embedding": "positions",
    "attention": "attention",
    "MLP": "MLP",
    "layer norm": "norms",
    "unembedding": "unembed",
}


def _svg(marks: list[str], title: str) -> str:
    """An SVG file inside an <img>: Streamlit's sanitiser lets no inline SVG through."""
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="sans-serif">{"".join(marks)}</svg>'
    )
    data = base64.b64encode(svg.encode()).decode()
    return f'<img width="100%" alt="{html.escape(title)}" src="data:image/svg+xml;base64,{data}">'


def _rect(x, y, width, height, fill, title="") -> str:
    inside = f"<title>{html.escape(title)}</title>" if title else ""
    return (
        f'<rect x="{x:.2f}" y="{y:.2f}" width="{max(width, 0):.2f}" height="{height:.2f}" '
        f'fill="{fill}">{inside}</rect>'
    )


def _text(x, y, words, anchor="start") -> str:
    return (
        f'<text x="{x}" y="{y}" font-size="15" text-anchor="{anchor}" '
        f'fill="{palette.LABEL}">{html.escape(words)}</text>'
    )


def card(name: str, where: str, number: str, unit: str, picture: str, is_not: str) -> str:
    """One memory: its name, one big number with its unit, its picture, and what it does not do."""
    say = html.escape
    return (
        f'<div style="line-height:1.3"><b style="font-size:1.15em">{say(name)}</b> '
        f'<span style="opacity:.7">{say(where)}</span>'
        f'<div style="font-size:1.9em;font-weight:700;white-space:nowrap">{say(number)}</div>'
        f'<div style="opacity:.8;margin-bottom:.5em">{say(unit)}</div>{picture}'
        f'<div style="margin-top:.4em;font-size:.92em">{say(is_not)}</div></div>'
    )
