"""The KV cache page in Chromium, on the embedded model, without a network."""

import re
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from components.cache import choice
from tests.browser.conftest import choose_view, eventually, settled, windows

PROMPT = "My name is James. I live in"
READY = {
    "growth": ".st-key-cache_vector .js-plotly-plot",
    "time": ".st-key-cache_counts .js-plotly-plot",
    "beyond": ".st-key-cache_held canvas",
    "bytes": ".st-key-cache_per_token .js-plotly-plot",
}


@pytest.fixture
def open_page(faultless, server):
    """open_page(**parameters) -> the settled page."""
    page = faultless

    def go(cache="growth", **parameters):
        address = {"prompt": PROMPT, "cache": cache, **parameters}
        page.goto(f"{server}/cache?{urlencode(address)}")
        settled(page)
        expect(page.locator(READY[cache]).last).to_be_visible()
        return page

    return go


def grid(page):
    return page.locator(".st-key-cache_grid canvas")


def press(page, key: str):
    page.locator(f".st-key-{key} button").click()


def n_columns(page) -> int:
    return int(grid(page).get_attribute("aria-label").split("×")[1].split()[0])


def test_stepping_grows_and_shrinks_the_picture(open_page):
    page = open_page()
    start = n_columns(page)
    press(page, "forward")
    expect(page.get_by_text("decode: reads 1 token", exact=True)).to_be_visible()
    expect(grid(page)).to_have_attribute("aria-label", _label(start + 1, start))
    press(page, "ten")
    expect(grid(page)).to_have_attribute("aria-label", _label(start + 11, start))
    press(page, "back")
    expect(grid(page)).to_have_attribute("aria-label", _label(start + 10, start))
    expect(page).to_have_url(re.compile(r"step=11\b"))
    press(page, "first")
    expect(grid(page)).to_have_attribute("aria-label", _label(start, start))
    expect(page).not_to_have_url(re.compile(r"step="))  # the first step is the default


def _label(n_entries: int, n_prompt: int) -> str:
    return (
        f"KV cache: 6 layers × {n_entries} tokens, {n_prompt} of them from the prefill; "
        "arrow keys choose a cached vector"
    )


def test_a_click_shows_the_numbers_of_a_cached_vector(open_page):
    page = open_page()
    grid(page).click(position={"x": 62 + 34 * 2.5, "y": 6 + 40 * 3 + 8})
    expect(page.get_by_text("K of token 2 in layer 3", exact=True)).to_be_visible()
    grid(page).press("ArrowDown")
    expect(page.get_by_text("V of token 2 in layer 3", exact=True)).to_be_visible()
    grid(page).hover(position={"x": 62 + 34 * 1.5, "y": 6 + 8})
    expect(page.locator(".st-key-cache_grid .tip")).to_contain_text("K of token 1")
    expect(page.locator(".st-key-cache_grid .tip")).to_contain_text("8 heads × 32 numbers")


def test_measured_times_come_with_unit_and_device(open_page):
    page = open_page(cache="time")
    page.locator(".st-key-cache_most").get_by_text("64", exact=True).click()
    settled(page)
    press(page, "measure")
    expect(page.get_by_text("medians of 5 runs each, cpu float32")).to_be_visible()
    expect(page.locator(".st-key-cache_times .js-plotly-plot")).to_be_visible()


def test_what_is_kept_can_be_pointed_at(open_page):
    page = open_page(cache="beyond")
    held = page.locator(".st-key-cache_held canvas")
    held.hover(position={"x": 6, "y": 50 + 190})
    tip = page.locator(".st-key-cache_held .tip")
    expect(tip).to_contain_text("Slide")
    expect(tip).to_contain_text("is held by no head")


def test_pictures_are_no_wider_than_a_narrow_window(open_page, page, shots):
    page.set_viewport_size({"width": 1400, "height": 1700})
    open_page(step="6")
    wide = (
        "[...document.querySelectorAll('[data-testid=stMain] *')].filter((e) =>"
        " e.getBoundingClientRect().right > innerWidth + 1 && e.offsetParent"
        " && e.tagName !== 'INPUT' && !e.closest('[data-testid=stDataFrame], [style*=overflow-x], .modebar')).length"
    )
    for view, ready in READY.items():
        choose_view(page, choice.VIEW, view)
        expect(page.locator(ready).last).to_be_visible()
        for scheme, width in windows(page, 1700):
            expect(page.get_by_test_id("stException")).to_have_count(0)
            eventually(page, lambda: page.evaluate(wide) == 0)  # pictures follow the window
            page.screenshot(path=shots / f"cache-{view}-{scheme}-{width}.png")
