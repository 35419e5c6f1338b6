"""Memory in Chromium: told with Enter, asked while typing, lines to the words that answer."""

import re
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import eventually, place_at_rest, settled

FACT, QUESTION = "My name is James Theory. I live in New York.", "Where do I live? I live in"
HOSTILE = "<img src=x onerror=window.ran=1> </script><script>window.ran=2</script> $x^2$ **b** שלום."


@pytest.fixture
def memory(faultless, server):
    """The settled memory page with an empty prompt."""
    page = faultless
    page.set_viewport_size({"width": 1400, "height": 1000})
    page.goto(f"{server}/memory?{urlencode({'prompt': '', 'variant': 'gpt2+am'})}")
    settled(page)
    return page


def box(page):
    return page.locator(".st-key-prompt_box textarea")


def reads(page):
    return page.locator(".st-key-memory_reads .picture")


def n_lines(page) -> int:
    """How many reads are drawn."""
    return int(reads(page).get_attribute("data-lines") or 0)


def tell(page, text):
    box(page).fill(text)
    box(page).press("Enter")
    expect(box(page)).to_have_value("")
    settled(page)


def show_me(page):
    """The first visit's one click, then the question with its lead, for the picture."""
    page.locator(".st-key-show-James-Theory button").click()
    expect(box(page)).to_have_value("Where do I live?")
    settled(page)
    box(page).fill(QUESTION)
    expect(reads(page).locator(".typed .word.focus")).to_have_text("·in")
    expect(reads(page).locator(".ghost").first).to_be_visible()
    settled(page)


def ask(page, text):
    box(page).focus()
    page.keyboard.type(text, delay=15)
    words = reads(page).locator(".typed .word:not(.ghost) bdi")
    eventually(page, lambda: "".join(words.all_inner_texts()).replace("·", " ").strip() == text)
    expect(reads(page).locator(".ghost").first).to_be_visible()
    settled(page)


def test_told_with_enter_and_recalled_while_typing(memory, shots):
    tell(memory, FACT)
    expect(reads(memory).locator(".told .slot")).to_have_count(15)
    ask(memory, QUESTION)
    expect(reads(memory).locator(".reading")).to_contain_text("·in reads ·New")
    eventually(memory, lambda: n_lines(memory) > 10)
    ghosts = reads(memory).locator(".ghost")
    expect(ghosts.first).to_contain_text("·New")
    expect(ghosts.last).to_contain_text("without memory")
    memory.screenshot(path=shots / "memory-reads.png")


def test_enter_is_a_new_line_where_nothing_is_told(memory, server):
    box(memory).focus()
    memory.keyboard.type("One.")
    memory.keyboard.press("Shift+Enter")
    memory.keyboard.type("Two.")
    expect(box(memory)).to_have_value("One.\nTwo.")
    expect(memory).to_have_url(re.compile("Two"))
    settled(memory)
    memory.get_by_role("link", name="Attention").click(delay=100)  # as long as a finger takes
    expect(memory.locator(".st-key-map")).to_be_visible()
    settled(memory)
    box(memory).press("End")
    box(memory).press("Enter")
    memory.keyboard.type("Three.")
    expect(box(memory)).to_have_value("One.\nTwo.\nThree.")
    settled(memory)
    expect(box(memory)).to_have_value("One.\nTwo.\nThree.")


def test_the_button_tells_what_was_just_typed(memory):
    box(memory).focus()
    memory.keyboard.type("I like tea. ")
    expect(memory.get_by_role("button", name="Remember this prompt")).to_be_enabled()
    memory.keyboard.type("It rains.")
    memory.get_by_role("button", name="Remember this prompt").click()
    expect(box(memory)).to_have_value("")
    expect(reads(memory).locator(".told")).to_contain_text("rain")
    memory.get_by_role("button", name="Undo").click()
    expect(memory.get_by_text("Nothing is in memory.")).to_be_visible()


def test_the_first_visit_then_a_slot_then_its_absence(memory):
    show_me(memory)
    reads(memory).locator(".told .slot", has_text="·New").click()
    grid = memory.locator(".st-key-memory_slots .slots")
    expect(grid).to_have_attribute("data-chosen", "11")
    expect(memory.get_by_text("without its sentence")).to_be_visible()
    expect(memory.locator(".st-key-memory_slots i")).to_have_count(128 - 15)
    memory.locator(".st-key-memory_slots button").nth(3).click()
    expect(memory.get_by_text("Slot 3:").first).to_be_visible()


def test_a_head_of_its_own_and_its_row(memory):
    show_me(memory)
    expect(reads(memory).locator(".reading")).to_contain_text("Mean over")
    memory.locator(".st-key-memory_heads").get_by_label(re.compile("^layer 3, head 0:")).click()
    alone = "Layer 3, head 0 alone."
    expect(reads(memory).locator(".reading")).to_contain_text(alone)
    memory.get_by_role("radio", name="All weights").click()
    sums = memory.locator(".st-key-memory_map .sums")
    expect(sums).to_contain_text("= 1.000000. Layer 3, head 0 alone.")
    memory.locator(".st-key-memory_map canvas").press("ArrowUp")
    expect(sums).to_contain_text("·live (token 6)")


def test_typing_moves_nothing(memory):
    tell(memory, FACT)
    ask(memory, "Where do I live?")
    before = place_at_rest(memory, reads(memory))
    memory.keyboard.type(" I live in", delay=30)
    expect(reads(memory).locator(".typed .word.focus")).to_have_text("·in")
    assert place_at_rest(memory, reads(memory)) == before


def test_a_word_under_a_resting_pointer_is_not_pointed_at(memory):
    tell(memory, FACT)
    ask(memory, QUESTION)
    words = reads(memory).locator(".typed .word")
    words.first.hover()
    expect(words.first).to_have_class(re.compile("focus"))
    memory.keyboard.type(" a")
    expect(reads(memory).locator(".typed .word.focus")).to_have_text("·a")


def test_hostile_text_is_only_text(memory):
    tell(memory, HOSTILE)
    ask(memory, "Where")
    for view in ("All weights", "Slots", "Writes"):
        memory.get_by_role("radio", name=view, exact=True).click()
        settled(memory)
    assert memory.evaluate("window.ran") is None
