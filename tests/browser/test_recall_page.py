"""Recall in Chromium: read at a glance, a word taken away with a click, nothing lost while typing."""

import re
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import eventually, place_at_rest, settled, windows

HOSTILE = "<img src=x onerror=window.ran=1> </script><script>window.ran=2</script> $x^2$ **b** שלום."


@pytest.fixture
def recall(faultless, server):
    """The settled Recall page, the attention memory chosen; in the end: no text of a visitor has run."""
    page = faultless
    page.set_viewport_size({"width": 1400, "height": 1000})
    page.goto(f"{server}/recall?{urlencode({'recall_variant': 'gpt2+am'})}")
    expect(card(page, "gpt2+am")).to_contain_text("New York")
    settled(page)
    yield page
    assert page.evaluate("window.ran") is None


def card(page, name):
    return page.locator(f'.st-key-recall_variants [data-name="{name}"]')


def area(page, name):
    return page.locator(f".st-key-recall_{name}_area textarea")


def word(page, key, place):
    return page.locator(f'.st-key-{key} [data-place="{place}"]')


def test_a_first_visit_runs_the_james_theory_probe(recall, shots):
    expect(area(recall, "tell")).to_have_value("My name is James Theory. I live in New York.")
    expect(card(recall, "gpt2+am").locator(".said.right")).to_have_text("“New York.”")
    expect(card(recall, "gpt2").locator(".said.wrong")).to_be_visible()
    expect(recall.get_by_text("+ AM: recalled")).to_be_visible()
    expect(recall.get_by_text("another person's", exact=True)).to_be_visible()
    recall.screenshot(path=shots / "recall-probe-light-1400.png")


def test_a_click_on_a_word_takes_it_away_and_the_link_carries_the_view(recall, shots):
    strongest = recall.locator(".st-key-recall_told .word.slot i").first.locator("..")
    strongest.hover()
    expect(recall.locator(".st-key-recall_told .reading")).to_contain_text("Without it the answer")
    place = strongest.get_attribute("data-place")
    strongest.click(delay=100)  # as long as a finger takes
    expect(word(recall, "recall_cause_text", place)).to_have_class(re.compile("gone"))
    expect(recall).to_have_url(re.compile("recall_view=cause"))
    settled(recall)
    recall.screenshot(path=shots / "recall-cause-light-1400.png")
    word(recall, "recall_cause_text", place).click(delay=100)
    expect(word(recall, "recall_cause_text", place)).not_to_have_class(re.compile("gone"))


def test_a_card_chooses_its_variant(recall):
    card(recall, "gpt2").click(delay=100)
    expect(card(recall, "gpt2")).to_have_attribute("aria-checked", "true")
    expect(recall.get_by_text("GPT-2: no memory")).to_be_visible()
    expect(recall).to_have_url(re.compile("recall_variant=gpt2(&|$)"))


def test_no_letter_is_lost_while_typing_and_nothing_jumps(recall):
    before = place_at_rest(recall, recall.locator(".st-key-recall_variants"))
    box = area(recall, "ask")
    box.fill("")
    box.focus()
    recall.keyboard.type("What is my name? Your name is", delay=40)
    asked = recall.locator(".st-key-recall_told .asked")
    expect(asked).to_contain_text("Your")
    settled(recall)
    expect(box).to_have_value("What is my name? Your name is")
    after = place_at_rest(recall, recall.locator(".st-key-recall_variants"))
    assert abs(before["y"] - after["y"]) <= 1


def test_another_probe_overwrites_the_boxes_and_hostile_text_is_text(recall):
    recall.get_by_role("button", name="Other probes").click(delay=100)
    recall.get_by_role("button", name="Two people").click(delay=100)
    expect(area(recall, "answer")).to_have_value(" tea")
    expect(card(recall, "gpt2+am")).to_contain_text("tea")
    recall.keyboard.press("Escape")
    area(recall, "tell").fill(HOSTILE)
    area(recall, "tell").press("Control+Enter")
    told = recall.locator(".st-key-recall_told .told")
    expect(told.last).to_contain_text("onerror")  # until the run ends, the old text stands above the new one
    settled(recall)
    expect(told).to_contain_text("onerror")


def test_it_fits_the_window(recall, shots):
    for scheme, width in windows(recall):
        cards = recall.locator(".st-key-recall_variants .card")
        expect(cards.first).to_be_visible()
        eventually(recall, lambda cards=cards: cards.evaluate_all(
            "cards => cards.every(e => e.scrollWidth <= e.clientWidth + 1)"))
        recall.screenshot(path=shots / f"recall-probe-{scheme}-{width}.png")
