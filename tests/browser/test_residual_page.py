"""The residual page in Chromium, on the embedded model, without a network."""

import re
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from components.residual import choice
from tests.browser.cell_grid import click_cell, grid
from tests.browser.conftest import choose_view, eventually, parameters, settled, windows

PROMPT = "My name is James Theory. I live in New York. Where do I live? I live in"
HOSTILE = "<img src=x onerror=window.ran=1> </script><script>window.ran=2</script> $x^2$ **b** 🧠"
VIEWS = ("Stream", "Logit lens", "Who made this logit", "Switch off", "MLP", "LayerNorm")


@pytest.fixture
def open_page(faultless, server):
    """open_page(view, **parameters) -> the settled page."""
    page = faultless
    page.set_viewport_size({"width": 1400, "height": 1500})

    def go(view, prompt=PROMPT, **parameters):
        link = {"residual_view": view, "prompt": prompt, **parameters}
        page.goto(f"{server}/residual?{urlencode(link)}")
        page.locator(".st-key-residual_view, [data-testid=stAlert]").first.wait_for()
        settled(page)
        return page

    return go


def drawn(page):
    """Wait for the view's picture."""
    picture = page.locator("[data-testid=stMain] canvas, .js-plotly-plot").first
    picture.wait_for()


def heading(page, words: str):
    """The bold words above a list; the line under a picture may say the same of the cell pointed at."""
    return page.locator("b", has_text=re.compile(f"^{words}"))


def test_every_view_is_drawn_in_a_narrow_window_too(open_page, page, shots):
    open_page(VIEWS[0])
    for view in VIEWS:
        choose_view(page, choice.VIEW, view)
        for scheme, width in windows(page, 1500):
            expect(page.locator("[data-testid=stException], [data-testid=stAlert]")).to_have_count(0)
            drawn(page)
            name = view.replace(" ", "-").lower()
            page.screenshot(path=shots / f"residual-{name}-{scheme}-{width}.png")


def test_bars_keep_a_width_in_a_narrow_window(open_page, page, shots):
    page.set_viewport_size({"width": 800, "height": 1200})
    open_page("Switch off", off="2h5-0mlp")
    drawn(page)
    bars = page.locator(".bar")
    expect(bars).to_have_count(24)
    narrowest = "bars => Math.min(...bars.map(bar => bar.getBoundingClientRect().width))"
    eventually(page, lambda: bars.evaluate_all(narrowest) >= 40)
    page.screenshot(path=shots / "residual-switch-off-narrow.png")


def test_a_token_of_the_map_is_chosen_by_a_click_and_by_keys(open_page):
    page = open_page("Stream")
    click_cell(page, "stream_grid", 3, 5)
    expect(page.get_by_text("(5), left to right")).to_be_visible()
    grid(page, "stream_grid").press("ArrowRight")
    expect(page.get_by_text("(6), left to right")).to_be_visible()
    expect(page).to_have_url(re.compile(r"at=6\b"))


def test_a_cell_of_the_lens_opens_its_twenty_tokens(open_page):
    page = open_page("Logit lens", at="3")
    expect(page.get_by_text("having read 3")).not_to_have_count(0)
    click_cell(page, "lens_grid", 6, 2)
    expect(heading(page, "After layer 5, having read 2")).to_be_visible()
    expect(page.locator(".st-key-lens_grid .reading")).to_contain_text("rank 1")
    expect(page).to_have_url(re.compile(r"(?=.*\blens_row=6\b).*\bat=2\b"))  # it follows the page


def test_a_head_of_the_map_leads_to_its_attention(open_page):
    page = open_page("Who made this logit")
    click_cell(page, "maker_grid", 2, 5)
    page.get_by_text("What layer 2 head 5 reads").click()
    expect(page.get_by_text("Layer 2 · head 5").first).to_be_visible()


def test_any_token_can_be_typed(open_page):
    page = open_page("Who made this logit")
    box = page.locator(".st-key-logit_of_box input")
    box.fill("·the")
    box.press("Enter")
    expect(page.get_by_text("the model's own logit")).to_be_visible()
    expect(page).to_have_url(re.compile("logit_of="))
    before = parameters(page)["logit_of"]
    box.fill("no single token at all")
    box.press("Enter")
    expect(page.get_by_text("Not one token")).to_be_visible()
    assert parameters(page)["logit_of"] == before


def test_parts_are_switched_off_and_on_again(open_page):
    page = open_page("Switch off")
    untouched = page.get_by_text("bit for bit")
    expect(untouched).to_be_visible()
    click_cell(page, "off_grid", 2, 5)
    expect(page.get_by_text("Off: layer 2 head 5.")).to_be_visible()
    click_cell(page, "off_grid", 0, 8, past_gap=True)
    expect(page.get_by_text("Off: layer 2 head 5, MLP of layer 0.")).to_be_visible()
    expect(page).to_have_url(re.compile("off=2h5-0mlp"))
    click_cell(page, "off_grid", 2, 5)
    expect(page.get_by_text("Off: MLP of layer 0.")).to_be_visible()
    page.get_by_role("button", name="All on").click()
    expect(untouched).to_be_visible()


def test_the_arithmetic_of_one_place_follows_the_pointer(open_page):
    page = open_page("LayerNorm")
    place = page.locator(".st-key-norm_steps .sum")
    expect(place).to_contain_text("place")
    canvas = page.locator(".st-key-norm_steps canvas").first
    canvas.hover(position={"x": 2, "y": 20})
    expect(place).to_contain_text("place 0:")


def test_a_hostile_prompt_stays_text(open_page):
    page = open_page(VIEWS[0], prompt=HOSTILE)
    for view in VIEWS[1:]:
        drawn(page)
        page.get_by_role("radio", name=view).click()
        expect(page).to_have_url(re.compile(re.escape(urlencode({"residual_view": view}))))
        settled(page)
    assert page.evaluate("window.ran") is None


def test_a_long_prompt_scrolls_to_its_end(open_page):
    page = open_page("Logit lens", prompt="one two three four five six seven eight " * 60)
    reading = page.locator(".st-key-lens_grid .reading")
    expect(reading).to_have_text(re.compile(r"having read (4[0-9]{2}|[5-9][0-9]{2})"))
    scroll = page.locator(".st-key-lens_grid .scroll")
    expect(scroll).to_have_attribute("data-more", "left")
    scroll.evaluate("x => { x.scrollLeft = 0 }")
    expect(scroll).to_have_attribute("data-more", "right")
    click_cell(page, "lens_grid", 4, 1)
    expect(heading(page, "After layer 3, having read 1")).to_be_visible()
