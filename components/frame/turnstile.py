"""Who draws now: one script at a time. Python runs one thread at a time anyway; of thirty scripts that
take turns every few milliseconds all end late, and the model's thread waits for each of them.

Who waits for the model is outside; who has drawn for long holds nobody up. Knows nothing of pages.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import streamlit as st

HOLD_S = 0.3  # who has been inside for longer lets others in: a model that loads, a large table
YIELD_S = 0.1  # how long a waiting script sleeps before it looks whether a newer key was pressed


@dataclass(eq=False)
class _Place:
    """begun: when its script began; called: whether it may go in; since: when it did; in seconds."""

    begun: float
    called: threading.Event = field(default_factory=threading.Event)
    since: float = 0.0


class Turnstile:
    """The line, whose script began first goes in first, and who is inside."""

    def __init__(self, hold_s: float = HOLD_S):
        self._hold_s, self._lock = hold_s, threading.Lock()
        self._line: set[_Place] = set()
        self._inside: set[_Place] = set()

    def join(self, begun: float) -> _Place:
        """A place in the line, behind those whose scripts began earlier."""
        place = _Place(begun)
        with self._lock:
            self._line.add(place)
            self._let_in()
        return place

    def look(self) -> None:
        """Let in who may go in by now."""
        with self._lock:
            self._let_in()

    def is_wanted(self) -> bool:
        """Whether somebody waits to go in."""
        return bool(self._line)

    def leave(self, place: _Place) -> None:
        """From inside, or from the line."""
        with self._lock:
            self._inside.discard(place)
            self._line.discard(place)
            self._let_in()

    def _let_in(self) -> None:
        now = time.monotonic()
        if self._line and all(now - place.since > self._hold_s for place in self._inside):
            place = min(self._line, key=lambda place: place.begun)
            place.since = now
            self._line.remove(place)
            self._inside.add(place)
            place.called.set()


@dataclass(eq=False)
class _Script:
    """begun: when, in seconds; place: at the turnstile, None while it waits for something else."""

    begun: float = field(default_factory=time.monotonic)
    place: _Place | None = None


_script: ContextVar[_Script | None] = ContextVar("this script", default=None)


@st.cache_resource(show_spinner=False)
def _turnstile() -> Turnstile:
    return Turnstile()


def begun() -> float | None:
    """When this script began, in seconds; None for a fragment's own run: a timer, a click in it."""
    script = _script.get()
    return script.begun if script else None


def is_wanted() -> bool:
    """Whether another script waits to draw."""
    return _turnstile().is_wanted()


@contextmanager
def inside() -> Iterator[None]:
    """Draw when it is this script's turn. Streamlit may end the script while it waits."""
    script = _Script()
    token = _script.set(script)
    try:
        _enter(script)
        yield
    finally:
        _leave(script)
        _script.reset(token)


@contextmanager
def outside() -> Iterator[None]:
    """While it waits for something, a script lets others draw; then it waits for its turn again."""
    script = _script.get()
    _leave(script)
    yield
    _enter(script)


def _enter(script: _Script | None) -> None:
    if script is None:
        return
    turnstile = _turnstile()
    script.place = turnstile.join(script.begun)
    while not script.place.called.wait(YIELD_S):
        turnstile.look()
        st.session_state.get("visitor")  # reading it lets Streamlit end this run


def _leave(script: _Script | None) -> None:
    if script is not None and script.place is not None:
        _turnstile().leave(script.place)
        script.place = None
