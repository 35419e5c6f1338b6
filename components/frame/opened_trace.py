"""A trace file that the visitor opened: its prompt, its trace and its model, in place of the box's.

Where the chosen model is the file's, everything works; otherwise what needs no weights. Knows nothing
of what is drawn.
"""

from dataclasses import dataclass, replace

import streamlit as st

from components.frame import model_picker
from components.kit.safe_text import for_markdown
from model.disk.called import command
from model.loading.checkpoint import Checkpoint
from model.takeaway import trace_file, weightless
from model.takeaway.trace_file import TraceFile

_OPENED = "opened trace"  # session key
PAGES = ("Attention", "Residual stream")  # they are drawn from a trace
MEMORY = "Memory"  # it is drawn from a file that holds memory
MOST_SHOWN = 120  # characters of the prompt


@dataclass(frozen=True, eq=False)
class Opened:
    """name: of the upload; found: what it holds; checkpoint: its model, with weights or without."""

    name: str
    found: TraceFile
    checkpoint: Checkpoint
    has_weights: bool


def current() -> Opened | None:
    """The file that is open; None for none."""
    held = st.session_state.get(_OPENED)
    return held[1] if held else None


def sidebar() -> None:
    """The place for a file; the sentence that says why one does not open."""
    with st.sidebar:
        file = st.file_uploader(
            "Open a trace file", type="safetensors", key="trace_upload",
            help=f"Written by Take away or by {command('trace')}. It needs no model; Attention, "
                 "Residual stream and, where it holds memory, Memory show it until you remove it here.",
        )
        if file is None:
            st.session_state.pop(_OPENED, None)
            return
        try:
            _keep(file)
        except ValueError as problem:
            st.session_state.pop(_OPENED, None)
            st.error(for_markdown(str(problem)))


def say(page: str) -> bool:
    """The line above a page while a file is open; whether the page can be drawn from it."""
    opened = current()
    if opened is None:
        return True
    text = opened.found.prompt
    shown = for_markdown(text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 1]}…")
    model = for_markdown(opened.found.model)
    st.info(
        f"Trace file **{for_markdown(opened.name)}**: “{shown}”, read by {model}"
        + ("." if opened.has_weights else ", whose weights are not loaded here.")
        + " The prompt box rests until you remove the file in the sidebar (»)."
    )
    pages = (*PAGES, MEMORY) if opened.found.held is not None else PAGES
    if page not in pages:
        none = " that holds no memory" if page == MEMORY else ""
        st.warning(f"{page} cannot be drawn from a trace file{none}. Open {' or '.join(pages)}, or "
                   "remove the file.")
    return page in pages


def _keep(file) -> None:
    whole = model_picker.current()
    key = (file.file_id, whole.fingerprint)
    held = st.session_state.get(_OPENED)
    if held is None or held[0] != key:
        found = trace_file.from_bytes(file.getvalue(), file.name)
        has_weights = found.fingerprint == whole.fingerprint
        own = weightless.checkpoint(found)
        if has_weights:  # under the file's own mark: nothing made from it is another visitor's
            own = replace(whole, fingerprint=own.fingerprint)
        st.session_state[_OPENED] = (key, Opened(file.name, found, own, has_weights))
