"""The whole answer to the prompt, said with memory and without, side by side and large.

The frame keeps its height whatever is typed. Every text is escaped.
"""

import html
import re
import time
from collections.abc import Callable

import streamlit as st

from components.frame import links, near_miss, results
from components.kit import assets, palette
from components.kit.next_token import percent
from components.memory import rest, say
from components.memory import said as memory_said
from components.memory.look import Moment
from components.memory.said import TwoAnswers
from model.memory.answer import END_OF_TEXT, LIMIT, SENTENCE, WINDOW, Answer
from model.recall.near_miss import NearMiss

STYLE = assets.text("memory/answers.css")
LEGEND = "%: the product of the tokens' probabilities. Bar: one token's own; point at it."
HUES = (palette.MEMORY, palette.LABEL)  # with memory and without, as everywhere on the page
TITLES = ("With memory", "Without: GPT-2 alone")
ENDS = {
    SENTENCE: "It ends with the sentence.", END_OF_TEXT: "Then the model ends the text.",
    LIMIT: "Cut here: the page shows no longer answer.",
    WINDOW: "Cut here: the window is full.", "": "",
}
PATIENCE_S = 0.5  # an answer that takes longer is drawn word by word
MOST_LEAD = 48  # characters of the unfinished sentence that was typed
LONG, LONGER = 50, 120  # characters from which the letters shrink
_LAST = "memory:answers drawn"  # session key: of which memory, and their HTML


def place(now: Moment):
    """Where the answers stand, for `show`: until then with the visitor's last answers to this
    memory, which have the same height."""
    spot = st.container(key="memory_answers").empty()
    key, drawn = st.session_state.get(_LAST, ("", ""))
    is_old = now.asked is not None and key == now.now.key
    spot.html(drawn if is_old else _nothing(now))
    return spot


def show(now: Moment, place, drawn: Callable[[], None]) -> None:
    """Both answers to the prompt; an empty frame if no prompt can ask. drawn: called where they take
    long, so that a newer key need not wait for them."""
    if now.asked is None:
        _draw(now, place, _nothing(now))
    else:
        _follow(now, place, drawn)


def _nothing(now: Moment) -> str:
    return _frame(["<div><i>…</i></div>"] * 2, _waiting(now))


def _draw(now: Moment, place, drawn: str) -> None:
    place.html(drawn)
    st.session_state[_LAST] = now.now.key, drawn


def _follow(now: Moment, place, drawn: Callable[[], None]) -> None:
    """Draw the answers once they are whole, slow ones as they grow; where other visitors wait, once
    typing rests. Every touch of the page lets Streamlit end this run for a newer key."""
    if results.others_wait():
        rest.pause(drawn)
    pulse = None
    grown = touched = time.monotonic()
    for both in memory_said.follow(now.asked):
        if time.monotonic() - grown > PATIENCE_S:
            place.html(_answers(now, both, "…"))
            drawn()
            grown = touched = time.monotonic()
        elif time.monotonic() - touched > results.YIELD_S:
            pulse = (pulse or st.sidebar).empty()  # where nothing moves
            touched = time.monotonic()
    _draw(now, place, _answers(now, both))


def _answers(now: Moment, both: TwoAnswers, verdict: str = "") -> str:
    lead = _lead(now.text)
    size, miss = _size(lead, both), None if verdict else _near_miss(now, both)
    sides = [_words(lead, said, size) for said in (both.after, both.before)]
    shares = [_percent(x.probability) if len(x) else "" for x in (both.after, both.before)]
    hover = [_more(both.after), _more(both.before)]
    if miss is not None:
        return _frame(sides, near_miss.title(miss), shares, hover, near_miss.numbers(miss))
    return _frame(sides, verdict or _verdict(now, both), shares, hover)


def _frame(sides, verdict: str, shares=("", ""), hover=("", ""), more: str = LEGEND) -> str:
    """Two boxes of HTML with their probabilities, and one line below; more: behind the verdict."""
    boxes = "".join(
        f'<section style="--hue:{hue}" title="{html.escape(more)}"><header><span>{title}</span>'
        f'<b>{share}</b></header><div class="words">{words}</div></section>'
        for hue, title, share, more, words in zip(HUES, TITLES, shares, hover, sides)
    )
    legend = f'<small title="{html.escape(more)}">{html.escape(more)}</small>' if any(shares) else ""
    return (f'<style>{STYLE}</style><div class="answers"><div class="two">{boxes}</div>'
            f"<footer><b>{html.escape(verdict)}</b>{legend}</footer></div>")


def _near_miss(now: Moment, both: TwoAnswers) -> NearMiss | None:
    """Whether what memory answers was told of something else than what is asked."""
    if both.is_read and both.is_same:
        return None
    told = links.facts(now.key, now.state)
    return links.near_miss_of(now.state, now.asked.recalled, told, now.text, both.after.text,
                              both.before.text)


def _words(lead: str, answer: Answer, size: str) -> str:
    """The typed beginning of the sentence, pale, then the answer with a bar under each token."""
    found = memory_said.words(answer)
    while not lead and found and not found[0].text.strip(" ↵"):
        found = found[1:]
    said = "".join(_word(piece) for piece in found)
    if not said:
        said = "<i>(nothing: the text ends here)</i>" if answer.end else "…"
    said = f"<i>{html.escape(lead)}</i>{said}" if lead else said.lstrip(" ")
    return f'<div class="{size}"><bdi>{said}</bdi></div>'


def _size(lead: str, both: TwoAnswers) -> str:
    """One size of letters for both answers, in steps."""
    n = len(lead) + max(len(both.after.text), len(both.before.text))
    return "longer" if n > LONGER else "long" if n > LONG else ""


def _word(piece) -> str:
    text = piece.text.lstrip(" ")
    space = piece.text[: len(piece.text) - len(text)]
    size = f"{100 * piece.probability:.1f}% .1em,100% .1em"
    return (
        f'{space}<span title="{html.escape(text)}: {_percent(piece.probability)}" '
        f'style="background-size:{size}">{html.escape(text)}</span>'
    )


def _percent(p: float) -> str:
    return html.escape(percent(p))


def _lead(text: str) -> str:
    """What was typed of a sentence that is not over; a long one from its end on."""
    lead = re.split(r"(?<=[.!?])\s+|\n", text)[-1]
    if re.search(r"[.!?][\"')]*\s*$", lead):
        return ""
    lead = memory_said.visible(lead)
    return lead if len(lead) <= MOST_LEAD else "… " + lead[-MOST_LEAD:].partition(" ")[2]


def _more(answer: Answer) -> str:
    if not len(answer):
        return ""
    n = len(answer)
    tokens = "1 token" if n == 1 else f"{n} tokens"
    return (f"{tokens}: together {percent(answer.probability)} (product), "
            f"{percent(answer.per_token)} a token (geometric mean). {ENDS[answer.end]}")


def _verdict(now: Moment, both: TwoAnswers) -> str:
    """What memory does to the answer, in one sentence."""
    if not now.now.state.prompts and not both.is_read:
        return "Nothing is in memory yet: both say the same."
    if not both.is_read:
        return say.EXACTLY
    if both.is_same:
        before, after = (percent(x.probability) for x in (both.before, both.after))
        return f"Both say the same; memory moves it from {before} to {after}."
    return "Memory changes the answer."


def _waiting(now: Moment) -> str:
    """What to do if no prompt can ask."""
    if now.problem:
        return "This prompt is too long to ask. The message below says what to do."
    if now.now.state.prompts:
        return "Now ask, in a new prompt: both answers follow each key."
    return "Nothing is in memory yet: tell it something first."
