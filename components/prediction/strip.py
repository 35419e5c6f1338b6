"""The prompt's tokens, coloured by how much each surprised the model; a click chooses a position.

Knows nothing of models.
"""

from collections.abc import Callable

import numpy as np
import streamlit as st

from components.kit import assets, canvas, palette

FULL_BITS = 12.0  # surprisal of full colour
_mount = assets.component(
    "prediction_strip",
    "prediction/strip",
    '<div class="picture"><div class="tokens" tabindex="0" role="listbox"'
    ' aria-label="Tokens of the prompt: whose next word is shown"></div>'
    '<p class="legend"></p></div>',
)


def show(
    names: list[str],
    bits: np.ndarray,
    rank: np.ndarray,
    at: int,
    why: str,
    key: str,
    on_choose: Callable[[int | None], None],
) -> None:
    """names of T tokens, bits (T,) and rank (T,) of each (NaN and 0 for the first), at: the
    position whose prediction is looked at, and why it is this one. `on_choose(at)` runs before the next script run."""
    told = [None if np.isnan(b) else round(float(b), 4) for b in bits]
    header = {"names": names, "bits": told, "rank": rank.tolist(), "chosen": at, "why": why}
    header |= {"full": FULL_BITS, "hues": {"surprisal": palette.SURPRISAL, "guess": palette.OUTPUT}}

    def tell():
        on_choose(int(st.session_state[key].choose))

    _mount(key=key, data=canvas.pack(header), on_choose_change=tell)
