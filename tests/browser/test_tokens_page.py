"""Tokens in Chromium: the staircase and its steps, clicks, typing, hostile text; no network."""

import re
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from components.tokens import choice
from tests.browser.conftest import choose_view, eventually, settled, windows

HOSTILE = "<script>alert(1)</script> **b** $x^2$ שלום \x07 👨\u200d👩 e\u0301"


def open_view(page, server, view, **link):
    page.goto(f"{server}/tokens?{urlencode({'tokens': view, 'prompt': 'Hello world', **link})}")
    settled(page)


def seen(page, name):
    """The boxes of a kind that are not still hidden behind a later step."""
    return page.locator(f".st-key-staircase .{name}:not(.later)")


def test_a_word_is_merged_step_by_step(page, server, outside):
    open_view(page, server, "merges", word=" the")
    expect(seen(page, "id")).to_have_count(1)
    page.get_by_label("Back to the bytes").click()
    expect(seen(page, "box")).to_have_text(["Ġ", "t", "h", "e"])
    expect(seen(page, "id")).to_have_count(0)
    expect(page.locator(".st-key-staircase .say")).to_contain_text("lowest rank")
    n_before = 4
    while page.get_by_label("Apply the next merge").is_enabled():
        page.get_by_label("Apply the next merge").click()
        n_now = seen(page, "box").count() - n_before
        assert n_now in (1, 2, 3)  # the new row has fewer boxes than the one above
        n_before += n_now
    expect(seen(page, "box").last).to_have_text("·the")
    page.locator(".st-key-staircase .picture").press("ArrowLeft")
    picture = page.locator(".st-key-staircase .picture")
    expect(picture).to_have_attribute("data-step", "2/3")
    assert outside == []


def test_typing_a_word_follows_each_key(page, server, outside):
    open_view(page, server, "merges")
    box = page.get_by_role("textbox", name="Any text, instead of the prompt")
    box.press_sequentially("unbelievable", delay=30)
    expect(page.locator(".st-key-staircase .char")).to_have_text(list("unbelievable"))
    expect(page).to_have_url(re.compile("word=unbelievable"))
    assert outside == []


def test_the_picture_changes_while_keys_are_still_pressed(page, server):
    open_view(page, server, "merges", prompt="one two")
    box = page.get_by_role("textbox", name="Any text, instead of the prompt")
    first = page.locator(".st-key-staircase .char").first
    expect(first).to_have_text("·")

    def follows() -> bool:
        """One more key, without a pause: a box that waits for one would send nothing."""
        box.press("x")
        return first.text_content() == "x"

    eventually(page, follows)


def test_a_chip_opens_its_staircase(page, server):
    open_view(page, server, "merges", prompt="one thing and another")
    chips = page.locator(".st-key-pieces .chip")
    expect(chips.nth(3)).to_have_class(re.compile("chosen"))  # without a choice the longest
    chips.nth(1).click()
    expect(page.locator(".st-key-staircase .char")).to_have_text(list("·thing"))
    expect(chips.nth(1)).to_have_class(re.compile("chosen"))
    expect(page).to_have_url(re.compile("piece=1"))


def test_boxes_stand_over_their_bytes(page, server):
    open_view(page, server, "merges", word="é")
    expect(seen(page, "hex")).to_have_text(["C3", "A9"])
    edges = page.evaluate(
        """() => {
            const root = [...document.querySelectorAll('.st-key-staircase *')]
                .map(e => e.shadowRoot).find(Boolean);
            const box = (name) => [...root.querySelectorAll(name)]
                .map(e => e.getBoundingClientRect());
            return [box('.char'), box('.hex')].map(list => list.map(r => [r.left, r.right]));
        }"""
    )
    (char,), (first, second) = edges
    assert char[0] == pytest.approx(first[0], abs=4) and char[1] == pytest.approx(second[1], abs=4)


def test_text_stays_text(page, server, outside):
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    open_view(page, server, "merges", prompt=HOSTILE, token_map="prompt")
    for view in ("merges", "vectors", "likeness", "positions", "map"):
        choose_view(page, choice.VIEW, view)
        expect(page.get_by_test_id("stException")).to_have_count(0)
        expect(page.get_by_test_id("stAlert")).to_have_count(0)
        assert page.locator("[data-testid=stMain] .katex").count() == 0
    assert dialogs == [] and outside == []


def test_walking_from_neighbour_to_neighbour(page, server):
    open_view(page, server, "neighbours", token="·she")
    rows = page.locator(".st-key-neighbour_bars .row")
    expect(rows.first.locator(".name")).to_contain_text("·she")
    name = rows.nth(1).locator("bdi").inner_text()
    rows.nth(1).click()
    expect(rows.first.locator("bdi")).to_have_text(name)
    expect(rows.first.locator(".note")).to_have_text("itself")
    expect(page.get_by_label(re.compile("^Token: its text"))).to_have_value(name)


def test_an_example_of_arithmetic(page, server):
    open_view(page, server, "neighbours")
    page.get_by_role("button", name="king − man + woman").click()
    names = page.locator(".st-key-sum_bars .noted bdi")
    expect(names.filter(has_text="king")).to_have_count(1)
    expect(page.locator(".st-key-sum_bars .row")).to_have_count(12)


def test_a_row_of_the_cosine_map_is_chosen_by_click(page, server):
    open_view(page, server, "likeness", prompt="one two three four")
    canvas = page.locator(".st-key-cosine_map canvas")
    expect(canvas).to_have_attribute("data-chosen", re.compile("[1-9]"))  # the last token
    box = canvas.bounding_box()
    canvas.click(position={"x": box["width"] * 0.4, "y": 84 + 2.5 * 90})
    expect(canvas).to_have_attribute("data-chosen", "2")
    expect(page.get_by_role("heading", name="Most like ·three at 2")).to_be_visible()
    expect(page).to_have_url(re.compile("at=2"))


def test_a_search_follows_each_key(page, server):
    open_view(page, server, "vocabulary")
    box = page.get_by_role("textbox", name="Search: text, or #id")
    box.fill("")
    expect(page.get_by_text("4,096 of 4,096 tokens")).to_be_visible()
    box.press_sequentially("#4095", delay=30)
    expect(page.get_by_text("1 of 4,096 tokens")).to_be_visible()
    box.press_sequentially("9")
    expect(page.get_by_text("this vocabulary has 0 to 4,095")).to_be_visible()


def test_no_view_is_wider_than_the_window(page, server, shots):
    page.set_viewport_size({"width": 1400, "height": 900})
    open_view(page, server, "merges", prompt="My name is James Theory. Where do I live?")
    for view in ("merges", "likeness", "neighbours", "vocabulary"):
        choose_view(page, choice.VIEW, view)
        for scheme, width in windows(page, 900):
            page.screenshot(path=shots / f"tokens-{view}-{scheme}-{width}.png")
