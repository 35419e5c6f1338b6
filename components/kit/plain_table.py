"""A small table in full: no scrolling, numbers with thousands, the last row as the sum.

st.dataframe cuts wide columns off; a sum on a projector must be readable to the last digit.
"""

import html


def plain_table(head: list[str], rows: list[list], sum_row: bool = False) -> str:
    """HTML of a table: whole numbers right-aligned with thousands, None empty, text as text."""
    titles = "".join(_title(name, isinstance(x, int)) for name, x in zip(head, rows[-1]))
    body = "".join(
        f"<tr>{''.join(_cell(x, sum_row and i == len(rows) - 1) for x in row)}</tr>"
        for i, row in enumerate(rows)
    )
    return (
        '<div style="overflow-x:auto"><table style="border-collapse:collapse;width:100%">'
        f"<thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _title(name: str, is_number: bool) -> str:
    side = "right" if is_number else "left"
    return f'<th style="padding:.25em .6em;opacity:.7;text-align:{side}">{html.escape(name)}</th>'


def _cell(value, is_last: bool) -> str:
    number = isinstance(value, int)
    text = f"{value:,}".replace("-", "−") if number else html.escape(value or "")
    style = "padding:.25em .6em;border-bottom:1px solid rgba(127,127,127,.25);"
    style += "text-align:right;font-variant-numeric:tabular-nums;" if number else "text-align:left;"
    style += "white-space:nowrap;" if number or len(text) < 28 else ""
    style += "font-weight:700;border-top:2px solid rgba(127,127,127,.7);" if is_last else ""
    return f'<td style="{style}">{text}</td>'
