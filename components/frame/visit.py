"""What the visitor looks at now: the chosen model, the prompt's ids, its trace, all heads at once.

Values that only one feature needs are in that feature's run.py.
"""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from components.frame import memory_weights, model_picker, opened_trace, results
from components.frame.choices import Choice, OneOf, chosen
from model.analysis import attention
from model.loading.checkpoint import Checkpoint, source
from model.run import tokens
from model.run.engine import trace_request
from model.run.store import RunKey
from model.run.trace import Trace

CUT = Choice("cut", OneOf({"start": "start", "end": "end"}), "start")  # where too long a prompt is
_HELD, _TOLD = "trace of this run", "memory of this visit"  # session keys
_model: ContextVar[Checkpoint | None] = ContextVar("the model of this script", default=None)


@dataclass(frozen=True, eq=False)
class Prompt:
    """text; ids (T,) that fit the window; n_left_out: tokens that did not, cut at `cut`."""

    text: str
    ids: np.ndarray
    n_left_out: int
    cut: str


def checkpoint() -> Checkpoint:
    """The model chosen in the sidebar with its trained memory; shared by all visitors. While a trace
    file is open, the file's model."""
    held = _model.get()
    return _chosen() if held is None else held


@contextmanager
def one_model() -> Iterator[None]:
    """In here, what the sidebar says stays: a page asks for its model about a hundred times a key, and
    each time Streamlit would look up five values."""
    token = _model.set(_chosen())
    try:
        yield
    finally:
        _model.reset(token)


def _chosen() -> Checkpoint:
    opened = opened_trace.current()
    return opened.checkpoint if opened else memory_weights.applied(model_picker.current())


def mark() -> str:
    """The model's fingerprint and its trained memory's: a memory, and all computed with it, belongs
    to this pair."""
    chosen = checkpoint()
    trained = chosen.memory.fingerprint if chosen.memory is not None else "no memory"
    return f"{chosen.fingerprint} {trained}"


def plain_model_name() -> str:
    """What sentences call the chosen model: "the embedded model", a hub name, a folder's last part."""
    return plain_name(checkpoint())


def plain_name(model: Checkpoint) -> str:
    """The same of any model."""
    if source(model.name) == "embedded":
        return "the embedded model"
    return model.name if source(model.name) != "folder" else model.folder.name


def model_name() -> str:
    """The chosen model's name, safe inside Markdown."""
    name = plain_model_name()
    return "".join(f"\\{c}" if c in "\\`*_{}[]()<>#+-.!|$:~" else c for c in name)


def prompt() -> Prompt:
    """The prompt box's text as ids of the chosen model; an open trace file's prompt in its place."""
    if opened := opened_trace.current():
        return Prompt(opened.found.prompt, opened.found.trace.ids, 0, "start")
    text, cut = st.session_state.get("prompt", ""), chosen(CUT)
    ids = encode(text)
    window = checkpoint().model.config.n_positions
    kept = ids[:window] if cut == "end" else ids[-window:]
    return Prompt(text, kept, len(ids) - len(kept), cut)


def encode(text: str) -> np.ndarray:
    """A prompt -> ids of the chosen model, (T,); nobody changes them."""
    return read_off(_encoded, text)


def encode_part(text: str) -> np.ndarray:
    """The same of a part of a text, with nothing before and behind it: what memory is told, a word."""
    return read_off(_encoded_part, text)


def trace() -> Trace | None:
    """The trace of the prompt; None when the prompt is empty.

    Held while one script runs, so that a crowd cannot push it out of the cache between two views.
    """
    if opened := opened_trace.current():
        return opened.found.trace
    ids, chosen = prompt().ids, checkpoint()
    if len(ids) == 0:
        return None
    held, wanted = st.session_state.get(_HELD), (chosen, ids.tobytes())
    if held is None or held[0] != wanted:
        held = (wanted, results.computed(*trace_request(results.engine().store, chosen, ids)))
        st.session_state[_HELD] = held
    return held[1]


def keep_memory(state, settings) -> None:
    """What this visitor told and how it is read, for files that take it along."""
    st.session_state[_TOLD] = state, settings


def memory() -> tuple:
    """What this visitor told the chosen model (model.memory.state.MemoryState), and the settings that
    read it; None and None for nothing."""
    state, settings = st.session_state.get(_TOLD, (None, None))
    fits = state is not None and state.prompts and state.fingerprint == checkpoint().fingerprint
    return (state, settings) if fits else (None, None)


def let_go() -> None:
    """Call it when a script ends: it lets go of the trace, which then only the cache holds."""
    st.session_state.pop(_HELD, None)


def token_texts() -> list[str]:
    """The prompt's tokens as visible strings, one per id."""
    if opened := opened_trace.current():
        return opened.found.tokens
    return tokens.display(checkpoint().tokenizer, prompt().ids)


def show_tokens(ids) -> list[str]:
    """Any ids of the chosen model as visible strings."""
    return tokens.display(checkpoint().tokenizer, ids)


def survey(n_max: int = 96) -> attention.Survey | None:
    """All heads, pooled to at most n_max × n_max, with each head's facts; None without a prompt."""
    return None if trace() is None else derived(attention.survey, n_max)


def derived(compute: Callable, *given: Hashable, **how) -> Any:
    """compute(checkpoint, trace, *given) of the present prompt, which is not empty; kept under the
    function's name and what it was given. how: of results.computed."""
    return derived_of(trace(), compute, *given, **how)


def derived_of(run: Trace, compute: Callable, *given: Hashable, **how) -> Any:
    """The same of any run of the chosen model alone."""
    chosen = checkpoint()
    key = RunKey.of(chosen, named(compute), run.ids, *given)
    return results.computed(key, partial(compute, chosen, run, *given), **how)


def is_kept(compute: Callable, *given: Hashable) -> bool:
    """Whether `derived` has this already."""
    key = RunKey.of(checkpoint(), named(compute), prompt().ids, *given)
    return results.engine().store.get(key) is not None


def of_model(compute: Callable, *given: Hashable, **how) -> Any:
    """compute(checkpoint, *given), which no prompt and no memory can change; kept likewise."""
    return results.computed(*_of_model(compute, given), **how)


def read_off(read: Callable, *given: Hashable) -> Any:
    """The same of what runs no model (texts, files, tables): made in this script, kept likewise."""
    return results.made(*_of_model(read, given))


def named(compute: Callable) -> str:
    """What a function's results are called in a key: "model.analysis.attention.weights"."""
    return f"{compute.__module__}.{compute.__qualname__}"


def _of_model(compute: Callable, given: tuple) -> tuple[RunKey, Callable]:
    chosen = checkpoint()
    return RunKey.of(chosen, named(compute), (), *given), partial(compute, chosen, *given)


def _encoded(chosen: Checkpoint, text: str) -> np.ndarray:
    ids = tokens.encode(chosen.tokenizer, text)
    ids.setflags(write=False)
    return ids


def _encoded_part(chosen: Checkpoint, text: str) -> np.ndarray:
    ids = tokens.encode_part(chosen.tokenizer, text)
    ids.setflags(write=False)
    return ids
