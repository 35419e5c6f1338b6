"""One value for everything that a thread runs inside a `with`. Knows nothing of what it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


@contextmanager
def current(variable: ContextVar, value) -> Iterator:
    """While open, `variable.get()` is this value; afterwards it is what it was."""
    token = variable.set(value)
    try:
        yield value
    finally:
        variable.reset(token)
