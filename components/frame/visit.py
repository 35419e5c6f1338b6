"""What the visitor looks at now: the chosen model, the prompt's ids, its trace, all heads at once.

Values that only one feature needs are in that feature's run.py.
"""

import threading
import uuid
from concurrent.futures import CancelledError, Future, wait
from dataclasses import dataclass

import numpy as np
import streamlit as st

from components.frame import memory_weights, model_picker
from components.frame.choices import Choice, OneOf, chosen
from model.analysis import attention
from model.loading.checkpoint import source
from model.run import tokens
from model.run.engine import Engine
from model.run.trace import Trace

CUT = Choice("cut", OneOf({"start": "start", "end": "end"}), "start")  # where too long a prompt is
_HELD = "trace of this run"  # session key
ONE_AT_A_TIME = threading.Lock()  # torch uses every core for one; more would only wait in turns
YIELD_S = 0.05  # a waiting script checks this often whether a newer key was pressed


@dataclass(frozen=True, eq=False)
class Prompt:
    """text; ids (T,) that fit the window; n_left_out: tokens that did not, cut at `cut`."""

    text: str
    ids: np.ndarray
    n_left_out: int
    cut: str


def checkpoint():
    """The model chosen in the sidebar with its trained memory; shared by all visitors."""
    return memory_weights.applied(model_picker.current())


def mark() -> str:
    """The model's fingerprint and its trained memory's: a memory, and all computed with it, belongs
    to this pair."""
    chosen = checkpoint()
    trained = chosen.memory.fingerprint if chosen.memory is not None else "no memory"
    return f"{chosen.fingerprint} {trained}"


def model_name() -> str:
    """The chosen model's name (of a folder: its last part), safe inside Markdown."""
    name = checkpoint().name
    name = name if source(name) != "folder" else checkpoint().folder.name
    return "".join(f"\\{c}" if c in "\\`*_{}[]()<>#+-.!|$:~" else c for c in name)


def prompt() -> Prompt:
    """The prompt box's text as ids of the chosen model."""
    text, cut = st.session_state.get("prompt", ""), chosen(CUT)
    model = checkpoint()
    ids = _encode(model.fingerprint, text, model.tokenizer)
    window = model.model.config.n_positions
    kept = ids[:window] if cut == "end" else ids[-window:]
    return Prompt(text, kept, len(ids) - len(kept), cut)


def trace() -> Trace | None:
    """The trace of the prompt; None when the prompt is empty.

    Held while one script runs, so that a crowd cannot push it out of the cache between two views.
    """
    ids, chosen = prompt().ids, checkpoint()
    if len(ids) == 0:
        return None
    held, wanted = st.session_state.get(_HELD), (chosen, ids.tobytes())
    if held is None or held[0] != wanted:
        held = (wanted, _await(engine().submit(_visitor(), chosen, ids)))
        st.session_state[_HELD] = held
    return held[1]


def let_go() -> None:
    """Call it when a script ends: it lets go of the trace, which then only the cache holds."""
    st.session_state.pop(_HELD, None)


def token_texts() -> list[str]:
    """The prompt's tokens as visible strings, one per id."""
    return tokens.display(checkpoint().tokenizer, prompt().ids)


def show_tokens(ids) -> list[str]:
    """Any ids of the chosen model as visible strings."""
    return tokens.display(checkpoint().tokenizer, ids)


def survey(n_max: int = 96) -> attention.Survey | None:
    """All heads, pooled to at most n_max × n_max, with each head's facts; None without a prompt."""
    run = trace()
    return None if run is None else _survey(key(run), n_max, checkpoint(), run)


def key(run: Trace) -> tuple:
    """The key under which results computed from a trace are kept."""
    chosen = checkpoint()
    return (chosen.fingerprint, str(chosen.placement), run.ids.tobytes())


@st.cache_resource(show_spinner=False)
def engine() -> Engine:
    """The server's one engine."""
    return Engine()


@st.cache_resource(show_spinner=False, max_entries=16)
def _survey(key, n_max, _checkpoint, _trace):
    with ONE_AT_A_TIME:
        return attention.survey(_checkpoint, _trace, n_max)


@st.cache_resource(show_spinner=False, max_entries=64)
def _encode(fingerprint, text, _tokenizer):
    return tokens.encode(_tokenizer, text)


def _visitor() -> str:
    return st.session_state.setdefault("visitor", uuid.uuid4().hex)


def _await(future: Future):
    """Wait so that a newer keystroke can take over: every st call lets Streamlit end this run."""
    try:
        if not wait([future], YIELD_S).done:
            pulse = st.sidebar.empty()  # where nothing moves
            while not wait([future], YIELD_S).done:
                pulse.empty()
        return future.result()
    except CancelledError:  # a newer request of this visitor is on its way
        st.stop()
    finally:
        if not future.done():
            engine().forget(_visitor())
