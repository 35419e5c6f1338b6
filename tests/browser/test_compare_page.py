"""The Compare page in Chromium: prompt B follows each key, cells by hand and by keys; no network."""

import re

from playwright.sync_api import expect

from components.compare import choice
from tests.browser.cell_grid import click_cell, grid, middle
from tests.browser.conftest import (
    choose_view,
    eventually,
    parameters,
    place_at_rest,
    settled,
    windows,
)

WORDS = {"prompt": "a machine learning model", "other_prompt": "a fashion model"}
PEOPLE = {
    "prompt": "Mary lives in Paris. Tom lives in Rome. Where does Mary live? Mary lives in",
    "other_prompt": "Mary lives in Paris. Tom lives in Rome. Where does Tom live? Tom lives in",
}


def is_inside(box: dict | None, width: int) -> bool:
    return box is not None and box["x"] >= 0 and box["x"] + box["width"] <= width


def test_prompt_b_follows_each_key_and_is_in_the_link(open_page):
    page = open_page("compare", **WORDS)
    expect(grid(page, "apart_grid")).to_have_attribute("aria-label", re.compile("3 pairs"))
    box = page.get_by_label("Prompt B")
    box.press("End")
    box.press_sequentially(" is a", delay=20)
    expect(page.locator("p", has_text="What follows")).to_contain_text("in B")
    eventually(page, lambda: parameters(page)["other_prompt"] == "a fashion model is a")
    expect(page.get_by_text("B has 6")).to_be_visible()


def test_a_cell_is_patched_by_hand_by_keys_and_by_dragging(open_page):
    page = open_page("compare", compare="patch", **PEOPLE)
    grid(page, "patch_grid").wait_for()
    settled(page)
    click_cell(page, "patch_grid", 2, 15)
    eventually(page, lambda: parameters(page).get("patched") == "2.15")
    expect(page.locator("p", has_text="One patch")).to_contain_text("stream before layer 2")
    grid(page, "patch_grid").press("ArrowDown")
    eventually(page, lambda: parameters(page).get("patched") == "3.15")
    expect(page.locator("p", has_text="One patch")).to_contain_text("stream before layer 3")

    canvas = grid(page, "patch_grid")
    at = place_at_rest(page, canvas)
    (x, y), (to_x, to_y) = middle(canvas, 1, 15), middle(canvas, 4, 20)
    page.mouse.move(at["x"] + x, at["y"] + y)
    page.mouse.down()
    page.mouse.move(at["x"] + to_x, at["y"] + to_y, steps=4)
    page.mouse.up()
    eventually(page, lambda: parameters(page).get("patch_from") == "1.15")
    eventually(page, lambda: parameters(page)["patched"] == "4.20")


def test_the_picture_is_in_sight_at_any_width(open_page, page, shots):
    open_page("compare")
    for view, key in ("prompts", "apart_grid"), ("patch", "patch_grid"):
        choose_view(page, choice.VIEW, view)
        for scheme, width in windows(page):
            expect(grid(page, key)).to_be_visible()
            settled(page)
            eventually(page, lambda key=key, width=width: is_inside(grid(page, key).bounding_box(), width))
            page.screenshot(path=shots / f"compare-{view}-{scheme}-{width}.png")
