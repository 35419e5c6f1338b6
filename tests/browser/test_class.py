"""A lecturer and two pupils in windows of their own: what one does, the others see; or not."""

import re

import pytest
from playwright.sync_api import expect
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from tests.browser.conftest import both_schemes, eventually, place_at_rest, settled

CODE, WORDS = ".class .code", ".class .words"
PHONE = (400, 800)

SLOW_TO_SEND = """() => {
    const own = setTimeout;
    window.setTimeout = (call, ms, ...given) => own(call, ms || 900, ...given);
}"""  # longer than a class bar's timer


def box(page):
    return page.get_by_role("textbox", name="Prompt", exact=True)


def press(page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def goes_to(page, title: str) -> None:
    page.get_by_role("link", name=title, exact=True).first.click()


@pytest.fixture
def lecturer(open_page):
    page = open_page("tokens", prompt="One two")
    press(page, "Class")
    press(page, "Start a class")
    expect(page.locator(WORDS)).to_have_text("0 follow you")
    eventually(page, lambda: "class=" in page.url)
    return page


@pytest.fixture
def join(another, lecturer, server):
    """join(width, height) -> the page of a pupil who opened the class's link."""

    def make(*size):
        page = another(*size)
        page.goto(f"{server}/?class={lecturer.locator(CODE).inner_text()}")
        page.wait_for_url("**/tokens?**")
        expect(page.locator(WORDS)).to_have_text("You follow your lecturer")
        return page

    return make


def test_two_pupils_follow_let_go_and_come_back(lecturer, join):
    anna, ben = join(), join(*PHONE)
    expect(lecturer.locator(WORDS)).to_have_text("2 follow you")
    box(lecturer).fill("Mary lives in Paris")
    for pupil in (anna, ben):
        expect(box(pupil)).to_have_value("Mary lives in Paris")
    goes_to(lecturer, "KV cache")
    for pupil in (anna, ben):
        pupil.wait_for_url("**/cache?**")
    press(ben, "Explore on my own")
    expect(ben.locator(WORDS)).to_have_text("You explore on your own")
    expect(lecturer.locator(WORDS)).to_have_text("1 follows you")
    goes_to(lecturer, "Positions")
    anna.wait_for_url("**/positions?**")
    assert "/cache?" in ben.url
    settled(ben)
    ben.keyboard.press("f")
    ben.wait_for_url("**/positions?**")
    expect(lecturer.locator(WORDS)).to_have_text("2 follow you")
    settled(anna)
    box(anna).fill("My own")  # who types lets go
    expect(anna.locator(WORDS)).to_have_text("You explore on your own")
    expect(box(anna)).to_have_value("My own")
    press(lecturer, "Everybody here")
    expect(box(anna)).to_have_value("Mary lives in Paris")
    expect(anna.locator(WORDS)).to_have_text("You follow your lecturer")


def test_a_timer_that_comes_late_takes_no_page_away(lecturer, new_context, server):
    page, timers, n_runs = new_context().new_page(), [], []

    def between(browser):
        def from_browser(message):
            if BackMsg.FromString(message).rerun_script.is_auto_rerun:
                timers.append(message)
            to_server.send(message)

        def from_server(message):
            said = ForwardMsg.FromString(message)
            n_runs.extend(["bar"] if said.metadata.run.fragment_ids and said.HasField("new_session") else [])
            browser.send(message)

        to_server = browser.connect_to_server()
        browser.on_message(from_browser)
        to_server.on_message(from_server)
        page.to_server = to_server

    page.route_web_socket("**/_stcore/stream", between)
    page.goto(f"{server}/tokens?class={lecturer.locator(CODE).inner_text()}")
    expect(page.locator(WORDS)).to_have_text("You follow your lecturer")
    eventually(page, lambda: timers)
    of_tokens = timers[-1]
    goes_to(lecturer, "KV cache")
    page.wait_for_url("**/cache?**")
    body = page.locator(".st-key-cache_vector")
    expect(body).to_be_visible()
    n_runs.clear()
    page.to_server.send(of_tokens)
    eventually(page, lambda: len(n_runs) > 2)  # the bar's own timer goes on
    assert body.is_visible()


def test_a_reload_leads_on_and_the_end_is_said(lecturer, join):
    pupil = join()
    code = lecturer.locator(CODE).inner_text()
    settled(lecturer)
    lecturer.reload()
    expect(lecturer.get_by_role("button", name="Everybody here")).to_be_visible()
    expect(lecturer.locator(CODE)).to_have_text(code)
    settled(pupil)
    pupil.reload()
    expect(lecturer.locator(WORDS)).to_have_text("1 follows you")  # the same pupil, counted once
    settled(lecturer)
    box(lecturer).fill("After the reload")
    expect(box(pupil)).to_have_value("After the reload")
    press(lecturer, "End")
    press(lecturer, "End for all?")
    expect(lecturer.locator(CODE)).to_have_count(0)
    expect(pupil.locator(WORDS)).to_have_text("This class has ended")
    press(pupil, "Close")
    expect(pupil.locator(CODE)).to_have_count(0)
    expect(box(pupil)).to_have_value("After the reload")


def test_predictions_are_counted_and_revealed(lecturer, join, shots):
    anna, ben = join(), join(*PHONE)
    goes_to(lecturer, "Lessons")
    lecturer.locator(".st-key-begin-induction button").click()
    for page in (lecturer, anna, ben):
        expect(page.locator(".lesson .title")).to_have_text("Six words, twice")
    expect(anna.get_by_role("button", name="Reveal")).to_have_count(0)
    ben.evaluate(SLOW_TO_SEND)  # his timer sends each click as well, and first
    for pupil in (anna, ben):
        settled(pupil)
        pupil.locator(".lesson .option").nth(0).click()
    expect(lecturer.locator(".lesson .count").nth(0)).to_have_text("2")
    settled(ben)
    ben.locator(".lesson .option").nth(1).click()
    for option in (0, 1):
        expect(lecturer.locator(".lesson .count").nth(option)).to_have_text("1")
    expect(anna.locator(".lesson .count")).to_have_count(0)
    settled(lecturer)
    lecturer.get_by_role("button", name="Reveal").click()
    for page in (lecturer, anna, ben):
        expect(page.locator(".lesson .option.right small")).to_contain_text("most probable")
        expect(page.locator(".lesson .count").nth(1)).to_have_text("1")
        eventually(page, lambda page=page: page.locator(".lesson .text").evaluate(
            "e => e.scrollHeight <= e.clientHeight + 1"))
        eventually(page, lambda page=page: page.locator(".lesson .option.right").evaluate(
            "e => e.querySelector('small').getBoundingClientRect().right <= e.getBoundingClientRect().right"))
        page.screenshot(path=shots / f"class_answers_{page.viewport_size['width']}.png")


def test_it_fits_a_hall_and_a_phone(lecturer, join, shots):
    pupil = join(*PHONE)
    for page, name in ((lecturer, "lecturer"), (pupil, "pupil")):
        page.set_viewport_size({"width": 1280, "height": 720})
        before = place_at_rest(page, box(page))
        page.get_by_role("button", name=re.compile("^Present")).click()
        expect(page.get_by_role("button", name=re.compile("^Stop"))).to_be_visible()
        for scheme in both_schemes(page):
            page.screenshot(path=shots / f"class_{name}_presenting_{scheme}.png")
        page.get_by_role("button", name=re.compile("^Stop")).click()
        expect(page.get_by_role("button", name=re.compile("^Present"))).to_be_visible()
        eventually(page, lambda page=page, before=before: box(page).bounding_box() == before)
        page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
        for scheme in both_schemes(page):
            bar = place_at_rest(page, page.locator(".class"))
            assert bar["x"] >= 0 and bar["x"] + bar["width"] <= 400 and bar["height"] < 130
            page.screenshot(path=shots / f"class_{name}_phone_{scheme}.png")
    lecturer.set_viewport_size({"width": 1280, "height": 720})
    press(lecturer, "Code and QR")
    expect(lecturer.locator(".class .panel img")).to_be_visible()
    lecturer.screenshot(path=shots / "class_code.png")
