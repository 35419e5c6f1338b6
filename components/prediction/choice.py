"""The chosen position and number of draws: from the link, from a click, or the plain ones.

How tokens are drawn: frame/draw_choice.py.
"""

import numpy as np
import streamlit as st

from components.frame import draw_choice, presenting, second_prompt
from components.frame.choices import Choice, OneOf, choose, chosen
from components.frame.place import AT
from model.run.sampling import SamplingSettings

VIEWS = {
    "next": "What comes next",
    "surprisal": "Surprisal",
    "shift": "Why shifted by one",
}

VIEW = Choice("prediction", OneOf(VIEWS), "next")
FOLLOW = Choice("follow", OneOf({"last": "the last token"}))
DRAWS = Choice("draws", OneOf({n: f"{n:,}" for n in (1, 10, 100, 1_000, 10_000)}), 100)
CHOICES = (VIEW, FOLLOW, DRAWS)


def position(entropy_bits: np.ndarray) -> int:
    """The chosen position, 0 to T - 1; else the last one if it is followed; else the first one
    after which the model is least certain (entropy_bits (T,): of the next token at each
    position); in presentation mode and beside a prompt B the last one."""
    at, last = chosen(AT), len(entropy_bits) - 1
    if at is not None:
        return min(at, last)
    return int(np.argmax(entropy_bits)) if is_least_certain() else last


def is_least_certain() -> bool:
    """Whether no position was chosen, so that the one with the largest entropy is shown."""
    return chosen(AT) is None and not (follows() or presenting.is_on() or chosen(second_prompt.BESIDE))


def follows() -> bool:
    """Whether the position is the last one, also as the prompt grows."""
    return chosen(AT) is None and chosen(FOLLOW) == "last"


def follow_typing(prompt) -> None:
    """If the visitor changes the prompt that the page opened with, and chose no position, follow
    the last position from then on."""
    is_changed = st.session_state.setdefault("prediction:opened", prompt) != prompt
    if is_changed and is_least_certain():
        choose(FOLLOW, "last")
        st.rerun()  # the address, already drawn above the page, must say it


def choose_position(at: int | None) -> None:
    """Remember a position; None: the last one, also as the prompt grows."""
    choose(AT, at)
    choose(FOLLOW, "last" if at is None else None)


def n_draws() -> int:
    """How many draws."""
    return chosen(DRAWS)


def choose_dials(sent: dict) -> None:
    """Remember the dials' values. Raises ValueError for values that make no sense."""
    wanted = SamplingSettings(float(sent["temperature"]), int(sent["top_k"]), float(sent["top_p"]))
    choose(draw_choice.TEMPERATURE, wanted.temperature)
    choose(draw_choice.TOP_K, wanted.top_k)
    choose(draw_choice.TOP_P, wanted.top_p)
    choose(draw_choice.SEED, max(0, min(int(sent["seed"]), draw_choice.MAX_SEED)))
    choose(DRAWS, int(sent["draws"]))
