"""Two distributions of the next token side by side. Arrays in, HTML out; knows no model."""

import html

from components.kit import palette
from components.kit.next_token import points
from components.kit.units import show_change, show_number

AFTER = palette.KEY


def pairs(change, before: str, after: str) -> str:
    """change: model.analysis.ablation.AblationChange -> the tokens that matter before or after: two
    bars each, Δ probability, Δ logit (HTML). before, after: what the two are called."""
    rows = [
        _row(*row)
        for row in zip(change.texts, change.probability_before, change.probability_after,
                       change.logit_after - change.logit_before)
    ]
    head = (
        f'<div style="{_WRAP};opacity:.75"><span style="flex:1 1 auto">'
        f'{_key(palette.OUTPUT, before)} {_key(AFTER, after)}</span>'
        f'{_differences("Δ probability", "Δ logit")}</div>'
    )
    return f'<div style="display:grid;gap:.28em">{head}{"".join(rows)}</div>'


_WRAP = "display:flex;flex-wrap:wrap;gap:.1em .6em;align-items:center"


def _key(colour: str, name: str) -> str:
    return (
        '<span style="white-space:nowrap;margin-right:.6em"><span style="display:inline-block;'
        f'width:.8em;height:.8em;border-radius:.2em;background:{colour}"></span> {html.escape(name)}</span>'
    )


def _differences(probability: str, logit: str) -> str:
    """Two columns at the right; where the bars need the room, they stand below."""
    return (
        '<span style="flex:0 0 auto;margin-left:auto;display:grid;grid-template-columns:7em 4.4em;'
        'text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums">'
        f"<span>{probability}</span><span>{logit}</span></span>"
    )


def _row(text: str, before: float, after: float, logit: float) -> str:
    bars = _bar(before, palette.OUTPUT) + _bar(after, AFTER)
    change = f"{points(100 * (after - before))} pt"
    return (
        f'<div style="{_WRAP}"><bdi style="flex:0 0 5em;text-align:right;font-weight:600;'
        f'overflow:hidden;text-overflow:ellipsis;white-space:nowrap">{html.escape(text)}</bdi>'
        f'<span style="flex:1 1 9.5em;min-width:0;display:grid;gap:1px">{bars}</span>'
        f'{_differences(change, show_change(logit))}</div>'
    )


def _bar(p: float, colour: str) -> str:
    return (
        '<span style="display:grid;grid-template-columns:minmax(3em,1fr) 4.2em;gap:.4em;'
        'align-items:center;line-height:1.05">'
        f'<span class="bar" style="background:{palette.EMPTY};border-radius:.15em;height:.72em">'
        f'<span style="display:block;width:{100 * p:.2f}%;height:100%;'
        f'border-radius:.15em;background:{colour}"></span></span>'
        f'<small style="font-size:.82em;white-space:nowrap">{percent(p)}</small></span>'
    )


def percent(p: float) -> str:
    """A probability in per cent, to tenths and to two digits at least: "72.6 %", "0.019 %"; never
    100 % for what is not certain."""
    if 0.9995 <= p < 1:
        return "> 99.9 %"
    return f"{100 * p:.1f} %" if p >= 0.00995 or p == 0 else f"{show_number(100 * p, 2)} %"
