"""The attention page in Chromium: clicks, keys and views."""

import re

import pytest
from playwright.sync_api import expect

from components.kit import assets
from tests.browser.attention_page import (
    PROMPT,
    at_rest,
    click_cell,
    click_tile,
    grid,
    head_map,
    map_side,
    pixels,
    reading,
)
from tests.browser.conftest import eventually, place_at_rest, settled

# -- the click path --------------------------------------------------------------------------------


def test_grid_then_head_then_cell(page, open_page, shots):
    page.set_viewport_size({"width": 1400, "height": 1250})
    open_page(prompt=PROMPT)
    click_tile(page, 2, 3)
    expect(grid(page)).to_have_attribute("data-chosen", "2,3")
    expect(page.get_by_text("Layer 2 · head 3.")).to_be_visible()
    click_cell(page, 7, 2)
    expect(head_map(page)).to_have_attribute("data-chosen", "7,2")
    expect(reading(page)).to_contain_text("(7) reads key")
    cell = page.locator(".st-key-cell .picture")
    expect(cell.locator("h4 .at")).to_have_text(["7", "2"])
    weight = float(reading(page).locator("b").last.text_content())
    said = cell.locator(".equation .right").last.text_content()
    assert float(said.removeprefix("= ")) == pytest.approx(weight, rel=5e-3)  # three digits
    expect(page).to_have_url(re.compile("layer=2.*head=3.*query=7.*key=2"))
    page.screenshot(path=shots / "attention-click-path.png")


def test_a_link_opens_the_same_picture(open_page, another):
    first = open_page(prompt=PROMPT, layer=4, head=1, query=9, key=3)
    expect(reading(first)).to_contain_text("with weight")
    shown = reading(first).text_content()
    second = another()
    second.goto(first.url)
    settled(second)
    expect(grid(second)).to_have_attribute("data-chosen", "4,1")
    expect(head_map(second)).to_have_attribute("data-chosen", "9,3")
    expect(reading(second)).to_have_text(shown)


def test_arrow_keys_choose_head_and_cell(open_page):
    page = open_page(prompt=PROMPT, layer=1, head=1, query=5, key=2)
    grid(page).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_text("Layer 2 · head 2.")).to_be_visible()
    head_map(page).focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowLeft")
    expect(page).to_have_url(re.compile("query=4.*key=1"))
    expect(page.locator(".st-key-cell h4 .at").last).to_have_text("1")


def test_pointing_names_head_and_weight(open_page):
    page = open_page(prompt=PROMPT, layer=0, head=0)
    at_rest(page)
    grid(page).hover(position={"x": 60, "y": 60})
    expect(page.locator(".st-key-grid .tip")).to_contain_text("layer 0 head 0")
    expect(page.locator(".st-key-grid .tip")).to_contain_text("entropy")
    head_map(page).hover(position={"x": 126 + map_side(page) - 20, "y": 110})
    expect(reading(page)).to_contain_text("it comes later")


# -- the other views -------------------------------------------------------------------------------


def test_steps_add_up_and_a_row_chooses_its_key(open_page, shots):
    page = open_page(prompt=PROMPT, view="Step by step", layer=1, head=2, query=6)
    steps = page.locator(".st-key-steps .picture")
    expect(steps.locator(".sum .weight")).to_have_text("1.0000")
    assert re.search(r"difference (0|\d × 10⁻([⁵⁶⁷⁸⁹]|¹.)|0\.0000\d)\.", steps.text_content())
    assert steps.locator(".row.future").count() == 2
    steps.locator('.row[data-key="3"]').click()
    expect(page).to_have_url(re.compile("query=6.*key=3"))
    expect(page.locator(".st-key-cell h4 .at").last).to_have_text("3")
    steps.locator('.row[data-key="3"] .strip').first.hover()
    expect(steps.locator(".reading")).to_contain_text("k of ·")
    page.screenshot(path=shots / "attention-steps.png", full_page=True)


def test_one_later_token_is_one_token(open_page):
    page = open_page(prompt="One two three four five", view="Step by step", query=0)
    rest = page.locator(".st-key-steps .rest")
    expect(rest).to_contain_text("more later tokens, masked too.")
    n = 1 + 2 + int(re.search(r"(\d+) more later", rest.text_content())[1])
    page = open_page(prompt="One two three four five", view="Step by step", query=n - 4)
    expect(rest).to_contain_text("1 more later token, masked too.")


def test_facts_take_the_place_of_maps(open_page, shots):
    page = open_page(prompt=PROMPT, layer=0, head=0)
    at_rest(page)
    height = place_at_rest(page, grid(page))["height"]
    for fact in ("entropy", "previous", "first", "itself", "induction"):
        page.get_by_role("radio", name=fact).click()
        expect(page).to_have_url(re.compile(f"shown={fact}"))
        assert place_at_rest(page, grid(page))["height"] == height
    page.screenshot(path=shots / "attention-facts.png")
    click_tile(page, 3, 2)
    expect(page.get_by_text("Layer 3 · head 2.")).to_be_visible()


def test_no_repeated_token_gives_no_induction_score(open_page):
    page = open_page(prompt="One two three")
    expect(page.get_by_text("no induction score").first).to_be_visible()


def test_zoom_shows_fewer_tokens_and_comes_back(open_page):
    page = open_page(prompt="one two three four five six seven eight " * 20, view="One head")
    at_rest(page, "map")
    whole = pixels(page)
    page.get_by_role("button", name="Zoom in").click()
    eventually(page, lambda: pixels(page) != whole)
    page.get_by_role("button", name="Show the whole map").click()
    eventually(page, lambda: pixels(page) == whole)


def test_the_wheel_zooms_with_ctrl_alone_and_a_drag_moves_what_is_seen(open_page):
    page = open_page(prompt="one two three four five six seven eight " * 20, view="One head")
    at_rest(page, "map")
    x, y = (head_map(page).bounding_box()[name] + 250 for name in "xy")

    def seen():
        page.mouse.move(1, 1)  # nothing is pointed at
        return pixels(page)

    whole = seen()
    page.mouse.move(x, y)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -100)
    page.keyboard.up("Control")
    expect(page.get_by_role("button", name="Show the whole map")).to_be_enabled()
    zoomed = seen()
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 60, y - 60, steps=3)
    page.mouse.up()
    moved = seen()
    assert len({whole, zoomed, moved}) == 3
    page.get_by_role("button", name="Show the whole map").click()
    eventually(page, lambda: seen() == whole)


def test_a_drag_that_the_browser_takes_away_does_not_stick(open_page):
    page = open_page(prompt="one two three four five six seven eight " * 20, view="One head")
    at_rest(page, "map")
    page.get_by_role("button", name="Zoom in").click()
    x, y = (head_map(page).bounding_box()[name] + 250 for name in "xy")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y + 40)
    expect(head_map(page)).to_have_class("grabbed")
    head_map(page).dispatch_event("pointercancel")
    page.mouse.move(x + 120, y + 120)
    expect(head_map(page)).not_to_have_class("grabbed")


def test_a_choice_at_rest_is_dropped_when_its_picture_goes(page):
    """kit/canvas.js by itself: a key's choice waits 150 ms, and its component is gone before."""
    sent = page.evaluate(
        assets.library("kit/canvas.js") + """
        const { choose, forget, remember } = kit_canvas;
        (async () => {
            const [states, box, sent] = [new WeakMap(), document.createElement("div"), []];
            box.innerHTML = '<p class="picture"></p>';
            document.body.append(box);
            const state = remember(states, box, () => ({ draw() {}, send: (x) => sent.push(x) }));
            choose(state, "kept", 10);
            await new Promise((done) => setTimeout(done, 100));
            choose(state, "lost", 50);
            box.remove();
            forget(states, box);
            await new Promise((done) => setTimeout(done, 200));
            return sent;
        })()"""
    )
    assert sent == ["kept"]
