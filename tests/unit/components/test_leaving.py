"""What a visitor held goes when they have gone, and stays while they may come back."""

import asyncio
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from components.frame import leaving, results
from model.run.engine import Engine
from model.run.store import RunKey
from tests.unit.components.asgi import served
from tests.waiting import until

KEYS = [RunKey(name, "model", "cpu", "float32") for name in ("Anna's", "of both", "Ben's")]


class Runtime:
    """Streamlit's, with one session."""

    def __init__(self, is_back: bool):
        self.is_back, self.closed = is_back, []

    def is_active_session(self, session: str) -> bool:
        return self.is_back

    def close_session(self, session: str) -> None:
        self.closed.append(session)


@pytest.fixture
def engine(monkeypatch):
    made = Engine()
    monkeypatch.setattr(results, "engine", lambda: made)
    monkeypatch.setattr(leaving, "AWAY_S", 0.0)
    for visitor, keys in (("anna", KEYS[:2]), ("ben", KEYS[1:])):
        for key in keys:
            made.submit(visitor, key, lambda: np.zeros(1000)).result()
    yield made
    made.close()


def leaves(runtime, monkeypatch) -> None:
    """Anna's connection ends, and the server's loop goes on."""
    monkeypatch.setattr(leaving, "get_instance", lambda: runtime)

    async def ends():
        leaving._has_left(leaving._Seat("a session", "anna"))
        await asyncio.sleep(0.01)  # one turn of the loop, whatever the machine

    served(ends())


def test_who_has_gone_leaves_what_others_asked_for_and_nothing_else(engine, monkeypatch):
    held, runtime = weakref.ref(engine.store.get(KEYS[0])), Runtime(is_back=False)
    leaves(runtime, monkeypatch)
    until(lambda: KEYS[0] not in engine.store._entries)
    assert runtime.closed == ["a session"] and held() is None
    assert engine.store.n_bytes == 16_000 and engine.store.get(KEYS[1]) is not None
    engine.leave("ben")
    assert engine.store.n_bytes == 0 and len(engine.store) == 0


def test_who_comes_back_finds_everything(engine, monkeypatch):
    runtime = Runtime(is_back=True)
    leaves(runtime, monkeypatch)
    assert runtime.closed == [] and engine.store.n_bytes == 24_000


def test_who_is_away_a_second_time_has_the_whole_time_again(engine, monkeypatch):
    """The first absence's minute ends while the second lasts: the connection of a train."""
    runtime = Runtime(is_back=False)
    monkeypatch.setattr(leaving, "get_instance", lambda: runtime)
    first, second = (leaving._Seat("a session", "anna") for _ in range(2))

    async def ends():
        leaving._has_left(first)
        monkeypatch.setattr(leaving, "AWAY_S", 3600.0)
        leaving._has_left(second)
        await asyncio.sleep(0.01)

    served(ends())
    assert runtime.closed == [] and engine.store.n_bytes == 24_000


def test_a_session_that_streamlit_closed_is_freed_at_once(engine):
    with ThreadPoolExecutor(1) as thread:  # where no loop runs, as it does where a browser test was
        thread.submit(leaving._has_left, leaving._Seat("a session", "anna")).result()
    assert KEYS[0] not in engine.store._entries and engine.store.n_bytes == 16_000


def test_what_nobody_asked_for_stays(engine):
    engine.store.put("by itself", np.zeros(10))
    engine.leave("anna")
    assert engine.store.get("by itself") is not None


def test_an_entry_put_again_keeps_its_askers(engine):
    engine.submit("anna", KEYS[0], lambda: np.ones(1000), renew=True).result()
    engine.leave("anna")
    assert KEYS[0] not in engine.store._entries
