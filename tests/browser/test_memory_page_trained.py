"""Trained memory in Chromium: variants, the EDM's lines and slots, the gates, with what ships."""

import re
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from model.loading import checkpoint
from model.memory.state import load_state
from tests.app import remembering
from tests.browser.conftest import eventually, settled
from tests.browser.test_memory_page import n_lines, reads, show_me

pytestmark = pytest.mark.skipif(
    not remembering.ships_memory(), reason="no trained memory ships yet"
)


@pytest.fixture
def told(faultless, server):
    """The memory page after the first visit's one click."""
    page = faultless
    page.set_viewport_size({"width": 1400, "height": 1000})
    page.goto(f"{server}/memory?{urlencode({'prompt': ''})}")
    settled(page)
    show_me(page)
    settled(page)
    return page


def test_a_line_from_the_last_word_to_the_word_that_wrote_the_slot(told, shots):
    expect(reads(told).locator(".reading")).to_contain_text("·in reads ·New")
    expect(reads(told).locator(".reading")).to_contain_text("it reads nothing with")
    expect(reads(told).locator(".ghost").first).to_contain_text("·New")
    eventually(told, lambda: n_lines(told) > 0)
    expect(told.get_by_text("all together")).to_be_visible()
    told.screenshot(path=shots / "memory-edm.png")


def test_a_variant_is_one_click_and_stands_in_the_link(told):
    told.get_by_role("button", name="GPT-2 + RNN").click()
    expect(told).to_have_url(re.compile(r"variant=gpt2%2Brnn"))
    expect(reads(told).locator(".reading")).to_contain_text(
        "The EDM is switched off"
    )
    told.locator(".st-key-module_edm label").first.click()
    expect(told).to_have_url(re.compile(r"variant=gpt2%2Bearly%2Blate%2Bedm"))
    expect(reads(told).locator(".reading")).to_contain_text("·in reads ·New")
    told.get_by_role("button", name="GPT2-M", exact=True).click()
    expect(told).not_to_have_url(re.compile("variant="))


def test_a_word_opens_its_slot_of_128(told):
    reads(told).locator(".told .slot", has_text="·New").click()
    grid = told.locator(".st-key-memory_slots .slots")
    expect(grid.locator("button.chosen")).to_have_text("·New")
    eventually(told, lambda: grid.locator("button").count() + grid.locator("i").count() == 128)
    expect(told.get_by_text("learned gate, a logit")).to_be_visible()
    told.locator(".st-key-memory_store").get_by_role("radio", name="attention bank").click()
    expect(grid.locator("button")).to_have_count(15)


def test_the_map_of_the_edm_and_one_of_its_heads(told):
    told.get_by_role("radio", name="All weights").click()
    sums = told.locator(".st-key-memory_map .sums")
    expect(sums).to_contain_text("nothing (null slot)")
    told.locator(".st-key-edm_head").get_by_role("radio", name="head 1").click()
    expect(sums).to_contain_text("head 1 alone")


def test_gates_and_states_are_drawn(told, shots):
    told.get_by_role("radio", name="Gates and states").click()
    for key in ("memory_openness", "memory_added"):
        expect(told.locator(f".st-key-{key} canvas")).to_be_visible()
    for key in ("memory_states_told", "memory_states_path"):
        chart = told.locator(f".st-key-{key} .js-plotly-plot")
        expect(chart).to_be_visible()  # the first chart brings Plotly with it
    settled(told)
    told.screenshot(path=shots / "memory-gates.png")


def test_the_exported_file_holds_what_was_told(told, tmp_path):
    told.get_by_text("Sessions", exact=True).first.click()
    button = told.locator(".st-key-session_export button")
    expect(button).to_be_visible()
    with told.expect_download() as download:
        button.click()
    download.value.save_as(tmp_path / "exported.memory")
    state = load_state(tmp_path / "exported.memory", checkpoint.load("embedded"))
    assert any("New York" in prompt for prompt in state.prompts)
    assert len(state.bank) and len(state.external)
