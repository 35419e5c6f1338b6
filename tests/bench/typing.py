"""Typing in Chromium: how often the picture changes, and how long a key waits for its own picture.

A picture says which text it shows: Attention reads out its last token, Memory writes all of them.
"""

import statistics
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
from playwright.sync_api import sync_playwright

from model.loading import checkpoint as checkpoints
from model.run import tokens
from tests import run
from tests.bench.app import running
from tests.bench.result import Result
from tests.browser.conftest import CHROMIUM_FLAGS, settled
from tests.browser.watching import watch, watched

BEGIN = "I live in New York."
TYPED = " and so the old man went into the town and lived there with his two dogs"
SPEEDS = {60: 200, 120: 100}  # words a minute -> ms a key
SHOWN = {  # page -> where its picture says which text it shows
    "attention": ".st-key-map * >> .reading",
    "memory": ".st-key-memory_reads * >> .typed .word:not(.ghost) bdi",
}


def measure() -> Iterator[Result]:
    """Updates per second and key to picture, for each page and speed."""
    path = run.found()
    if path is None:
        raise ValueError("No Chromium found: this part types in one. apt-get install chromium.")
    said = {"attention": _last_token(), "memory": lambda text: text.replace(" ", "·")}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        with running(Path(folder) / "log.txt", MNEMOSCOPE_HOME=folder) as (_, address, _started):
            for name in SHOWN:
                for speed in SPEEDS:
                    yield from _typed(browser, address, name, speed, said[name])
        browser.close()


def _last_token() -> Callable[[str], str]:
    """text -> what Attention says of its last token."""
    tokenizer = checkpoints.load("embedded", device="cpu").tokenizer

    def said(text: str) -> str:
        ids = tokens.encode(tokenizer, text)
        return f"query {tokens.display(tokenizer, ids)[-1]} ({len(ids) - 1}) "

    return said


def _typed(browser, address: str, name: str, speed: int, said) -> Iterator[Result]:
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.goto(f"{address}/{name}?{urlencode({'prompt': BEGIN, 'variant': 'gpt2+am'})}")
    settled(page)
    box = page.locator(".st-key-prompt_box textarea")
    box.press("Control+End")
    if name == "memory":
        box.press("Enter")  # tells it: the question is typed into an empty box
        page.locator(".st-key-memory_reads .told .slot").first.wait_for()
        settled(page)
    begin = box.input_value()
    watch(page, SHOWN[name])
    page.keyboard.type(TYPED, delay=SPEEDS[speed])
    page.wait_for_timeout(3000)
    settled(page)
    keys, drawn = watched(page)
    page.close()
    yield from _results(f"{name}, {speed} words a minute", keys, drawn, _prefixes(begin, said))


def _prefixes(begin: str, said) -> list[str]:
    """What the picture says of the text after each key."""
    return [said(begin + TYPED[: n + 1]) for n in range(len(TYPED))]


def _results(what: str, keys: list[float], drawn, prefixes: list[str]) -> Iterator[Result]:
    shown = [(at, _place(text, prefixes)) for at, text in drawn if at >= keys[0]]
    n = len({place for at, place in shown if at <= keys[-1]})
    seconds = (keys[-1] - keys[0]) / 1000
    detail = f"{n} pictures while {len(keys)} letters were typed, embedded"
    yield Result(f"updates per second, {what}", n / seconds, "/s", detail, 3, at_least=True)
    waits = [_wait(key, i, shown) for i, key in enumerate(keys)]
    detail = f"of {len(waits)} keys, embedded"
    yield Result(f"key to picture, median, {what}", statistics.median(waits), "ms", detail, 400)
    yield Result(f"key to picture, p95, {what}", float(np.percentile(waits, 95)), "ms", detail)


def _place(text: str, prefixes: list[str]) -> int:
    """The longest prefix that the picture shows; -1: none of them."""
    return max((i for i, one in enumerate(prefixes) if text.startswith(one)), default=-1)


def _wait(key: float, place: int, shown) -> float:
    """Milliseconds from a key to the first picture of a text that holds its letter."""
    return min((at - key for at, seen in shown if seen >= place), default=float("nan"))
