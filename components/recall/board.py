"""The scoreboard: every variant by every measure, each cell with its n and its interval."""

import html

import streamlit as st

from components.frame import visit
from components.kit import palette
from components.recall import choice, words
from model.recall import scoreboard

COMMAND = (
    "python -m model probe --model embedded --scoreboard --n 125 "
    "--out model/embedded/scoreboard.json"
)
BETTER = {"inside": 1, "beyond": 1, "across": 1, "false_recall": -1}  # shares with a good end


def show() -> None:
    """The stored board, or how to make one."""
    try:
        board = scoreboard.load()
    except ValueError as problem:
        st.error(words.sentence(str(problem)))
        board = None
    if board is None:
        st.info("No scoreboard is stored with the embedded model yet. One command measures it:")
        st.code(COMMAND, language="bash")
        return
    st.html(words.heading("What each memory is worth", _about(board)))
    st.html(table(board))
    now, memory = visit.checkpoint(), visit.checkpoint().memory
    if board["fingerprint"] != now.fingerprint:
        st.caption("Measured on the embedded model, not on the one chosen in the sidebar.")
    elif board["memory"] != (memory and memory.fingerprint):
        st.caption("Measured with the trained memory that is shipped, not with the chosen one.")
    st.caption("Made, and made again, by")
    st.code(COMMAND + " --text BOOK.txt" * (board.get("text") == "named"), language="bash")


def _about(board: dict) -> str:
    slots = board["slots"]
    return (
        f"{board['model']}, window of {board['window']:,} tokens, {board['episodes']:,} episodes of "
        f"four facts never seen in training, {slots['am']:,} slots (AM), {slots['edm']:,} (EDM), "
        f"policy {board['policy']}; measured {board['made']}. Point at a cell for how."
    )


def table(board: dict) -> str:
    """Rows are variants, columns measures; green is good, red is bad, grey has no good end."""
    head = "".join(
        f'<th style="padding:.4em .5em;text-align:left;font-weight:600;line-height:1.2;'
        f'vertical-align:bottom">{html.escape(title)}</th>'
        for title in scoreboard.COLUMNS.values()
    )
    body = "".join(_row(row) for row in board["rows"])
    return (
        '<div style="overflow-x:auto"><table style="border-collapse:separate;border-spacing:4px;'
        f'width:100%;min-width:900px"><thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody>'
        "</table></div>"
    )


def _row(row: dict) -> str:
    name = choice.TITLES.get(row["variant"], row["variant"])
    cells = "".join(_cell(key, row["cells"].get(key)) for key in scoreboard.COLUMNS)
    return (
        f'<tr><th style="text-align:left;font-size:1.15em;white-space:nowrap;padding-right:.6em">'
        f"{html.escape(name)}</th>{cells}</tr>"
    )


def _cell(key: str, cell: dict | None) -> str:
    style = "border-radius:.35em;padding:.45em .55em;line-height:1.25;vertical-align:top;"
    if cell is None or cell["value"] is None:
        how = html.escape("not measured" if cell is None else cell["how"])
        return f'<td title="{how}" style="{style}background:{palette.EMPTY}">–<br><small>{how}</small></td>'
    value, _, rest = scoreboard.in_words(cell).partition(", n ")
    value, _, interval = value.partition(" (")
    small = f"{interval.rstrip(')')}" if interval else ""
    n = f"n = {rest}" if rest and rest != "0" else ""
    lines = "".join(f"<div>{html.escape(line)}</div>" for line in (small, n) if line)
    return (
        f'<td title="{html.escape(cell["how"])}" style="{style}background:{_ground(key, cell)}">'
        f'<b style="font-size:1.2em;white-space:nowrap">{html.escape(value)}</b>'
        f'<div style="font-size:.82em;opacity:.8;white-space:nowrap">{lines}</div></td>'
    )


def _ground(key: str, cell: dict) -> str:
    if key not in BETTER:
        return "rgba(128,128,128,.12)"
    good = cell["value"] if BETTER[key] > 0 else 1 - cell["value"]
    hue = palette.VALUE if good >= 0.5 else palette.SURPRISAL
    return f"color-mix(in srgb,{hue} {15 + 60 * abs(good - 0.5):.0f}%,transparent)"
