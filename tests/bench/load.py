"""A class on one server: visitors who type word by word over all pages that follow a prompt.

The visitors (visitor.py) share the processor with the server they measure.
"""

import asyncio
import itertools
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

from components.declared import BY_PAGE
from components.frame import shell
from components.memory.choice import TOLD
from tests.bench.app import gpt2_small_folder, running
from tests.bench.result import Result
from tests.bench.visitor import Visitor, visiting
from tests.waiting import PATIENCE_S

WORD_S = 1.0
LIGHT = "tokens"  # runs no layer
MEMORY = "memory"
OTHERS = [
    page for page in BY_PAGE
    if page not in (LIGHT, MEMORY) and page.capitalize() not in shell.WITHOUT_PROMPT
]
TOLD_THERE = [("My name is James Theory. I live in New York.", {}), ("Mary lives in Paris.", {})]
WORDS = ("blue", "seven", "lamp", "river", "stone", "and", "so", "the", "old", "man", "went", "home")


@dataclass
class Seat:
    """A visitor's page, and what became of it: errors as sentences, words with their times (seconds),
    whether the last word is in the picture."""

    page: str
    number: int
    errors: list[str] = field(default_factory=list)
    words: list = field(default_factory=list)
    shows_all: bool = False


def measure() -> Iterator[Result]:
    """The class of thirty on the embedded model, then ten on GPT-2 small's shape."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        yield from _class_of(30, 120, home / "embedded", light_ms=150, aim_ms=1500, leaves=True)
        model = gpt2_small_folder(home / "gpt2-small-shaped")
        yield from _class_of(10, 120, home / "small", aim_ms=2500, MNEMOSCOPE_MODEL=str(model))


def seats(n: int) -> list[Seat]:
    """n visitors: one on a light page, a third on Memory, the rest over all other pages in turn."""
    others = itertools.cycle(OTHERS)
    rest = [MEMORY if i % 3 == 0 else next(others) for i in range(n - 1)]
    return [Seat(page, i) for i, page in enumerate([LIGHT, *rest])]


async def attend(address: str, taken: list[Seat], n_words: int, word_s: float = WORD_S) -> None:
    """All visitors type n_words words at once, each a text of their own; fills in their seats."""
    await asyncio.gather(*(_attend(address, seat, n_words, word_s) for seat in taken))


def _class_of(
    n: int, seconds: int, home: Path, aim_ms: float, light_ms: float | None = None,
    leaves: bool = False, **env: str,
) -> Iterator[Result]:
    home.mkdir()
    env |= {"MNEMOSCOPE_HOME": str(home), "HF_HUB_OFFLINE": "1"}
    with running(home / "log.txt", **env) as (app, address, _started):
        server, taken = psutil.Process(app.pid), seats(n)
        for page in _pages(taken):  # one after another: the first imports what all share
            asyncio.run(attend(address, [Seat(page, 0)], 2))
        before = server.memory_info().rss
        asyncio.run(attend(address, taken, round(seconds / WORD_S)))
        at_end, name = server.memory_info().rss, f"class of {n}"
        yield from _what_was_lost(taken, name)
        for page in _pages(taken):
            aim = light_ms if page == LIGHT and light_ms else aim_ms
            yield from _waits([seat for seat in taken if seat.page == page], f"{page}, {name}", aim)
        if leaves:
            time.sleep(120)
            yield from _memory(before, at_end, server.memory_info().rss, name)


async def _attend(address: str, seat: Seat, n_words: int, word_s: float) -> None:
    link = {"prompt": f"Visitor {seat.number} lives in New York."}
    if seat.page == MEMORY:
        link[TOLD.name] = TOLD.kind.write(TOLD_THERE)
    page = "" if seat.page == "start" else seat.page
    words = (f" {WORDS[(seat.number + i) % len(WORDS)]}" for i in range(n_words))
    try:
        async with visiting(address, page, **link) as visitor:
            seat.words, seat.errors = visitor.words, visitor.errors
            await _type(visitor, words, word_s)
            seat.shows_all = visitor.shows_all
    except OSError as error:
        seat.errors.append(f"{type(error).__name__}: {error}")


async def _type(visitor: Visitor, words: Iterator[str], word_s: float) -> None:
    await visitor.type(words, word_s)
    try:
        await asyncio.wait_for(visitor.rest(), PATIENCE_S)
    except TimeoutError:
        return  # the last word is lost: shows_all is False


def _pages(taken: list[Seat]) -> list[str]:
    return list(dict.fromkeys(seat.page for seat in taken))


def _what_was_lost(taken: list[Seat], name: str) -> Iterator[Result]:
    errors = [(seat.page, error) for seat in taken for error in seat.errors]
    detail = "; ".join(f"{page}: {error[:200]}" for page, error in errors[:3]) or "of all visitors"
    yield Result(f"errors, {name}", len(errors), "", detail, 0)
    lost = [seat.page for seat in taken if not seat.shows_all]
    detail = ", ".join(lost) or f"of {len(taken)}: each final picture is of the final text"
    yield Result(f"last keystrokes lost, {name}", len(lost), "", detail, 0)


def _waits(sitting: list[Seat], what: str, aim_ms: float) -> Iterator[Result]:
    words = [word for seat in sitting for word in seat.words]
    pictures = [1000 * (one.drawn - one.sent) for one in words if one.drawn and one.sent]
    ends = [1000 * (one.finished - one.sent) for one in words if one.finished]
    detail = f"{len(words)} words of {len(sitting)} visitors"
    yield Result(f"sent to picture, median, {what}", _percentile(pictures, 50), "ms", detail)
    yield Result(f"sent to picture, p95, {what}", _percentile(pictures, 95), "ms", detail, aim_ms)
    detail = f"{len(ends)} scripts that no newer word ended"
    yield Result(f"sent to end of script, median, {what}", _percentile(ends, 50), "ms", detail)
    yield Result(f"sent to end of script, p95, {what}", _percentile(ends, 95), "ms", detail)


def _percentile(values: list[float], q: float) -> float:
    return float(np.percentile(values, q)) if values else float("nan")


def _memory(before: int, at_end: int, after: int, name: str) -> Iterator[Result]:
    detail = f"{before / 2**20:.0f} MiB before, each page once opened"
    yield Result(f"resident memory at the end, {name}", at_end / 2**20, "MiB", detail)
    detail = f"{after / 2**20:.0f} MiB"
    grown = 100 * (after / before - 1)
    yield Result(f"resident memory two minutes later, {name}", grown, "%", detail, 5)
