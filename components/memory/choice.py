"""What the visitor chose on the memory page: how memory is written and read, what is shown.

The choices are keys in st.session_state and stay across pages. Knows nothing of the memory itself.
"""

from dataclasses import replace

import streamlit as st

from components.frame import visit
from model.memory.settings import FusionSettings, Settings, from_saved
from model.memory.variants import MODULES, VARIANTS, name_of

VIEWS = {
    "reads": "Reads",
    "weights": "All weights",
    "slots": "Slots",
    "writes": "Writes",
    "gates": "Gates and states",
}
STORES = {"edm": "EDM slots", "bank": "attention bank"}
BUDGET = 128  # slots of the bank, unless the visitor says otherwise
PLAIN = Settings(fusion=FusionSettings(slots=BUDGET))
TRAINED = "learned gate"  # the salience that exists with a trained EDM only


def settings() -> Settings:
    """The chosen settings for reading; plain ones if nothing was chosen."""
    own = {name: plain for name, plain in PLAIN.saved().items() if name != "modules"}
    found = {name: type(plain)(_chosen(f"mem_{name}", plain)) for name, plain in own.items()}
    if found["score"] == TRAINED and "edm" not in available():
        found["score"] = PLAIN.fusion.score
    return from_saved(found | {"modules": modules()})


def for_writing() -> Settings:
    """The same with every module on: switches decide what is read, not what is written."""
    return replace(settings(), modules=available())


# -- modules ---------------------------------------------------------------------------------------


def available() -> frozenset[str]:
    """Modules of the chosen model: AM, which needs no training, and what was trained for it."""
    memory = visit.checkpoint().memory
    return frozenset({"am", *(memory.parts if memory is not None else ())})


def modules() -> frozenset[str]:
    """The modules that are read; by default, and for nonsense in a link, all that exist."""
    said = st.session_state.get("variant")
    if said is None:
        return available()
    named = VARIANTS.get(said, frozenset(str(said).removeprefix("gpt2+").split("+")))
    return named & available() if named <= set(MODULES) else available()


def use(chosen: frozenset[str]) -> None:
    """Read these modules from now on, and show a store that is read."""
    st.session_state.variant = None if chosen == available() else name_of(chosen)
    stores = {"edm": "edm", "am": "bank"}
    if len(read := stores.keys() & chosen) == 1 and "edm" in available():
        st.session_state.memory_store = stores[read.pop()]


def switch(name: str) -> None:
    """Switch a module on or off."""
    use(modules() ^ {name})


def store() -> str:
    """The store that is looked at, a key of STORES: the chosen one, else the EDM if it is read."""
    if "edm" not in available():
        return "bank"
    chosen = st.session_state.get("memory_store")
    if chosen in STORES:
        return chosen
    return "bank" if modules() == {"am"} else "edm"


def edm_head(n_heads: int) -> int | None:
    """The chosen head of the EDM; None: the mean over all."""
    chosen = st.session_state.get("edm_head")
    return chosen if isinstance(chosen, int) and chosen < n_heads else None


# -- places ----------------------------------------------------------------------------------------


def head(n_layers: int, n_heads: int) -> tuple[int, int] | None:
    """The chosen (layer, head); None: the mean over all of them."""
    if not st.session_state.get("memory_one_head"):
        return None
    layer, number = st.session_state.get("layer"), st.session_state.get("head")
    fits = layer is not None and number is not None and layer < n_layers and number < n_heads
    return (layer, number) if fits else None


def choose_head(layer: int, number: int) -> None:
    """Choose a head; chosen again, go back to the mean."""
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
    """The memory or the prompt changed: show the slot that is read most again."""
    st.session_state.memory_at = st.session_state.memory_slot = None


def _chosen(name: str, plain):
    value = st.session_state.get(name)
    return plain if value is None else value
