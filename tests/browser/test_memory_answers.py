"""The whole answers in Chromium: large, first in sight, and nothing moves while somebody types."""

from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import eventually, place_at_rest, settled, windows
from tests.browser.test_memory_page import FACT, box, tell

QUESTION = "Where do I live?"


@pytest.fixture
def told(faultless, server):
    """The memory page that was told a fact."""
    page = faultless
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto(f"{server}/memory?{urlencode({'prompt': '', 'variant': 'gpt2+am'})}")
    settled(page)
    tell(page, FACT)
    return page


def frame(page):
    return page.locator(".st-key-memory_answers .answers")


def answers(page):
    return frame(page).locator(".words")


def test_typing_shows_both_answers_and_moves_nothing(told):
    box(told).focus()
    below, places = told.locator(".st-key-memory_bar"), set()
    before = place_at_rest(told, below)["y"]
    for letter in QUESTION:
        told.keyboard.type(letter, delay=60)
        places.add(below.bounding_box()["y"])
    eventually(told, lambda: "New York" in answers(told).first.inner_text())
    settled(told)
    assert places | {below.bounding_box()["y"]} == {before}
    expect(answers(told).last).not_to_contain_text("New York")
    expect(frame(told).locator("footer")).to_contain_text("Memory changes the answer.")


def test_the_answers_are_large_and_in_sight_in_every_window(told, shots):
    box(told).fill(QUESTION)
    eventually(told, lambda: "New York" in answers(told).first.inner_text())
    settled(told)
    size = "e => parseFloat(getComputedStyle(e.firstElementChild).fontSize)"
    assert answers(told).first.evaluate(size) >= 36
    place = place_at_rest(told, frame(told))
    assert place["y"] + place["height"] <= 720 / 2 + 60
    told.screenshot(path=shots / "memory-answers-1280.png")
    for scheme, width in windows(told, 1000):
        assert answers(told).first.evaluate(size) >= 21
        told.screenshot(path=shots / f"memory-answers-{scheme}-{width}.png")


def test_each_token_says_its_probability(told):
    box(told).fill(QUESTION)
    eventually(told, lambda: "New York" in answers(told).first.inner_text())
    settled(told)
    words = answers(told).first.locator("span")
    expect(words.nth(4)).to_be_visible()
    assert all("%" in title for title in words.evaluate_all("found => found.map(e => e.title)"))
