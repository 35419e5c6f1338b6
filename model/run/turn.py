"""A turn at the model: long work lets others in between two layers, and stops when nobody waits.

The engine opens a turn round everything it runs, and the tap asks it between two layers; whoever
computes for long without a layer (a search through a vocabulary, a sentence model) may ask it too.
Without a turn (command line, training, tests) nothing happens. Knows nothing of queues.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

from model.grafts.context import current


class Overtaken(Exception):
    """The work was stopped between two layers, because nobody waits for its result any more."""


class Turn(Protocol):
    """What work may ask of the one who runs it. undivided: others wait until this stretch ends."""

    undivided: bool

    def give_way(self) -> None:
        """Let others run first, where they wait; raises Overtaken where nobody waits for us."""

    def report(self, progress: Any) -> None:
        """Tell whoever waits how far the work is."""


_current: ContextVar[Turn | None] = ContextVar("mnemoscope_turn", default=None)


def opened(turn: Turn) -> AbstractContextManager[Turn]:
    """While open, what this thread runs takes its turn."""
    return current(_current, turn)


def is_open() -> bool:
    """Whether this thread works for the engine."""
    return _current.get() is not None


def give_way() -> None:
    """A place where others may run first; raises Overtaken where nobody waits for us any more."""
    turn = _current.get()
    if turn is not None:
        turn.give_way()


def report(progress: Any) -> None:
    """Tell the page that waits how far the work is, and give way."""
    turn = _current.get()
    if turn is not None:
        turn.report(progress)
        turn.give_way()


@contextmanager
def undivided() -> Iterator[None]:
    """What is timed: nobody else runs before it ends, or the clock would count theirs."""
    turn = _current.get()
    if turn is None or turn.undivided:
        yield
        return
    turn.give_way()
    turn.undivided = True
    try:
        yield
    finally:
        turn.undivided = False
