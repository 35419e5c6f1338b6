"""The most probable next tokens as bars. Arrays in, HTML out."""

import html

from components.kit import palette


def bars(top) -> str:
    """top: TopTokens (texts, probability, rest) or None -> one bar a token and one for the rest."""
    if top is None:
        return '<p style="opacity:.7">Nothing to continue yet.</p>'
    rows = [_row(text, p, palette.OUTPUT) for text, p in zip(top.texts, top.probability)]
    rows.append(_row("all others", top.rest, palette.EMPTY, quoted=False))
    return f'<div style="display:grid;gap:.2em">{"".join(rows)}</div>'


def _row(text: str, p: float, colour: str, quoted: bool = True) -> str:
    word = f"<b><bdi>{html.escape(text)}</bdi></b>" if quoted else f"<i>{html.escape(text)}</i>"
    return (
        '<div style="display:grid;grid-template-columns:8.5em 1fr 4.2em;gap:.6em;'
        'align-items:center"><span style="text-align:right;overflow:hidden;'
        f'text-overflow:ellipsis;white-space:nowrap">{word}</span>'
        f'<span style="background:{palette.EMPTY};border-radius:.2em;height:1.05em">'
        f'<span style="display:block;width:{100 * p:.2f}%;height:100%;background:{colour};'
        f'border-radius:.2em"></span></span><span>{percent(p)}</span></div>'
    )


def percent(p: float) -> str:
    """A probability: never 0 % for what is possible, never 100 % for what is not certain."""
    if 0.9995 <= p < 1:
        return "> 99.9 %"
    return f"{100 * p:.1f} %" if p >= 0.001 or p == 0 else "< 0.1 %"
