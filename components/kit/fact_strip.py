"""A few numbers in a row, large enough for the last row of a hall. Knows nothing of their source."""

import html
from collections.abc import Iterable


def fact_strip(facts: Iterable[tuple[str, str, str]]) -> str:
    """(number, what it is, more on hover) each -> HTML that wraps on a narrow window."""
    cells = [
        f'<div title="{html.escape(more)}" style="line-height:1.25"><div style="font-size:1.55em;'
        f'font-weight:700;white-space:nowrap">{html.escape(number)}</div>'
        f'<div style="opacity:.75">{html.escape(what)}</div></div>'
        for number, what, more in facts
    ]
    return f'<div style="display:flex;flex-wrap:wrap;gap:.5em 1.9em">{"".join(cells)}</div>'
