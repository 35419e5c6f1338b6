"""The chosen position and number of draws: from the link, from a click, or the plain ones.

The keys at, follow and draws in st.session_state, and those of frame/draw_choice.py;
frame/address.py carries them in the link. What makes no sense there is left out.
"""

import numpy as np
import streamlit as st

from components.frame import draw_choice
from model.run.sampling import Settings

DRAWS = (1, 10, 100, 1_000, 10_000)
PLAIN_DRAWS = 100


def position(entropy_bits: np.ndarray) -> int:
    """The chosen position, 0 to T - 1; else the last one if it is followed; else the first one
    after which the model is least certain (entropy_bits (T,): of the next token at each
    position)."""
    at, last = st.session_state.get("at"), len(entropy_bits) - 1
    if at is not None:
        return min(at, last)
    return last if follows() else int(np.argmax(entropy_bits))


def is_least_certain() -> bool:
    """Whether no position was chosen, so that the one with the largest entropy is shown."""
    return st.session_state.get("at") is None and not follows()


def follows() -> bool:
    """Whether the position is the last one, also as the prompt grows."""
    return st.session_state.get("at") is None and st.session_state.get("follow") == "last"


def follow_typing(prompt) -> None:
    """If the visitor changes the prompt that the page opened with, and chose no position, follow
    the last position from then on."""
    is_changed = st.session_state.setdefault("prediction:opened", prompt) != prompt
    if is_changed and is_least_certain():
        st.session_state.follow = "last"
        st.rerun()  # the address, already drawn above the page, must say it


def choose_position(at: int | None) -> None:
    """Remember a position; None: the last one, also as the prompt grows."""
    st.session_state.at = at
    st.session_state.follow = "last" if at is None else None


def n_draws() -> int:
    """How many draws: one of DRAWS."""
    chosen = st.session_state.get("draws")
    return chosen if chosen in DRAWS else PLAIN_DRAWS


def choose(sent: dict) -> None:
    """Remember the dials' values; plain ones as None, so that links stay short.

    Raises ValueError for values that make no sense.
    """
    wanted = Settings(float(sent["temperature"]), int(sent["top_k"]), float(sent["top_p"]))
    st.session_state.temperature = None if wanted.temperature == 1 else f"{wanted.temperature:g}"
    st.session_state.top_k = wanted.top_k or None
    st.session_state.top_p = None if wanted.top_p == 1 else f"{wanted.top_p:g}"
    st.session_state.seed = max(0, min(int(sent["seed"]), draw_choice.MAX_SEED)) or None
    st.session_state.draws = None if sent["draws"] == PLAIN_DRAWS else int(sent["draws"])
