"""Presentation mode in Chromium at 1280 × 720: large type, and the picture on the screen."""

import re

import pytest
from playwright.sync_api import expect

from components import declared
from tests.browser.attention_page import at_rest, box
from tests.browser.conftest import choose_view, eventually, parameters, place_at_rest, settled

LEAST_PX = 18
PROMPT = "My name is James Theory. I live in New York. Where do I live? I live in"

# Notes the size in pixels of all that is written on a canvas. A canvas outside the page is put
# together there, for one in it.
WRITTEN = """
window.written = [];
for (const name of ["fillText", "strokeText"]) {
  const plain = CanvasRenderingContext2D.prototype[name];
  CanvasRenderingContext2D.prototype[name] = function (text, ...more) {
    const { a, b } = this.getTransform();
    const scale = Math.hypot(a, b) / window.devicePixelRatio;
    const px = parseFloat(/([\\d.]+)px/.exec(this.font)[1]) * scale;
    window.written.push([px, text, this.canvas]);
    return plain.apply(this, [text, ...more]);
  };
}
"""
# [size, text] of every text of the page that is on the screen and smaller than `least`.
TOO_SMALL = """least => {
    const found = [];
    const walk = (root) => {
        const walker = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
        for (let node = walker.nextNode(); node; node = walker.nextNode()) {
            if (node.shadowRoot) walk(node.shadowRoot);
            if (node.nodeType !== Node.TEXT_NODE || !node.textContent.trim()) continue;
            const [element, range] = [node.parentElement, document.createRange()];
            range.selectNodeContents(node);
            const { width, height, top } = range.getBoundingClientRect();
            if (!element.checkVisibility({visibilityProperty: true}) || width < 2 || height < 2) continue;
            if (top > innerHeight || ["STYLE", "SCRIPT"].includes(element.tagName)) continue;
            const px = parseFloat(getComputedStyle(element).fontSize);
            if (px < least) found.push([px, node.textContent.trim().slice(0, 40)]);
        }
    };
    walk(document.querySelector(".stApp"));
    return found;
}"""

DRAWN_TOO_SMALL = """least => written.filter(([px, text, canvas]) => px < least && (
    !canvas.isConnected || canvas.getBoundingClientRect().top < innerHeight
)).map(([px, text]) => [px, text])"""


@pytest.fixture
def present(page, script_first, open_page):
    """present(path, **parameters) -> the page in presentation mode on a projector's screen."""
    page.set_viewport_size({"width": 1280, "height": 720})
    script_first(WRITTEN)
    return lambda path, **parameters: open_page(path, prompt=PROMPT, present=1, **parameters)


def too_small(page) -> list:
    """[pixels, text] of what is written too small, in the page and on its canvases."""
    return page.evaluate(TOO_SMALL, LEAST_PX) + page.evaluate(DRAWN_TOO_SMALL, LEAST_PX - 0.01)


def type_px(page) -> float:
    return float(page.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)"))


def test_a_key_and_a_button_switch_it_and_the_link_says_it(open_page):
    page = open_page(prompt=PROMPT)
    at_rest(page)
    assert box(page).bounding_box()["y"] < 110  # no blank band above the prompt
    box(page).press("p")
    expect(box(page)).to_have_value(re.compile("p"))
    settled(page)
    assert type_px(page) < 20
    page.mouse.click(5, 500)
    page.keyboard.press("p")
    eventually(page, lambda: 22 <= type_px(page) <= 24)
    eventually(page, lambda: parameters(page).get("present") == "1")
    settled(page)
    page.get_by_role("button", name="Stop").click()
    eventually(page, lambda: type_px(page) < 20 and "present" not in parameters(page))


def test_a_caption_is_behind_its_question_mark(present):
    page = present("attention")
    caption = page.locator(".stMain [data-testid=stCaptionContainer]").first
    words = caption.locator("p")
    expect(words).to_be_hidden()
    expect(caption).to_have_attribute("tabindex", "0")
    caption.focus()
    expect(words).to_be_visible()


def test_the_question_marks_of_two_captions_in_a_row_stand_side_by_side(present):
    page = present("compare", compare="patch", other_prompt=PROMPT.replace("New York", "Rome"))
    marks = page.locator(".stMain [data-testid=stCaptionContainer]")
    expect(marks).to_have_count(2)
    places = marks.evaluate_all("all => all.map(one => getComputedStyle(one, '::after').right)")
    assert len(set(places)) == 2, places


PICTURES = {  # page -> what it shows first
    "": [".st-key-whole .picture"],
    "anatomy": [".st-key-tour_ladder"],
    "tokens": [".st-key-pieces .chips"],
    "attention": [".st-key-grid canvas", ".st-key-map canvas"],
    "residual": [".st-key-river canvas"],
    "prediction": [".st-key-prediction_curve canvas.curve", ".st-key-prediction_curve .bars"],
    "compare": [".st-key-apart_grid canvas"],
    "cache": [".st-key-cache_grid canvas"],
    "positions": [".st-key-positions_maps canvas"],
    "recall": [".st-key-recall_variants .cards"],
    "training": [".st-key-training_recall .main-svg >> nth=0"],
}


VIEWS = {  # page -> its other views, and the picture that stands on the screen when one is chosen
    "anatomy": {
        "map": ".st-key-treemap .map",
        "heads": ".st-key-all_heads .main-svg >> nth=0",
        "size": ".st-key-size_bars .main-svg >> nth=0",
    },
    "attention": {
        "Cut": ".st-key-map canvas",
        "Why here?": ".st-key-map canvas",
        "Rollout": ".st-key-rollout_raw canvas",
        "bertviz": ".st-key-bertviz-head iframe",
    },
    "cache": {
        "time": ".st-key-cache_counts .main-svg >> nth=0",
        "beyond": ".st-key-cache_prices .main-svg >> nth=0",
        "bytes": ".st-key-cache_per_token .main-svg >> nth=0",
    },
    "compare": {"patch": ".st-key-patch_grid canvas"},
    "positions": {
        "tables": ".st-key-likeness .main-svg >> nth=0",
        "rope": ".st-key-clocks .curve",
        "alibi": ".st-key-alibi_factor .main-svg >> nth=0",
    },
    "recall": {"board": ".stMain table"},
    "prediction": {"surprisal": ".st-key-prediction_bits .main-svg >> nth=0"},
    "residual": {
        "Logit lens": ".st-key-lens_grid canvas",
        "Who made this logit": ".st-key-waterfall .main-svg >> nth=0",
        "MLP": ".st-key-gelu .main-svg >> nth=0",
    },
    "tokens": {
        "likeness": ".st-key-cosine_map canvas",
        "map": ".st-key-projection .main-svg >> nth=0",
        "vocabulary": ".st-key-vocabulary_rows canvas >> nth=0",
        "merges": ".st-key-staircase .stairs",
    },
}


def is_on_the_screen(page, selector: str) -> None:
    picture = page.locator(selector)
    expect(picture).to_be_visible()
    settled(page)
    eventually(page, lambda: (box := picture.bounding_box()) is not None and _is_inside(box))


@pytest.mark.parametrize("name", PICTURES)
def test_every_view_has_its_picture_on_the_screen_and_the_first_can_be_read_from_afar(present, name):
    page = present(name)
    pictures = [page.locator(selector) for selector in PICTURES[name]]
    for picture in pictures:
        expect(picture).to_be_visible()
        eventually(page, lambda one=picture: _is_inside(one.bounding_box()))
    settled(page)
    eventually(page, lambda: all(_is_inside(picture.bounding_box()) for picture in pictures))
    assert too_small(page) == []
    assert page.evaluate("document.querySelector('.stMain').scrollTop") == 0
    for value, selector in VIEWS.get(name, {}).items():
        choose_view(page, declared.BY_PAGE[name][0], value)
        is_on_the_screen(page, selector)


def test_the_notebook_has_its_way_in_on_the_screen(present):
    is_on_the_screen(present("notebook"), "[data-testid=stMainBlockContainer] .stButton >> nth=-1")


def test_the_other_pictures_are_one_button_away_and_in_the_link(present):
    page = present("anatomy", anatomy="heads")
    page.get_by_role("radio", name="Their sizes").click()
    expect(page.locator(".st-key-head_norms .main-svg").first).to_be_visible()
    expect(page.locator(".st-key-all_heads")).to_have_count(0)
    eventually(page, lambda: parameters(page).get("picture") == "Their sizes")


def test_a_table_is_drawn_in_large_type(present):
    page = present("tokens", tokens="vocabulary")
    sizes = "written.filter(([, , one]) => one.isConnected && one.closest('.stDataFrame'))"
    eventually(page, lambda: page.evaluate(f"{sizes}.length") > 20)
    settled(page)
    eventually(page, lambda: page.evaluate(f"{sizes}.every(([px]) => px >= {LEAST_PX})"))


def _is_inside(box: dict) -> bool:
    return 0 <= box["x"] and box["x"] + box["width"] <= 1280 and box["y"] + box["height"] <= 720


def test_every_token_has_its_name_on_the_map(present):
    page = present("attention", layer=3, head=6)
    names = ["My", "·name", "ames", "·The", "·New", "·Where", "·live", "?"]
    eventually(page, lambda: {*page.evaluate("written.map(one => one[1])")} >= set(names))


def test_prediction_opens_at_the_last_token(present):
    page = present("prediction")
    expect(page.get_by_text("what comes next?")).to_be_visible()


def test_the_cache_plays_step_by_step_and_stops(present):
    page = present("cache")
    page.get_by_role("button", name="Play").click()
    eventually(page, lambda: int(parameters(page).get("step", 1)) >= 3)
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_role("button", name="Play")).to_be_visible()


def test_the_cache_s_picture_stays_where_it_is_when_the_slider_comes(present):
    page = present("cache")
    picture = page.locator(".st-key-cache_grid canvas")
    at_first = place_at_rest(page, picture)["y"]
    page.locator(".st-key-forward button").click()
    expect(page.locator(".st-key-cache_controls .stSlider")).to_be_visible()
    eventually(page, lambda: abs(picture.bounding_box()["y"] - at_first) < 3)


def test_memory_shows_its_flow_and_what_is_said_without_the_sentence(present):
    page = present("memory", variant="gpt2-m")
    box(page).fill("My name is James Theory. I live in New York.")
    box(page).press("Enter")
    expect(box(page)).to_have_value("")
    box(page).fill("Where do I live? I live in")
    reads = page.locator(".st-key-memory_reads")
    expect(reads.locator(".ghost").first).to_contain_text("New")
    eventually(page, lambda: _is_inside(reads.locator(".told").bounding_box()))
    eventually(page, lambda: _is_inside(reads.locator(".typed").bounding_box()))
    eventually(page, lambda: _is_inside(reads.locator(".reading").bounding_box()))
    hides = "typed => typed.scrollHeight > typed.clientHeight"
    eventually(page, lambda: not reads.locator(".typed").evaluate(hides))
    settled(page)
    assert too_small(page) == []
    page.get_by_text("Forget this sentence").click()
    expect(page.get_by_text("without it", exact=True)).to_be_visible()
    expect(page.get_by_text("“·I·live·in·New·York.”")).to_be_visible()
