"""How a page gets something computed: from the store, or by the engine while the script waits.

The only file that knows the engine. Knows nothing of what is computed.
"""

import time
import uuid
from collections.abc import Callable
from concurrent.futures import CancelledError, wait
from typing import Any

import streamlit as st

from components.frame import turnstile
from components.frame.limits import MB, limit
from components.frame.turnstile import YIELD_S
from model.run.engine import Engine, Request
from model.run.store import ABSENT, ResultStore, RunKey

SILENT_S = 1.0  # a longer wait is explained on the page
_PLACE = "where a wait is explained"  # session key


@st.cache_resource(show_spinner=False)
def engine() -> Engine:
    """The server's one engine."""
    return Engine(ResultStore(max_bytes=limit("results-mb") * MB))


def visitor() -> str:
    """This browser tab, among all of this server."""
    return st.session_state.setdefault("visitor", uuid.uuid4().hex)


def computed(
    key: RunKey | None, work: Callable[[], Any], *, doing: str = "", renew: bool = False,
    on_progress: Callable[[Any], None] | None = None, adds: bool = False,
) -> Any:
    """The result of work(), which visitors with the same key share: nobody changes it.

    work runs on the engine's thread, where nothing of Streamlit can be called; it raises here what
    it raises there. doing: what a visitor reads who waits for long. on_progress is called in this
    script with what the work reports (`model.run.turn.report`). renew: run it even where the store
    has a result, and replace that. key None: of no use to anybody else. adds: the result only adds to
    a picture that is drawn already, so it comes after what other visitors wait for by now.
    """
    since = None if adds else turnstile.begun()
    request = engine().submit(visitor(), key, work, renew=renew, since=since)
    return _await(request, doing, on_progress)


def made(key: RunKey, make: Callable[[], Any]) -> Any:
    """The result of make(), kept like a run's; for what runs no model, and need not wait for one."""
    store = engine().store
    found = store.get(key, ABSENT)
    if found is ABSENT:
        found = make()
        store.put(key, found)
    store.note(visitor(), key)
    return found


def kept(key: RunKey) -> Any:
    """What the store has under a key; None where it has nothing."""
    return engine().store.get(key)


def others_wait() -> bool:
    """Whether somebody waits for the model or for their turn to draw, now that this script does not."""
    return engine().is_wanted() or turnstile.is_wanted()


def place_for_waits() -> None:
    """Where the page says that it waits: nothing moves when it does."""
    st.session_state[_PLACE] = st.empty()


def _await(request: Request, doing: str, on_progress: Callable[[Any], None] | None) -> Any:
    """Wait so that a newer keystroke can take over: Streamlit ends a run where it reads its state."""
    began, said, reported = time.monotonic(), "", None
    try:
        with turnstile.outside():
            while not wait([request], YIELD_S).done:
                reported = _follow(request, on_progress, reported)
                is_long = time.monotonic() - began > SILENT_S
                said = _explain(_words(request, doing) if is_long else "", said)
        _follow(request, on_progress, reported)
        _explain("", said)
        return request.result()
    except CancelledError:  # a newer request of this visitor is on its way
        st.stop()
    finally:
        if not request.done():
            engine().forget(visitor())


def _follow(request: Request, on_progress: Callable[[Any], None] | None, reported: Any) -> Any:
    progress = request.progress
    if on_progress is not None and progress is not reported:
        on_progress(progress)
    return progress


def _words(request: Request, doing: str) -> str:
    n = engine().n_before(request)
    if n == 0:
        return doing
    return f"Waiting: {n:,} {'other is' if n == 1 else 'others are'} before you."


def _explain(words: str, said: str) -> str:
    place = st.session_state.get(_PLACE)  # reading it lets Streamlit end this run
    if words != said and place is not None:
        place.caption(words) if words else place.empty()
    return words
