"""Which step and which cached vector the visitor looks at, and how tokens are drawn.

Keys in st.session_state: step, layer, at, kind, and those of frame/draw_choice.py.
"""

import streamlit as st

from components.frame import draw_choice


def step(prompt: tuple) -> int:
    """The chosen step, from 1; back to 1 when the prompt changes on this page."""
    if st.session_state.setdefault("cache:prompt", prompt) != prompt:
        st.session_state["cache:prompt"] = prompt
        st.session_state.step = 1
    wanted = st.session_state.get("step") or 1
    return max(1, int(wanted))


def go_to(number: int) -> None:
    """Remember a step."""
    st.session_state.step = number


def cell(n_layers: int, n_entries: int) -> tuple[int, int, str]:
    """The chosen (layer, token, "K" or "V"); the newest token if none is chosen, or it is
    missing."""
    layer, at = st.session_state.get("layer"), st.session_state.get("at")
    layer = layer if layer is not None and layer < n_layers else 0
    at = at if at is not None and at < n_entries else n_entries - 1
    return layer, at, "V" if st.session_state.get("kind") == "V" else "K"


def choose_cell(layer: int, at: int, kind: str) -> None:
    """Remember a cached vector."""
    st.session_state.layer, st.session_state.at, st.session_state.kind = layer, at, kind


def draw_settings() -> None:
    """Temperature, top-k, top-p and seed as inputs; their values hold on every page."""
    now = draw_choice.settings()
    boxes = {
        "temperature": ("Temperature (0 = greedy)", 0.0, 1000.0, float(now.temperature), 0.1),
        "top_k": ("Top-k (0 = all)", 0, 1_000_000, int(now.top_k), 1),
        "top_p": ("Top-p (1 = all)", 0.0, 1.0, float(now.top_p), 0.05),
        "seed": ("Seed", 0, draw_choice.MAX_SEED, draw_choice.seed(), 1),
    }
    for name, (label, least, most, value, by) in boxes.items():
        key = f"cache:{name}"
        st.session_state[key] = value
        st.number_input(
            label, least, most, step=by, key=key, on_change=_remember, args=(name, key),
        )


def _remember(name: str, key: str) -> None:
    value = st.session_state[key]
    st.session_state[name] = f"{value:g}" if isinstance(value, float) else int(value)
    st.session_state.step = 1
