"""Anatomy in Chromium: click a tensor, follow the prompt's shapes, open a link; no network."""

import re

import pytest
from playwright.sync_api import expect

from components.anatomy import choice
from tests.browser.conftest import choose_view, rows_are_there, settled, windows


def open_view(page, server, view, **link):
    more = "".join(f"&{name}={value}" for name, value in link.items())
    page.goto(f"{server}/anatomy?anatomy={view}{more}")
    settled(page)


def test_a_click_on_the_map_opens_the_tensor(page, server, outside):
    open_view(page, server, "map")
    box = page.locator(".st-key-treemap button[data-name$='h.1.mlp.c_fc.weight']")
    box.click()
    expect(page.get_by_role("heading", name=re.compile(r"h\.1\.mlp\.c_fc\.weight"))).to_be_visible()
    expect(box).to_have_class(re.compile("chosen"))
    expect(page).to_have_url(re.compile(r"tensor=[\w.]*h\.1\.mlp\.c_fc\.weight"))
    expect(page.locator(".st-key-tensor_histogram .plotly")).to_be_visible()
    assert outside == []


def test_boxes_have_the_areas_of_their_bytes(page, server):
    open_view(page, server, "map")
    boxes = page.locator(".st-key-treemap button")
    expect(boxes.first).to_be_visible()
    areas = page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll('.st-key-treemap *')]
            .map(e => e.shadowRoot).filter(Boolean)
            .flatMap(root => [...root.querySelectorAll('button')])
            .map(b => [b.dataset.name, b.getBoundingClientRect()])
            .map(([name, r]) => [name, r.width * r.height]))"""
    )
    wte = next(a for name, a in areas.items() if name.endswith("wte.weight"))
    up = next(a for name, a in areas.items() if name.endswith("h.0.mlp.c_fc.weight"))
    assert wte / up == pytest.approx(4096 * 256 / (256 * 1024), rel=0.02)


def test_a_row_of_the_table_opens_the_tensor(page, server):
    open_view(page, server, "tensors")
    table = page.locator(".st-key-tensor_rows .dvn-scroller")
    rows_are_there(page)
    before = page.locator("h4").first.inner_text()
    table.click(position={"x": 15, "y": 35 * 4 + 15})  # a canvas: the fourth row's checkbox
    expect(page.locator("h4").first).not_to_have_text(before)


def test_the_tour_follows_each_key(page, server, outside):
    open_view(page, server, "tour", prompt="Hello")
    ladder = page.get_by_text("All 28 tensors, computed from this prompt")
    expect(ladder).to_be_visible()
    box = page.get_by_role("textbox", name="Prompt")
    box.press("End")
    box.press_sequentially(" one two three four five six", delay=20)
    expect(page.get_by_text(re.compile(r"^T = ([7-9]|1\d)$"))).to_be_visible()
    assert outside == []


def test_a_head_chosen_here_is_open_on_the_attention_page(page, server):
    open_view(page, server, "heads", layer=2, head=3)
    expect(page.get_by_role("heading", name="Layer 2, head 3")).to_be_visible()
    page.get_by_role("button", name="See this head attend").click()
    expect(page).to_have_url(re.compile(r"/attention\?.*layer=2.*head=3|head=3.*layer=2"))


def test_views_fit_light_and_dark_wide_and_narrow(page, server, shots):
    page.set_viewport_size({"width": 1400, "height": 1000})
    open_view(page, server, "map")
    for view, content in {
        "map": ".st-key-treemap button",
        "heads": ".st-key-all_heads .plotly",
        "tour": "text=softmax of the last row",
        "size": ".st-key-size_bars .plotly",
    }.items():
        choose_view(page, choice.VIEW, view)
        for scheme, width in windows(page):
            expect(page.locator(content).first).to_be_visible()
            expect(page.locator('[data-testid="stException"]')).to_have_count(0)
            page.screenshot(path=shots / f"anatomy_{view}_{scheme}_{width}.png")
