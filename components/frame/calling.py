"""Calls to the pupils of a class whose pages are open on this server: look now.

A pupil's page looks at the class's file by a timer; a call runs what that timer would run, so nobody
waits for it. Pupils of another server that shares the folder wait for theirs. Knows nothing of what has
changed.
"""

import asyncio
import time
from dataclasses import dataclass, field

import streamlit as st
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.runtime import get_instance
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_run_context import ThreadState

REST_S = 0.3  # between two calls, so that a page that follows a typist draws what it was called for


@dataclass
class _Class:
    """pupils: session -> what its timer says; called: when they were called last."""

    pupils: dict[str, BackMsg] = field(default_factory=dict)
    called: float = float("-inf")


@dataclass
class _Classes:
    """Those with a pupil on this server, by code; loop: the server's, None before it is open."""

    loop: asyncio.AbstractEventLoop | None = None
    by_code: dict[str, _Class] = field(default_factory=dict)


@st.cache_resource(show_spinner=False)
def _classes() -> _Classes:
    return _Classes()


def open_here() -> None:
    """The server is open: call it on its loop."""
    _classes().loop = asyncio.get_running_loop()


def listen(code: str) -> None:
    """The fragment that runs now shall run again at a call to this class."""
    run, message = get_script_run_ctx(), BackMsg()
    message.rerun_script.fragment_id = ThreadState.get().fragment_id or ""
    message.rerun_script.page_script_hash = run.page_script_hash
    message.rerun_script.query_string = run.query_string
    message.rerun_script.is_auto_rerun = True
    if run.context_info is not None:
        message.rerun_script.context_info.CopyFrom(run.context_info)
    _classes().by_code.setdefault(code, _Class()).pupils[run.session_id] = message


def listen_no_more() -> None:
    """This visitor's page is being drawn anew, perhaps another page: a call that names the old one would
    come too late, and listening begins again where the new one draws its bar."""
    session = get_script_run_ctx().session_id
    for one in [*_classes().by_code.values()]:
        one.pupils.pop(session, None)


def call(code: str) -> None:
    """All who listen look now, but not too soon after the last call: then their timers do it."""
    found, loop, now = _classes().by_code.get(code), _classes().loop, time.monotonic()
    if found is None or loop is None or now - found.called < REST_S:
        return
    found.called = now
    loop.call_soon_threadsafe(_look, found)


def _look(found: _Class) -> None:
    runtime = get_instance()
    for session, message in [*found.pupils.items()]:
        if runtime.is_active_session(session):
            runtime.handle_backmsg(session, message)
        else:
            found.pupils.pop(session, None)
