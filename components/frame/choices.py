"""How a feature declares what a visitor can choose: each `Choice` in one place, its choice.py.

A choice's name is its key in st.session_state and its word in the link. Knows nothing of pages;
what each kind may say is the same in a link, in a widget and in a test.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote_plus

import streamlit as st

from components.frame.packed import packed, unpacked

PACKED = "packed."  # what a packed text in a link begins with
MOST_DIGITS = 10  # of a number in a link; Python refuses to read thousands of them


class ValueKind(Protocol):
    """What a choice may be. `read` and `write` are each other's inverse."""

    def read(self, said: str) -> Any:
        """A link's text -> the value. Raises ValueError for a text that stands for none."""

    def write(self, value: Any) -> str:
        """The value as a link's text."""

    def allows(self, value: Any) -> bool:
        """Whether a widget may hold this value."""

    def words(self) -> str:
        """What a link may say, to be read behind "it may say"."""


@dataclass(frozen=True, eq=False)
class OneOf:
    """One of a few values; titles: value -> what the visitor reads."""

    titles: Mapping[Any, str]

    def read(self, said: str) -> Any:
        for value in self.titles:
            if str(value) == said:
                return value
        raise ValueError(said)

    def write(self, value: Any) -> str:
        return str(value)

    def allows(self, value: Any) -> bool:
        return value in self.titles

    def words(self) -> str:
        return "one of " + ", ".join(f"“{value}”" for value in self.titles)


@dataclass(frozen=True, eq=False)
class Several:
    """A list of some of a few values, in a link with bars between."""

    titles: Mapping[Any, str]

    def read(self, said: str) -> list:
        return [OneOf(self.titles).read(part) for part in said.split("|") if part]

    def write(self, value: Any) -> str:
        return "|".join(map(str, value))

    def allows(self, value: Any) -> bool:
        return isinstance(value, list) and all(one in self.titles for one in value)

    def words(self) -> str:
        return "some of " + ", ".join(f"“{value}”" for value in self.titles)


@dataclass(frozen=True)
class Whole:
    """A whole number, least to most."""

    least: int = 0
    most: int = 999_999_999

    def read(self, said: str) -> int:
        is_number = said.isascii() and said.removeprefix("-").isdecimal()
        if is_number and len(said) <= MOST_DIGITS and self.allows(int(said)):
            return int(said)
        raise ValueError(said)

    def write(self, value: Any) -> str:
        return str(int(value))

    def allows(self, value: Any) -> bool:
        return isinstance(value, int) and self.least <= value <= self.most

    def words(self) -> str:
        return f"a whole number from {self.least:,} to {self.most:,}"


@dataclass(frozen=True)
class Decimal:
    """A number, least to most; written as shortly as it can be read back exactly."""

    least: float
    most: float

    def read(self, said: str) -> float:
        value = float(said) if len(said) <= 30 else float("nan")
        if self.allows(value):
            return value
        raise ValueError(said)

    def write(self, value: Any) -> str:
        short = f"{value:g}"
        return short if float(short) == value else repr(float(value))

    def allows(self, value: Any) -> bool:
        return isinstance(value, int | float) and self.least <= value <= self.most

    def words(self) -> str:
        return f"a number from {self.least:,g} to {self.most:,g}"


@dataclass(frozen=True)
class Flag:
    """On or off; in a link 1 or 0."""

    def read(self, said: str) -> bool:
        if said not in ("0", "1"):
            raise ValueError(said)
        return said == "1"

    def write(self, value: Any) -> str:
        return str(int(value))

    def allows(self, value: Any) -> bool:
        return isinstance(value, bool)

    def words(self) -> str:
        return "1 or 0"


@dataclass(frozen=True)
class Text:
    """Any text. A link carries one of up to `most` characters, counted as an address encodes them, or
    packed where that is too long; a longer one not at all: servers refuse long addresses."""

    most: int = 1000

    def read(self, said: str) -> str:
        if len(said) > self.most:
            raise ValueError(said)
        return unpacked(said.removeprefix(PACKED)) if said.startswith(PACKED) else said

    def write(self, value: Any) -> str | None:
        if len(quote_plus(value)) <= self.most and not value.startswith(PACKED):
            return value
        said = PACKED + packed(value)
        return said if len(said) <= self.most else None

    def allows(self, value: Any) -> bool:
        return isinstance(value, str)

    def words(self) -> str:
        return f"a text of at most {self.most:,} characters"


@dataclass(frozen=True)
class Cell:
    """A row and a column, (3, 7); in a link "3.7"."""

    def read(self, said: str) -> tuple[int, int]:
        row, dot, column = said.partition(".")
        if not dot:
            raise ValueError(said)
        return Whole().read(row), Whole().read(column)

    def write(self, value: Any) -> str:
        return "{}.{}".format(*value)

    def allows(self, value: Any) -> bool:
        return isinstance(value, tuple) and len(value) == 2

    def words(self) -> str:
        return "two whole numbers with a full stop between"


@dataclass(frozen=True)
class Cells:
    """A list of cells; in a link "3.7-4.0"."""

    def read(self, said: str) -> list[tuple[int, int]]:
        return [Cell().read(part) for part in said.split("-") if part]

    def write(self, value: Any) -> str:
        return "-".join(Cell().write(cell) for cell in value)

    def allows(self, value: Any) -> bool:
        return isinstance(value, list) and all(Cell().allows(cell) for cell in value)

    def words(self) -> str:
        return "cells such as 3.7-4.0"


@dataclass(frozen=True)
class Choice:
    """One thing that a visitor chooses.

    name: its key in st.session_state and its word in the link; kind: what it may be; default: what
    holds while nothing is chosen, left out of the link; None where a page finds one by itself.
    in_link: False only for what a link must not say; own: who follows a class keeps their own; what: its name for the visitor, where a value may
    be too long for a link.
    """

    name: str
    kind: ValueKind
    default: Any = None
    in_link: bool = True
    what: str = ""
    own: bool = False

    def __post_init__(self) -> None:
        assert self.name.isidentifier() and self.name.islower(), self.name
        assert self.default is None or self.kind.allows(self.default), (self.name, self.default)


def chosen(one: Choice) -> Any:
    """What the visitor or the link chose, where the choice may be that; else its default."""
    value = st.session_state.get(one.name)
    return one.default if value is None or not one.kind.allows(value) else value


def choose(one: Choice, value: Any) -> None:
    """Remember a choice; None: nothing is chosen any more."""
    st.session_state[one.name] = value


def chooser(one: Choice, value: Any):
    """A callback that remembers this choice."""
    return lambda: choose(one, value)
