"""Pieces of a text in reading order, each holding its tokens; a click or an arrow key chooses one.

Knows nothing of how the text was cut.
"""

import html
from collections.abc import Callable

import streamlit as st

from components.kit import assets, palette

KINDS = {  # how a pre-token was cut -> its colour and its words
    "letters": (palette.EMBEDDING, "letters"),
    "digits": (palette.POSITION, "digits"),
    "contraction": (palette.ATTENTION, "endings as ’s ’ll"),
    "other": (palette.MLP, "anything else"),
    "space": (palette.NORM, "white space"),
    "special": (palette.MEMORY, "special token"),
}
MOST_TOKENS = 64  # boxes in one chip; a chip says how many more there are
_mount = assets.component(
    "tokens_chips",
    "tokens/chips",
    '<div class="chips" role="listbox" aria-label="Tokens" tabindex="0"></div>',
)


def show(
    pieces: list[list[tuple[str, int]]],
    kinds: list[str],
    chosen: int | None,
    key: str,
    on_choose: Callable[[int], None],
    label: str,
) -> None:
    """pieces: for each, its tokens as (visible text, id); kinds: names of KINDS.

    `on_choose(number of the piece)` runs before the next script run; label is read to the blind.
    """
    data = {"pieces": [tokens[:MOST_TOKENS] for tokens in pieces], "kinds": kinds}
    data["more"] = [max(0, len(tokens) - MOST_TOKENS) for tokens in pieces]
    data |= {"chosen": chosen, "label": label}
    data["colours"] = {kind: colour for kind, (colour, _) in KINDS.items()}

    def tell():
        on_choose(int(st.session_state[key].choose))

    _mount(key=key, data=data, on_choose_change=tell)


def legend(kinds: list[str], branches: dict[str, str] | None) -> str:
    """The kinds that occur; on hover, a kind's branch of the regular expression, where it has one."""
    cells = []
    for kind, (colour, words) in KINDS.items():
        if kind in kinds:
            cells.append(_entry(colour, words, (branches or {}).get(kind, "")))
    return f'<div style="display:flex;flex-wrap:wrap;gap:.2em 1.4em">{"".join(cells)}</div>'


def _entry(colour: str, words: str, branch: str) -> str:
    pattern = html.escape(branch.replace(" ?", "␣?"))  # a space nobody sees reads as an error
    hint = f' title="cut by the pattern {pattern}"' if branch else ""
    swatch = "display:inline-block;width:.9em;height:.9em;border-radius:.2em;vertical-align:-.08em"
    return (
        f'<span style="white-space:nowrap"{hint}><span style="{swatch};background:{colour}"></span> '
        f"{words}</span>"
    )
