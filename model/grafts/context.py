"""A value that holds for everything a thread runs inside a `with`. Knows nothing of the value."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

Value = TypeVar("Value")


@contextmanager
def current(variable: ContextVar[Value | None], value: Value) -> Iterator[Value]:
    """While open, `variable.get()` is this value; afterwards it is what it was."""
    token = variable.set(value)
    try:
        yield value
    finally:
        variable.reset(token)
