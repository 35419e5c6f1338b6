"""Tokens with a cosine each, as bars round zero; a click chooses a token. Lists in, choice out."""

from collections.abc import Callable

import numpy as np
import streamlit as st

from components import canvas, palette

_mount = st.components.v2.component(
    "mnemoscope_tokens_bars",
    html='<div class="bars"></div>',
    css=canvas.style("tokens_bars.css"),
    js=canvas.style("tokens_bars.js"),
)


def show(
    ids: np.ndarray,
    texts: list[str],
    cosine: np.ndarray,
    notes: dict[int, str],
    key: str,
    on_choose: Callable[[int], None],
) -> None:
    """ids, texts and cosine (-1..1) of n tokens, as ordered; notes: id -> a word beside its name.

    Noted tokens are drawn grey and carry no place number. `on_choose(id)` runs before the next
    script run.
    """
    data = {
        "ids": [int(i) for i in ids],
        "texts": texts,
        "cosine": [float(x) for x in cosine],
        "notes": {str(i): note for i, note in notes.items()},
        "colour": palette.EMBEDDING,
    }

    def tell():
        on_choose(int(st.session_state[key].choose))

    _mount(key=key, data=data, on_choose_change=tell)
