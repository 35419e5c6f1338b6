"""A near miss in words: what memory's answer was told of, what was asked of, and the numbers."""

import html

from components.kit import palette
from components.kit.next_token import percent
from model.memory.answer import readable
from model.recall.link import number
from model.recall.near_miss import NearMiss


def title(miss: NearMiss) -> str:
    """What was told, and what was asked."""
    return f"Near miss: this was told of “{miss.told}”, you asked of “{miss.asked}”."


def numbers(miss: NearMiss) -> str:
    """What the told sentence lacks of the question, how much it shares, how well it fits."""
    lacks = ", ".join(f"“{word}”" for word in miss.lacks)
    fit = "" if miss.fit is None else f", and its fit is {number(miss.fit)}"
    left_out = "" if miss.is_read else " So it is not read."
    return (f"“{_short(miss.fact.text)}” lacks {lacks}. It has {percent(miss.share)} of the weight "
            f"of the question's words{fit}.{left_out}")


def box(miss: NearMiss) -> str:
    """Both as a line below a verdict."""
    return (
        f'<div style="border-left:6px solid {palette.SURPRISAL};padding:.1em 0 .1em .8em;'
        f'overflow-wrap:anywhere"><b>{html.escape(title(miss))}</b> '
        f'<span style="opacity:.85">{html.escape(numbers(miss))}</span></div>'
    )


def _short(text: str) -> str:
    """With nothing in it that is invisible or turns what follows."""
    text = readable(text.encode("utf-8", "replace"))
    return text if len(text) <= 90 else f"{text[:89]}…"
