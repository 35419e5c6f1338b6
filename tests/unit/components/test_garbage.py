"""Garbage is collected when a script ends, but not after each key."""

import weakref

from components.frame import garbage


class Ring:
    """Holds itself: only a collection frees it."""

    def __init__(self):
        self.me = self


def is_freed_at(monkeypatch, seconds: float) -> bool:
    ring = weakref.ref(Ring())
    monkeypatch.setattr(garbage.time, "monotonic", lambda: seconds)
    garbage.collect_now_and_then()
    return ring() is None


def test_garbage_is_collected_once_in_a_while(monkeypatch):
    monkeypatch.setattr(garbage._last, "at", 100.0)
    before, due = 100.0 + garbage.EVERY_S / 2, 100.0 + garbage.EVERY_S
    garbage.gc.disable()
    try:
        assert [is_freed_at(monkeypatch, at) for at in (before, due, due + 0.1)] == [False, True, False]
    finally:
        garbage.gc.enable()
