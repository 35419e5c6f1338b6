"""Bars of the memory page: what each module did to the next token; the gate of every token.

Arrays and strings in, HTML out; every text is escaped.
"""

import html

import numpy as np

from components.kit import palette
from components.kit.next_token import percent, points
from components.kit.units import show_number

TITLES = {
    "none": "no memory", "early": "early alone", "late": "late alone", "edm": "EDM alone",
    "am": "AM alone", "all": "all together",
}
HUES = palette.MODULES | {"none": palette.VARIANTS["gpt2"], "all": palette.VARIANTS["gpt2-m"]}
MOST_TOKENS = 400  # tokens of a prompt drawn as a strip


def by_module(texts: list[str], probabilities: dict[str, np.ndarray | None]) -> str:
    """k tokens; module -> their probabilities (k,), None where they come later -> a group of bars a
    token, one bar a module, and the change against no memory, in percentage points."""
    names = list(probabilities)
    rows = ["<span></span>" + "".join(_token(text) for text in texts)]
    for name in names:
        strong = "font-weight:700;" if name == "all" else ""
        own, before = probabilities[name], probabilities["none"]
        cells = WAITING * len(texts) if own is None else "".join(
            _bar(HUES[name], float(p), None if name == "none" else float(p - q))
            for p, q in zip(own, before)
        )
        rows.append(f'<span style="{strong}white-space:nowrap">{TITLES[name]}</span>{cells}')
    columns = f"max-content repeat({len(texts)},minmax(5.8em,1fr))"
    return (
        f'<div style="display:grid;grid-template-columns:{columns};gap:.35em .8em;'
        f'align-items:center;font-variant-numeric:tabular-nums">{"".join(rows)}</div>'
    )


def _token(text: str) -> str:
    return (
        '<b style="font-size:1.1em;overflow:hidden;text-overflow:ellipsis;white-space:nowrap">'
        f"<bdi>{html.escape(text)}</bdi></b>"
    )


def _rounded(change: float) -> str:
    """A rounded change in points; the exact one is in the bar's hover text."""
    return points(change) if change == 0 or abs(change) >= 0.05 else "± < 0.1"


def _bar(hue: str, p: float, change: float | None) -> str:
    exact = "" if change is None else f", {points(100 * change)} points against no memory"
    moved = "" if change is None else f"{_rounded(100 * change)} pt"
    return _cell(f"{show_number(p, 6)}{exact}", f"min-width:1px;width:{100 * p:.2f}%;background:{hue}",
                 percent(p), moved)


def _cell(hover: str, bar: str, p: str, moved: str) -> str:
    return (
        f'<span title="{hover}"><span style="display:block;background:{palette.EMPTY};'
        'border-radius:.2em"><span style="display:block;height:.75em;border-radius:.2em;'
        f'{bar}"></span></span>'
        '<span style="display:flex;flex-wrap:wrap;justify-content:space-between;'
        'column-gap:.6em;line-height:1.25;white-space:nowrap">'
        f'<span>{p}</span><small style="opacity:.75">{moved}</small></span></span>'
    )


WAITING = _cell("Computed once typing rests", "width:0", "…",
                '<span style="visibility:hidden">+0.0 pt</span>')  # as high as a bar


# -- gates -----------------------------------------------------------------------------------------


def gate_strip(names: list[str], salience: np.ndarray, stored: np.ndarray, threshold: float) -> str:
    """T tokens with their salience (T,), which of them are stored (T,), and the threshold: a bar
    above each word, one line across all of them; stored tokens are framed."""
    shown = [float(x) for x in salience[:MOST_TOKENS]]
    ends = [*shown, *([threshold] if np.isfinite(threshold) else [])]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    low -= 0.06 * (high - low or 1)
    place = lambda x: 100 * float(np.clip((x - low) / (high - low or 1), 0, 1))
    line = place(threshold)
    cells = "".join(
        _gate(name, x, bool(keep), place(x), line)
        for name, x, keep in zip(names, shown, stored)
    )
    more = len(salience) - len(shown)
    left = f'<span style="align-self:end">… {more:,} more tokens</span>' if more > 0 else ""
    row = "display:flex;flex-wrap:wrap;row-gap:.7em;line-height:1.3"
    return f'<div style="{row}">{cells}{left}</div>'


def _gate(name: str, salience: float, stored: bool, height: float, line: float) -> str:
    hue = palette.MEMORY if stored else palette.LABEL
    ground = f"color-mix(in srgb,{palette.MEMORY} 20%,transparent)" if stored else "transparent"
    edge = palette.MEMORY if stored else "transparent"
    verdict = "stored" if stored else "not stored"
    return (
        f'<span title="salience {show_number(salience, 4)}: {verdict}" style="display:flex;'
        'flex-direction:column"><span style="position:relative;height:4.2em;min-width:1.5em">'
        f'<span style="position:absolute;left:15%;right:15%;bottom:0;height:{height:.1f}%;'
        f'border-radius:.2em .2em 0 0;background:{hue}"></span><span style="position:absolute;'
        f'left:0;right:0;bottom:{line:.1f}%;height:2px;background:currentColor"></span></span>'
        '<span style="margin:.15em .1em 0;padding:0 .25em;border-radius:.3em;text-align:center;'
        f'max-width:12em;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;font-size:1.1em;'
        f'border:2px solid {edge};background:{ground}"><bdi>{html.escape(name)}</bdi></span></span>'
    )
