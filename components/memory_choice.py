"""What the visitor chose on the memory page: how it is written and read, what is looked at.

Keys in st.session_state; they hold across pages. Knows nothing of the memory itself.
"""

import streamlit as st

from model.memory.recall import Settings

VIEWS = {
    "reads": "Reads",
    "weights": "All weights",
    "slots": "Slots",
    "writes": "Writes",
}
BUDGET = 128  # slots, unless the visitor says otherwise
PLAIN = Settings(budget=BUDGET)


def settings() -> Settings:
    """The chosen settings; the plain ones where nothing was chosen."""
    return Settings(**{
        name: type(plain)(_chosen(f"mem_{name}", plain)) for name, plain in vars(PLAIN).items()
    })


def is_on() -> bool:
    """Whether the memory is read."""
    return bool(st.session_state.get("mem_on", True))


def head(n_layers: int, n_heads: int) -> tuple[int, int] | None:
    """The chosen (layer, head); None: the mean over all of them."""
    if not st.session_state.get("memory_one_head"):
        return None
    layer, number = st.session_state.get("layer"), st.session_state.get("head")
    fits = layer is not None and number is not None and layer < n_layers and number < n_heads
    return (layer, number) if fits else None


def choose_head(layer: int, number: int) -> None:
    """Remember a head; the same once more: the mean again."""
    same = (st.session_state.get("layer"), st.session_state.get("head")) == (layer, number)
    st.session_state.memory_one_head = not (same and st.session_state.get("memory_one_head"))
    st.session_state.layer, st.session_state.head = layer, number


def all_heads() -> None:
    """Look at the mean over all layers and heads."""
    st.session_state.memory_one_head = False


def row(n_tokens: int) -> int:
    """The chosen token of the prompt, 0 to n_tokens - 1; by default the last one."""
    at = st.session_state.get("memory_at")
    return n_tokens - 1 if at is None else min(at, n_tokens - 1)


def choose_row(at: int | None) -> None:
    """Remember a token of the prompt; None: the last one, also as the prompt grows."""
    st.session_state.memory_at = at


def slot(n_slots: int, most_read: int) -> int:
    """The chosen slot; by default the one that is read most now."""
    chosen = st.session_state.get("memory_slot")
    return most_read if chosen is None or chosen >= n_slots else chosen


def choose_slot(number: int | None) -> None:
    """Remember a slot and look at it."""
    st.session_state.memory_slot = number
    st.session_state.memory_view = "slots"


def forget_places() -> None:
    """The memory or the prompt is another one now: look at what is read most again."""
    st.session_state.memory_at = st.session_state.memory_slot = None


def _chosen(name: str, plain):
    value = st.session_state.get(name)
    return plain if value is None else value
