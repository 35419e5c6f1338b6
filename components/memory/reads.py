"""Which word reads what from memory: the conversation above, the prompt below, reads as curves.

Knows nothing of models. A click on a word of the prompt chooses it; a click on a remembered word
opens its slot.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import streamlit as st

from components.kit import assets, canvas, palette

_mount = assets.component(
    "memory_reads",
    "memory/reads",
    '<div class="picture"><svg class="lines"></svg><div class="told"></div>'
    '<div class="gap"></div><div class="typed"></div><p class="reading" role="status"></p></div>',
)


@dataclass(frozen=True, eq=False)
class ReadsPicture:
    """told: rows of told_rows; typed: T display strings; weights (T,K) read from the slots
    columns (K,); at: the word whose reads are drawn strongest; of: whose weights these are.
    guesses: (token, probability) of the next token with memory, and without. store: the store that
    is read; is_struck: words that are not in it are struck out, else pale. nothing (T,): the weight
    on the null slot, None if there is none. unread: why nothing is read, if K is 0."""

    told: list[dict]
    typed: list[str]
    weights: np.ndarray
    columns: np.ndarray
    at: int
    of: str
    guesses: list[tuple[str, float]]
    store: str
    is_struck: bool
    nothing: np.ndarray | None = None
    unread: str = ""


def show(
    picture: ReadsPicture, key: str, on_row: Callable[[int], None], on_slot: Callable[[int], None]
) -> None:
    """Draw it; `on_row(t)` and `on_slot(slot)` run before the next script run."""
    header = {name: value for name, value in vars(picture).items() if name != "weights"}
    header["columns"] = picture.columns.tolist()
    header["hues"] = {"memory": palette.MEMORY, "output": palette.OUTPUT, "word": palette.QUERY}
    if picture.nothing is not None:
        header["nothing"] = [float(x) for x in picture.nothing]
    header["guesses"] = [[text, round(p, 6)] for text, p in picture.guesses]

    def tell_row():
        on_row(int(st.session_state[key].row))

    def tell_slot():
        on_slot(int(st.session_state[key].slot))

    data = canvas.pack(header, weights=np.ascontiguousarray(picture.weights, np.float32))
    _mount(key=key, data=data, on_row_change=tell_row, on_slot_change=tell_slot)
