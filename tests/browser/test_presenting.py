"""Presentation mode in Chromium at 1280 × 720: large type, and the picture on the screen."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.attention_page import at_rest, box, parameters
from tests.browser.conftest import eventually, settled

LEAST_PX = 18
PROMPT = "My name is James Theory. I live in New York. Where do I live? I live in"

# Notes the size in pixels of all that is written on a canvas.
WRITTEN = """
window.written = [];
for (const name of ["fillText", "strokeText"]) {
  const plain = CanvasRenderingContext2D.prototype[name];
  CanvasRenderingContext2D.prototype[name] = function (text, ...more) {
    const { a, b } = this.getTransform();
    const scale = Math.hypot(a, b) / window.devicePixelRatio;
    window.written.push([parseFloat(/([\\d.]+)px/.exec(this.font)[1]) * scale, text]);
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


@pytest.fixture
def present(page, open_page):
    """present(path, **parameters) -> the page in presentation mode on a projector's screen."""
    page.set_viewport_size({"width": 1280, "height": 720})
    page.add_init_script(WRITTEN)
    return lambda path, **parameters: open_page(path, prompt=PROMPT, present=1, **parameters)


def too_small(page) -> list:
    """[pixels, text] of what is written too small, in the page and on its canvases."""
    drawn = [one for one in page.evaluate("window.written") if one[0] < LEAST_PX - 0.01]
    return page.evaluate(TOO_SMALL, LEAST_PX) + drawn


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
    page.get_by_role("button", name="Stop presenting").click()
    eventually(page, lambda: type_px(page) < 20 and "present" not in parameters(page))


def test_a_caption_is_behind_its_question_mark(present):
    page = present("attention")
    caption = page.locator(".stMain [data-testid=stCaptionContainer]").first
    words = caption.locator("p")
    expect(words).to_be_hidden()
    expect(caption).to_have_attribute("tabindex", "0")
    caption.focus()
    expect(words).to_be_visible()
