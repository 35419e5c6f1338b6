"""Who is here, and whether one more fits. What a visitor held is freed when they have gone: their
session, their place in the engine's line, the results that only they asked for. The process then gives
the memory back.

Streamlit says when a connection ends, by releasing what is kept for the session; by itself it drops the
session only when another one ends. Who comes back in time, after a lost connection, finds everything.
"""

import asyncio
import ctypes
import gc
import threading
from dataclasses import dataclass, field

import streamlit as st
from streamlit.runtime import get_instance
from streamlit.runtime.scriptrunner import get_script_run_ctx

from components.frame import results, whose
from components.frame.limits import limit

AWAY_S = 60.0  # who is away for longer has gone


@dataclass(frozen=True)
class _Seat:
    """session: Streamlit's name of the tab; visitor: the engine's."""

    session: str
    visitor: str


def be_here() -> None:
    """Call it in each run: what this visitor holds is freed after they have gone. Raises ValueError where
    as many pages are open as fit; the owner's always fits."""
    _seat()


@st.cache_resource(scope="session", show_spinner=False, on_release=lambda seat: _has_left(seat))
def _seat() -> _Seat:
    seat = _Seat(get_script_run_ctx().session_id, results.visitor())
    here, most = _register().here, limit("visitors")
    if len(here) >= most and not whose.is_owner():
        raise ValueError(f"This server is full: {len(here):,} pages are open, at most {most:,} fit. Close "
                         "one that you do not need, or reload this page when somebody has left.")
    here.add(seat.session)
    return seat


@dataclass(frozen=True)
class _Register:
    """here: the sessions of all open pages; away: session -> its seat when it was left last."""

    here: set[str] = field(default_factory=set)
    away: dict[str, _Seat] = field(default_factory=dict)


@st.cache_resource(show_spinner=False)
def _register() -> _Register:
    """Of this server."""
    return _Register()


def _has_left(seat: _Seat) -> None:
    """The connection ended; mostly on the server's loop, where a session may be closed."""
    _register().here.discard(seat.session)
    _register().away[seat.session] = seat
    try:
        asyncio.get_running_loop().call_later(away_s(), _free_unless_back, seat)
    except RuntimeError:  # on another thread: Streamlit has closed the session itself
        _register().away.pop(seat.session, None)
        results.engine().leave(seat.visitor)


def away_s() -> float:
    """Before Streamlit forgets how to close the session."""
    return min(AWAY_S, st.get_option("server.disconnectedSessionTTL") / 2)


def _free_unless_back(seat: _Seat) -> None:
    runtime, away = get_instance(), _register().away
    if away.get(seat.session) is not seat:  # back since then, and away again: that counts anew
        return
    del away[seat.session]
    if runtime.is_active_session(seat.session):
        return
    runtime.close_session(seat.session)
    threading.Thread(target=_free, args=(seat,), daemon=True).start()


def _free(seat: _Seat) -> None:
    results.engine().leave(seat.visitor)
    _giving_back.ask()


class _GivingBack:
    """A whole class goes at once: what it held is given back once for all who asked before it begins."""

    def __init__(self):
        self._lock, self._n_asked, self._n_served = threading.Lock(), 0, 0

    def ask(self) -> None:
        """Return when what was free is given back."""
        self._n_asked += 1
        mine = self._n_asked
        with self._lock:
            if self._n_served < mine:
                self._n_served = self._n_asked
                _give_back()


_giving_back = _GivingBack()


def _give_back() -> None:
    """Freed memory goes back to the system, where the C library can do that (glibc)."""
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError, TypeError):  # no glibc: macOS, Windows, musl
        return
