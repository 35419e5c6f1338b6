"""Tokens with a cosine each, as bars round zero; a click chooses a token. Lists in, choice out."""

from collections.abc import Callable

import numpy as np
import streamlit as st

from components.kit import assets, palette

_mount = assets.component(
    "tokens_bars",
    "tokens/bars",
    '<div class="frame"><div class="bars"></div></div>',
)


def show(
    ids: list[int],
    texts: list[str],
    places: list[str],
    cosine: np.ndarray,
    notes: dict[int, str],
    key: str,
    on_choose: Callable[[int], None],
) -> None:
    """n tokens as ordered: what a click sends, visible text, small print, cosine (-1..1).

    notes: id -> a word beside its name; noted tokens are drawn grey and are not counted.
    `on_choose(id)` runs before the next script run.
    """
    data = {
        "ids": ids,
        "texts": texts,
        "places": places,
        "cosine": [float(x) for x in cosine],
        "notes": {str(i): note for i, note in notes.items()},
        "colour": palette.EMBEDDING,
    }

    def tell():
        on_choose(int(st.session_state[key].choose))

    _mount(key=key, data=data, on_choose_change=tell)
