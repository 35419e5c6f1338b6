"""The scoreboard: every variant by every measure, each cell with its n and its interval."""

import html
import math
from collections.abc import Iterable
from functools import partial

import streamlit as st

from components.frame import presenting, visit
from components.kit import palette
from components.kit.export.offers import no_notebook
from components.kit.units import show_bytes
from components.recall import choice, share_scale, words
from model.disk.called import command
from model.recall import scoreboard

MEASURED = (
    "This view has no notebook: its shares come from hundreds of runs. The command below the table "
    "measures them again; one question under “One probe” has a notebook."
)
EPISODES = 125  # of the command, where no board says how many it had
RIGHT, WRONG = ("inside", "beyond", "across"), "false_recall"  # shares: high is good, or bad
WORST = 10.0  # percent more perplexity, and all above, look like a share of 0 %
LEGEND = (0.0, 0.05, 0.2, 0.5, 0.8, 0.95, 1.0)
COSTS = ("perplexity", "bytes", "ms")
HALVES = {"Recall": tuple(key for key in scoreboard.COLUMNS if key not in COSTS), "Cost": COSTS}


def show() -> None:
    """The stored board, or how to make one."""
    no_notebook(MEASURED)
    try:
        board = scoreboard.load()
    except ValueError as problem:
        st.error(words.sentence(str(problem)))
        board = None
    if board is None:
        st.info("No scoreboard is stored with the embedded model yet. This command measures it:")
        st.code(_again(EPISODES), language=None, wrap_lines=True)
        return
    if presenting.is_on():
        presenting.pictures({title: partial(_show_half, board, keys) for title, keys in HALVES.items()})
        st.caption(_about(board))
    else:
        st.html(words.heading("What each memory recalls", _about(board)))
        st.html(table(board) + legend())
    now, memory = visit.checkpoint(), visit.checkpoint().memory
    if board["fingerprint"] != now.fingerprint:
        st.caption(f"Measured on another model (`{board['fingerprint']}`), not on the one that is "
                   f"loaded (`{now.fingerprint}`).")
    elif board["memory"] != (memory and memory.fingerprint):
        st.caption("Measured with the trained memory that is shipped, not with the chosen one.")
    st.caption("This command measures it again:")
    book = " --text BOOK.txt" * (board.get("text") == "named")
    st.code(_again(board["episodes"]) + book, language=None, wrap_lines=True)


def _show_half(board: dict, keys: tuple[str, ...]) -> None:
    """Some of the columns, low enough that a hall sees every variant at once."""
    st.html(table(board, keys, ", ") + legend())


def _again(episodes: int) -> str:
    return command(f"probe --model embedded --scoreboard --n {episodes} "
                   "--out model/embedded/scoreboard.json")


def _about(board: dict) -> str:
    slots = board["slots"]
    return (
        f"{board['model']}, window of {board['window']:,} tokens, {board['episodes']:,} episodes of "
        "four facts (name, home, trade …: kinds that memory was trained on, values that it was not), "
        f"{slots['am']:,} slots (AM), {slots['edm']:,} (EDM), "
        f"policy {board['policy']}; measured {board['made']}. Point at a cell to see how."
    )


def table(
    board: dict, keys: Iterable[str] = tuple(scoreboard.COLUMNS), between: str = "<br>"
) -> str:
    """Rows are variants, columns measures; red to green by size, grey if more is neither good nor
    bad. between: what stands between interval and n (HTML)."""
    head = "".join(
        f'<th style="padding:.4em .5em;text-align:left;font-weight:600;line-height:1.2;'
        f'vertical-align:bottom">{html.escape(scoreboard.COLUMNS[key])}</th>'
        for key in keys
    )
    body = "".join(_row(row, board["rows"], keys, between) for row in board["rows"])
    return (
        '<div style="overflow-x:auto"><table style="border-collapse:separate;border-spacing:4px;'
        f'width:100%;min-width:900px"><thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody>'
        "</table></div>"
    )


def legend() -> str:
    """The scale in a few squares, and what grey says."""
    box = "display:inline-block;padding:.15em .5em;border-radius:.3em;margin-right:.3em;"
    boxes = "".join(f'<span style="{box}background:{tint(share)}">{share:.0%}</span>'
                    for share in LEGEND)
    return (
        f'<div style="font-size:.95em;line-height:2.2">{boxes} recalled; '
        "false recall and perplexity reversed. Stronger grey: more.</div>"
    )


def tint(share: float) -> str:
    """The colour behind a share; text stays readable on it in both themes."""
    return f"color-mix(in srgb,{share_scale.hue(share)} 50%,transparent)"


def _row(row: dict, rows: list[dict], keys: Iterable[str], between: str) -> str:
    name = choice.TITLES.get(row["variant"], row["variant"])
    cells = "".join(
        _cell(row["cells"].get(key), _ground(key, row["cells"].get(key), rows), between)
        for key in keys
    )
    return (
        f'<tr><th style="text-align:left;font-size:1.15em;white-space:nowrap;padding-right:.6em">'
        f"{html.escape(name)}</th>{cells}</tr>"
    )


def _cell(cell: dict | None, ground: str, between: str) -> str:
    style = "border-radius:.35em;padding:.45em .55em;line-height:1.25;vertical-align:top;"
    if cell is None or cell["value"] is None:
        how = html.escape("not measured" if cell is None else cell["how"])
        return f'<td title="{how}" style="{style}background:{ground}">–<br><small>{how}</small></td>'
    value, _, rest = scoreboard.in_words(cell).replace("-", "−").partition(", n ")
    value, _, interval = value.partition(" (")
    if cell["unit"] == "bytes":  # exact, they make the table wider than the page
        value = show_bytes(cell["value"])
    small = f"{interval.rstrip(')')}" if interval else ""
    n = f"n = {rest}" if rest and rest != "0" else ""
    lines = between.join(html.escape(line) for line in (small, n) if line)
    return (
        f'<td title="{html.escape(cell["how"])}" style="{style}background:{ground}">'
        f'<b style="font-size:1.2em;white-space:nowrap">{html.escape(value)}</b>'
        f'<div style="font-size:.82em;opacity:.8;white-space:nowrap">{lines}</div></td>'
    )


def _ground(key: str, cell: dict | None, rows: list[dict]) -> str:
    if cell is None or cell["value"] is None:
        return palette.EMPTY
    value = cell["value"]
    if key in RIGHT:
        return tint(value)
    if key == WRONG:
        return tint(1 - value)
    if key == "perplexity":
        return tint(1 - max(0.0, value) / WORST)
    return _grey(value, [row["cells"].get(key) for row in rows])


def _grey(value: float, cells: list[dict | None]) -> str:
    """By the logarithm of the value, within its column."""
    sizes = [math.log1p(cell["value"]) for cell in cells if cell and cell["value"] is not None]
    low, high = min(sizes), max(sizes)
    part = (math.log1p(value) - low) / (high - low) if high > low else 0.0
    return f"rgba(128,128,128,{0.10 + 0.35 * part:.2f})"
