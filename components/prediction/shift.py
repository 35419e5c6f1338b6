"""Why training pairs are shifted by one: under each token its prediction, below it what came.

A click chooses a position. Knows nothing of models.
"""

from collections.abc import Callable

import numpy as np
import streamlit as st

from components.kit import assets, canvas, palette

N_SHOWN = 3
_mount = assets.component(
    "prediction_shift",
    "prediction/shift",
    '<div class="picture"><div class="names"></div>'
    '<div class="window" tabindex="0"><div class="columns"></div></div></div>',
)


def show(
    names: list[str],
    guesses: list[list[str]],
    probability: np.ndarray,
    rank: np.ndarray,
    bits: np.ndarray,
    at: int,
    key: str,
    on_choose: Callable[[int], None],
) -> None:
    """names of T tokens; guesses (T,K) names with probability (T,K) after each; rank and bits (T,)
    of the token itself (0 and NaN for the first). `on_choose(at)` runs before the next run."""
    header = {
        "names": names,
        "guesses": [row[:N_SHOWN] for row in guesses],
        "probability": probability[:, :N_SHOWN].round(9).tolist(),
        "rank": rank.tolist(),
        "bits": [None if np.isnan(b) else round(float(b), 3) for b in bits],
        "chosen": at,
        "hues": {"guess": palette.OUTPUT, "came": palette.EMBEDDING},
    }

    def tell():
        on_choose(int(st.session_state[key].choose))

    _mount(key=key, data=canvas.pack(header), on_choose_change=tell)
