"""The picture of the whole model in Chromium: in sight, what a click opens, the pass, memory's lines."""

import re
from urllib.parse import urlencode, urlparse

import pytest
from playwright.sync_api import expect

from tests.app import remembering
from tests.browser.conftest import eventually, fits, settled, windows
from tests.browser.test_memory_page import show_me
from tests.browser.test_presenting import WRITTEN, too_small

PROMPT = "My name is James Theory. I live in New York. Where do I live? I live in"


def picture(page):
    return page.locator(".st-key-whole .picture")


def opened(page, server, path="", **how):
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto(f"{server}/{path}")
    settled(page)
    return page


@pytest.fixture
def start(faultless, server):
    opened(faultless, server)
    expect(picture(faultless).locator(".next")).to_have_count(6)
    return faultless


def test_all_of_it_is_in_sight_in_every_window(start, shots):
    def end():
        return picture(start).locator(".tip").evaluate("e => e.getBoundingClientRect().bottom")

    eventually(start, lambda: end() <= 720)
    start.screenshot(path=shots / "whole-light-1280.png")
    for scheme, width in windows(start):
        fits(start, width)
        eventually(start, lambda: end() <= 1000)
        words = picture(start).locator("text")
        eventually(start, lambda words=words, width=width: words.evaluate_all(
            "all => Math.max(...all.map(e => e.getBoundingClientRect().right))") <= width)
        start.screenshot(path=shots / f"whole-{scheme}-{width}.png")


def test_a_line_opens_its_head_at_its_cell(start):
    line = picture(start).locator(".line[aria-label*='“·New” → “·in”']").last  # the widest is last
    line.focus()
    expect(picture(start).locator(".tip")).to_contain_text("Block")
    said = picture(start).locator(".tip").inner_text()
    layer = int(re.search(r"Block (\d+)", said)[1])
    head = int(re.search(r"head (\d+)", said)[1])
    line.press("Enter")
    start.wait_for_url(re.compile(r"/attention\?.*"))
    settled(start)
    expect(start).to_have_url(re.compile(rf"layer={layer}&head={head}&query=22&key=\d+"))
    expect(start).to_have_url(re.compile("view=One"))
    expect(start.locator(".st-key-grid canvas")).to_have_attribute("data-chosen", f"{layer},{head}")


PARTS = [  # which part, its number, the page that it opens, and what the address says then
    (".block", 1, "attention", r"layer=1"),
    (".mlp", 0, "residual", r"layer=0.*residual_view=MLP"),
    (".word", 0, "residual", r"residual_view=Logit\+lens.*lens_row=0"),
    (".next", 0, "prediction", r"prompt="),
    (".embedding", 0, "tokens", r"tokens=vectors"),
    (".node", 0, "residual", r"at=0"),
]


def test_a_part_opens_its_page(start):
    for part, n, page_of, says in PARTS:
        picture(start).locator(part).nth(n).click()
        start.wait_for_url(re.compile(rf"/{page_of}\?.*"))
        settled(start)
        expect(start).to_have_url(re.compile(says))
        expect(start.locator(".st-key-prompt_box textarea")).to_have_value(PROMPT)
        start.get_by_role("link", name="Start").first.click()
        start.wait_for_url(lambda url: urlparse(url).path == "/")
        settled(start)
        expect(picture(start).locator(".next")).to_have_count(6)


def test_a_click_on_a_token_follows_it(start):
    picture(start).locator(".token", has_text="·New").first.click()
    expect(picture(start).locator(".token.chosen")).to_contain_text("·New")
    expect(start).to_have_url(re.compile(r"at=\d+"))
    expect(picture(start).locator(".map")).to_have_attribute("aria-label", re.compile("into ·New"))


def test_arrows_go_round_the_picture_and_enter_opens(start):
    picture(start).locator(".block").first.focus()
    start.keyboard.press("ArrowRight")
    expect(picture(start).locator(".tip")).to_contain_text("Block 1:")
    picture(start).locator(".word").last.focus()
    start.keyboard.press("ArrowRight")
    expect(picture(start).locator(".tip")).to_contain_text("Next word")
    start.keyboard.press("Enter")
    start.wait_for_url("**/prediction**")


NOTE_STEPS = """picture => {
    const [tip, next] = [picture.querySelector(".tip"), () => picture.querySelector(".next")];
    const note = () => window.steps.push(
        [picture.dataset.step, tip.textContent, next().classList.contains("later")]);
    window.steps = [];
    new MutationObserver(note).observe(picture, {attributes: true, attributeFilter: ["data-step"]});
}"""  # a step lasts a second: it may be over before a test has looked
SAYS_NEXT = "steps.some(([step, said]) => step && said.startsWith('Next word: '))"


def test_the_pass_plays_once_and_can_be_ended(start):
    button = picture(start).locator(".play")
    picture(start).evaluate(NOTE_STEPS)
    expect(button).to_have_text("Play")
    button.click()
    eventually(start, lambda: start.evaluate("steps.length") > 1)
    (first, *_), (second, said, is_later) = start.evaluate("steps.slice(0, 2)")
    assert (first, second) == ("0", "1")
    assert said.startswith("Block 0:") and is_later
    button.click()
    expect(picture(start)).not_to_have_attribute("data-step", re.compile("."))
    expect(picture(start).locator(".later")).to_have_count(0)
    button.click()
    expect(picture(start)).to_have_attribute("data-step", re.compile("."))
    start.keyboard.press("Escape")
    expect(picture(start).locator(".later")).to_have_count(0)
    button.click()
    start.locator(".st-key-prompt_box textarea").press("Control+End")
    start.locator(".st-key-prompt_box textarea").press_sequentially(" a")
    expect(picture(start).locator(".token.chosen")).to_have_text(re.compile("·a"))
    expect(button).to_have_text("Play")
    start.evaluate("steps.length = 0")
    button.click()
    eventually(start, lambda: start.evaluate(SAYS_NEXT))
    expect(button).to_have_text("Play")


def test_who_asks_for_less_motion_gets_no_pass(page, server):
    page.emulate_media(reduced_motion="reduce")
    opened(page, server)
    expect(picture(page).locator(".play")).to_be_disabled()


@pytest.mark.skipif(not remembering.ships_memory(), reason="no trained memory ships yet")
def test_memory_s_lines_come_and_go(page, server, shots):
    opened(page, server, "memory?prompt=")
    show_me(page)
    page.get_by_role("link", name="Start").first.click()
    lines = picture(page).locator(".memory .line")
    expect(picture(page)).to_have_attribute("data-memory", "on")
    expect(picture(page).locator(".memory .source").first).to_contain_text("·New")
    assert lines.count() > 0
    for source in picture(page).locator(".memory .source").all():  # what is read aloud begins with what is seen
        store, text = source.locator("text").all_text_contents()
        assert source.get_attribute("aria-label").startswith(f"{store} {text.rstrip('…')}")
    eventually(page, lambda: picture(page).locator(".memory").evaluate(
        "e => getComputedStyle(e).opacity") == "1")
    page.screenshot(path=shots / "whole-memory.png")
    page.locator(".st-key-flow_memory label").first.click()
    expect(picture(page)).to_have_attribute("data-memory", "off")
    expect(lines).to_have_count(0)
    page.locator(".st-key-flow_memory label").first.click()
    expect(picture(page)).to_have_attribute("data-memory", "on")
    settled(page)
    picture(page).locator(".memory .source", has_text="EDM").first.click()
    page.wait_for_url("**/memory**")
    settled(page)
    expect(page).to_have_url(re.compile(r"memory_view=slots"))
    expect(page.locator(".st-key-memory_slots .slots button.chosen")).to_have_text("·New")


def test_in_a_hall_all_of_it_is_large_and_on_the_screen(page, script_first, server, shots):
    script_first(WRITTEN)
    opened(page, server, "?present=1")
    expect(picture(page).locator(".next")).to_have_count(6)
    expect(picture(page).get_by_text("residual stream", exact=True)).to_be_visible()  # the legend
    eventually(page, lambda: picture(page).locator(".tip").evaluate(
        "e => e.getBoundingClientRect().bottom") <= 720)
    assert not too_small(page)
    page.screenshot(path=shots / "whole-presented.png")


def test_a_long_prompt_shows_the_tokens_that_carry_most_and_says_so(page, server):
    text = "The boy went to the market and bought a red hat. " * 25
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto(f"{server}/?{urlencode({'prompt': text})}")
    settled(page)
    tokens = picture(page).locator("g.token")
    eventually(page, lambda: f"the {tokens.count()} that carry most are shown" in picture(
        page).locator(".tip").inner_text())
    eventually(page, lambda: 8 < tokens.count() < 30)  # once the box above has its height
