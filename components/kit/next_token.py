"""The most probable next tokens as bars, before and after. Arrays in, HTML out."""

import html

from components.kit import palette
from components.kit.units import show_number

# A row is name, bars, probabilities, change; in a narrow column the bars take a line of their own.
TWICE = """<style>
.twice { container-type: inline-size; line-height: 1.25; font-variant-numeric: tabular-nums }
.twice > div:last-child { display: grid; gap: .5em .6em; align-items: center;
  grid-template-columns: minmax(3.2em, max-content) minmax(1em, 1fr) max-content max-content }
.twice .row { display: grid; grid-template-columns: subgrid; grid-column: 1 / -1; align-items: center }
@container (max-width: 290px) {
  .twice .row > .bars { grid-area: 2 / 1 / 3 / -1 }
  .twice .row > .shares { grid-column: 2 / 4 }
}
@container (min-width: 290.1px) { .twice .row > :first-child { text-align: right } }
</style>"""
BAR = "display:block;height:.62em;border-radius:.2em;min-width:1px"


def percent(p: float) -> str:
    """A probability: never 0 % for what is possible, never 100 % for what is not certain."""
    if 0.9995 <= p < 1:
        return "> 99.9 %"
    return f"{100 * p:.1f} %" if p >= 0.001 or p == 0 else "< 0.1 %"


def twice(compared, after: str, before: str) -> str:
    """compared: texts, after (k,), before (k,) -> two bars a token and the change in points."""
    top = f'<div style="display:flex;gap:1.2em;margin-bottom:.35em">{_key(palette.MEMORY, after)}'
    top += f"{_key(palette.LABEL, before)}</div>"
    rows = "".join(
        _two_bars(*row) for row in zip(compared.texts, compared.after, compared.before)
    )
    return f'{TWICE}<div class="twice">{top}<div>{rows}</div></div>'


def _key(hue: str, words: str) -> str:
    square = f'<span style="display:inline-block;width:.8em;height:.8em;background:{hue}"></span>'
    return f"<span>{square} {html.escape(words)}</span>"


def _two_bars(text: str, after: float, before: float) -> str:
    change = 100 * (after - before)
    hue = palette.MEMORY if change > 0 else palette.LABEL
    return (
        '<div class="row"><b style="overflow:hidden;text-overflow:ellipsis;white-space:nowrap;'
        f'max-width:6.5em;font-size:1.1em"><bdi>{html.escape(text)}</bdi></b>'
        f'<span class="bars" style="background:{palette.EMPTY};border-radius:.2em">'
        f'<span style="{BAR};width:{100 * after:.2f}%;background:{palette.MEMORY}"></span>'
        f'<span style="{BAR};width:{100 * before:.2f}%;background:{palette.LABEL}"></span></span>'
        f'<span class="shares" style="text-align:right;line-height:1.1">{percent(after)}<br>'
        f'<small style="opacity:.75">{percent(before)}</small></span>'
        f'<b style="text-align:right;color:color-mix(in srgb,{hue} 75%,currentColor)">'
        f"{points(change)}<small> pt</small></b></div>"
    )


def points(change: float) -> str:
    """A change in percentage points, never 0 for what is not 0."""
    if change == 0:
        return "0"
    if abs(change) < 0.05:
        return show_number(change, 1, sign=True)
    return f"{change:+.1f}".replace("-", "−")
