"""The attention page in Chromium: the prompt box."""

import re

from playwright.sync_api import expect

from tests.browser.attention_page import (
    at_rest,
    box,
    click_tile,
    grid,
    head_map,
    reading,
)
from tests.browser.conftest import eventually, parameters, settled

HOSTILE = "<img src=x onerror=window.ran=1> </script><script>window.ran=2</script> $x^2$ **b** 🧠"


def test_typing_repaints_in_place_and_loses_nothing(open_page):
    page = open_page(prompt="The", layer=0, head=0)
    at_rest(page)
    before = [part.bounding_box() for part in (grid(page), head_map(page))]
    picture = grid(page).evaluate("c => c.toDataURL()")
    box(page).focus()
    page.keyboard.press("End")
    text = " cat sat on the mat and the dog sat on the cat"
    page.keyboard.type(text, delay=30)
    expect(box(page)).to_have_value("The" + text)
    expect(reading(page)).to_have_text(re.compile(r"query ·cat ?\(1\d\)"))  # the second cat
    expect(page).to_have_url(re.compile(r"cat&|cat$"))
    settled(page)
    assert grid(page).evaluate("c => c.toDataURL()") != picture
    assert [part.bounding_box() for part in (grid(page), head_map(page))] == before


def test_typing_adds_no_history_and_pages_keep_the_text(open_page):
    page = open_page(prompt="One")
    n_entries = page.evaluate("history.length")
    box(page).focus()
    page.keyboard.press("End")
    for word in (" two", " three", " four"):
        page.keyboard.type(word, delay=30)
        page.wait_for_function("t => location.search.includes(t)", arg=word.strip())
    settled(page)
    click_tile(page, 1, 1)
    expect(page.get_by_text("Layer 1 · head 1.")).to_be_visible()
    assert page.evaluate("history.length") == n_entries
    page.get_by_role("link", name="Anatomy").click()
    expect(page).to_have_url(re.compile("/anatomy"))
    settled(page)
    expect(box(page)).to_have_value("One two three four")
    page.wait_for_function("location.search.includes('four')")
    page.get_by_role("link", name="Attention").click()
    expect(grid(page)).to_have_attribute("data-chosen", "1,1")
    eventually(page, lambda: parameters(page).get("prompt") == "One two three four")


def test_an_example_overwrites_and_typing_goes_on(open_page):
    page = open_page(prompt="mine")
    page.locator(".st-key-examples").get_by_role("button").click()
    page.get_by_role("button", name="One word").click()
    expect(box(page)).to_have_value("Hello")
    page.keyboard.press("Escape")
    box(page).focus()
    page.keyboard.press("End")
    page.keyboard.type(" you", delay=30)
    expect(page).to_have_url(re.compile(re.escape("prompt=Hello+you")))
    expect(reading(page)).to_contain_text("·you")


def test_emptied_and_begun_again(open_page):
    page = open_page(prompt="One")
    box(page).focus()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    expect(page.get_by_text("No token yet, so no attention.")).to_be_visible()
    page.keyboard.type("Two words")
    page.keyboard.press("Control+Enter")
    expect(reading(page)).to_contain_text("·words")


def test_a_pasted_book_is_cut_and_said(open_page):
    page = open_page(prompt="x")
    box(page).evaluate(
        """area => {
            const text = "word ".repeat(400000), data = new DataTransfer();
            data.setData("text", text);
            area.focus();
            area.select();
            area.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true}));
            document.execCommand("insertText", false, text);
        }"""
    )
    n_most = int(box(page).get_attribute("maxlength"))
    assert box(page).evaluate("area => area.value.length") == n_most < 2_000_000
    note = page.locator(".st-key-prompt_box #note")
    expect(note).to_contain_text(f"{2_000_000 - n_most:,} pasted ones were left out")
    expect(note).to_contain_text("so a link cannot carry it")
    page.get_by_role("button", name="left out").click()
    expect(page.get_by_text("are left out.")).to_be_visible()
    eventually(page, lambda: "prompt" not in parameters(page))
    expect(reading(page)).to_contain_text("with weight")


def test_a_hostile_prompt_is_only_text(open_page):
    page = open_page(prompt=HOSTILE)
    for view in ("One head", "Step by step", "Cut", "Why here?", "Rollout", "bertviz"):
        page.get_by_role("radio", name=view).click()
        settled(page)
    assert page.evaluate("window.ran") is None
    assert all(frame.evaluate("window.ran") is None for frame in page.frames)
