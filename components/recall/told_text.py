"""The told text, word by word: how strongly the answer read each word, and what it loses without
it.

A click chooses a word, or a whole prompt by its number. Knows nothing of models.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import streamlit as st

from components.kit import assets, palette

_mount = assets.component(
    "recall_text",
    "recall/told_text",
    '<div class="picture"><div class="told"></div><div class="asked"></div>'
    '<p class="reading" role="status"></p></div>',
)


@dataclass(frozen=True)
class Word:
    """A told token: text, its position; stored: whether a slot holds it; reads: for each of the A
    answer tokens its read weight, None if no slot was read; lost: share of the answer's probability
    that is lost without it, None if that was not tried; more: of each module, in words.
    mark: "gone", "kept", "one", "other" or "", how the visitor changed it."""

    text: str
    position: int
    stored: bool = False
    reads: tuple[float, ...] | None = None
    lost: float | None = None
    more: str = ""
    mark: str = ""


@dataclass(frozen=True)
class WordRow:
    """number of the prompt, 0 for a row of folded ones; words; fold: words instead of them."""

    number: int
    words: tuple[Word, ...] = ()
    fold: str = ""


@dataclass(frozen=True)
class ToldPicture:
    """rows told; ask: D visible strings; answer: A of them, each with its probability; clicks: what
    a click on a word does, in words."""

    rows: tuple[WordRow, ...]
    ask: tuple[str, ...]
    answer: tuple[tuple[str, float], ...]
    clicks: str


def show(
    picture: ToldPicture, key: str, on_word: Callable[[int, int], None],
    on_prompt: Callable[[int], None],
) -> None:
    """Draw it; `on_word(prompt, position)` and `on_prompt(prompt)` run before the next script run."""
    hues = {"memory": palette.MEMORY, "lost": palette.SURPRISAL, "word": palette.QUERY,
            "output": palette.OUTPUT, "value": palette.VALUE, "other": palette.KEY}

    def tell_word():
        prompt, position = st.session_state[key].word
        on_word(int(prompt), int(position))

    def tell_prompt():
        on_prompt(int(st.session_state[key].prompt))

    _mount(key=key, data=asdict(picture) | {"hues": hues}, on_word_change=tell_word,
           on_prompt_change=tell_prompt)
