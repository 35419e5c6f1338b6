"""Which step and which cached vector the visitor looks at, and how tokens are drawn.

And the choices of its other views. How tokens are drawn: frame/draw_choice.py.
"""

import streamlit as st

from components.frame import draw_choice
from components.frame.choices import Choice, Flag, OneOf, Text, Whole, choose, chosen
from components.frame.place import AT, LAYER
from model.analysis.cache_bytes import PRESETS

VIEWS = {
    "growth": "Watch it grow", "time": "What it saves", "beyond": "When it is full",
    "bytes": "Bytes at scale",
}
PLACES = {"counted": "counts on with the text", "in cache": "its place in the cache"}
OWN = "own"  # the loaded model, among the presets of other models

VIEW = Choice("cache", OneOf(VIEWS), "growth")
STEP = Choice("step", Whole(1), 1)
KIND = Choice("kind", OneOf({"K": "K", "V": "V"}), "K")
MOST = Choice("cache_most", Whole(1))  # up to which token times are measured
T = Choice("cache_t", Whole(1))
LOG = Choice("cache_log", Flag())
BUDGET = Choice("cache_budget", Whole(1))
PLACE = Choice("cache_place", OneOf(PLACES), "counted")
AGAIN = Choice("cache_again", Flag())  # slide exactly too; by default where that is quick
PRESET = Choice("cache_preset", OneOf({OWN: ""} | {k: title for k, (title, _) in PRESETS.items()}), OWN)
NUMBERS = Choice("cache_numbers", Text(300))  # see kit/own_numbers.py
CHOICES = (VIEW, STEP, KIND, MOST, T, LOG, BUDGET, PLACE, AGAIN, PRESET, NUMBERS)


def step(prompt: tuple) -> int:
    """The chosen step, from 1; back to 1 when the prompt changes on this page."""
    if st.session_state.setdefault("cache:prompt", prompt) != prompt:
        st.session_state["cache:prompt"] = prompt
        go_to(1)
    return chosen(STEP)


def go_to(number: int) -> None:
    """Remember a step."""
    choose(STEP, number)


def cell(n_layers: int, n_entries: int) -> tuple[int, int, str]:
    """The chosen (layer, token, "K" or "V"); the newest token if none is chosen, or it is
    missing."""
    layer, at = chosen(LAYER), chosen(AT)
    layer = layer if layer is not None and layer < n_layers else 0
    at = at if at is not None and at < n_entries else n_entries - 1
    return layer, at, chosen(KIND)


def choose_cell(layer: int, at: int, kind: str) -> None:
    """Remember a cached vector."""
    for one, value in ((LAYER, layer), (AT, at), (KIND, kind)):
        choose(one, value)


def draw_settings() -> None:
    """Temperature, top-k, top-p and seed as inputs; their values hold on every page."""
    now = draw_choice.settings()
    boxes = {
        draw_choice.TEMPERATURE: ("Temperature (0 = greedy)", 0.0, 1000.0, now.temperature, 0.1),
        draw_choice.TOP_K: ("Top-k (0 = all)", 0, 1_000_000, now.top_k, 1),
        draw_choice.TOP_P: ("Top-p (1 = all)", 0.0, 1.0, now.top_p, 0.05),
        draw_choice.SEED: ("Seed", 0, draw_choice.MAX_SEED, draw_choice.seed(), 1),
    }
    for one, (label, least, most, value, by) in boxes.items():
        key = f"cache:{one.name}"
        st.session_state[key] = value
        st.number_input(
            label, least, most, step=by, key=key, on_change=_remember, args=(one, key),
        )


def _remember(one: Choice, key: str) -> None:
    choose(one, st.session_state[key])
    go_to(1)
