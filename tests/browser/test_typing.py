"""Typing in Chromium: pictures follow the keys, no letter is lost, the last text has the last word."""

import json
import re

import pytest
from playwright.sync_api import expect

from components.kit import assets
from tests.browser.attention_page import at_rest, box, pixels
from tests.browser.conftest import eventually, settled
from tests.browser.watching import watch, watched

TYPED, END = "The old man went into the town and lived there with his two dogs and a cat", " house"
WORDS_A_MINUTE = {60: 200, 120: 100}  # -> ms a key

# A box whose server hears every text at once; `script` plays the page's script.
STAND_IN = f"""<div data-test-script-state="notRunning"></div>
<script>{assets.library("frame/pace.js")}
let text = "", sent = [], hears = true;
const script = document.querySelector("div");
const pace = frame_pace.paced(() => text, (now) => {{
    sent.push(now);
    if (hears) frame_pace.hear(pace, now);
}});
function type(letter) {{ text += letter; frame_pace.follow(pace); }}
</script>"""


@pytest.fixture
def page(context):
    """A page of its own: clocks put into it stay."""
    return context.new_page()


@pytest.fixture
def pace(page):
    """A page with the stand-in, whose clock stands still but for what a test lets pass."""
    page.clock.install(time=0)
    page.set_content(STAND_IN)
    page.clock.pause_at(1000)
    return page


def type_at(page, letters: str, ms: int) -> list[str]:
    """Type a letter every `ms` of the page's clock -> what has been sent."""
    for letter in letters:
        page.evaluate(f"type({json.dumps(letter)})")
        page.clock.run_for(ms)
    return page.evaluate("sent")


@pytest.mark.parametrize("ms", [60, 100, 200])
def test_a_text_leaves_at_least_every_200_ms_and_the_last_one_too(pace, ms):
    sent = type_at(pace, "abcdefghijklmnopqrst", ms)
    assert sent[0] == "a" and len(sent) >= 20 * ms / 200
    assert sent == sorted(set(sent), key=len)
    pace.clock.run_for(200)
    assert pace.evaluate("sent").pop() == "abcdefghijklmnopqrst"


def test_a_script_that_has_drawn_its_picture_may_be_ended_by_the_next_text(pace):
    type_at(pace, "a", 200)
    pace.evaluate("script.dataset.testScriptState = 'running'")
    assert type_at(pace, "b", 400) == ["a"]
    pace.evaluate("document.body.append(Object.assign(document.createElement('i'), {id: 'mark'}))")
    for drawn, sent in (("", ["a"]), ("a", ["a", "ab"])):
        pace.evaluate(f"mark.dataset.drawn = '{drawn}'")
        pace.clock.run_for(400)
        assert pace.evaluate("sent") == sent


def test_what_a_running_script_is_overtaken_by_is_dropped(pace):
    type_at(pace, "a", 200)
    pace.evaluate("script.dataset.testScriptState = 'running'")
    assert type_at(pace, "bcdef", 200) == ["a"]
    pace.evaluate("script.dataset.testScriptState = 'notRunning'")
    pace.clock.run_for(50)
    assert pace.evaluate("sent") == ["a", "abcdef"]


def test_a_text_that_no_script_has_heard_of_waits_for_a_script_but_not_for_ever(pace):
    pace.evaluate("hears = false")
    assert type_at(pace, "abcde", 200) == ["a"]
    pace.clock.run_for(2000)
    assert pace.evaluate("sent")[1:] == ["abcde"]


def test_a_script_that_was_ended_once_has_twice_as_long_until_it_is_ended_again(pace):
    """A full server would never finish a picture if each newer text ended the one before."""
    pace.evaluate("script.dataset.testScriptState = 'running'")
    sent = [len(type_at(pace, letters, 1000)) for letters in ("abc", "de", "fg", "hi")]
    assert sent == [1, 1, 1, 2]  # after 2 seconds, then after 4
    pace.evaluate("script.dataset.testScriptState = 'notRunning'")
    type_at(pace, "j", 200)
    assert pace.evaluate("[sent.pop(), pace.patience]") == ["abcdefghij", 2000]


def test_a_click_elsewhere_comes_after_the_text_and_before_the_next_letters(pace):
    pace.evaluate("script.dataset.testScriptState = 'running'")
    assert type_at(pace, "a", 10) == []
    pace.evaluate("frame_pace.step_back(pace)")
    assert pace.evaluate("sent") == ["a"]
    pace.evaluate("script.dataset.testScriptState = 'notRunning'")  # the click's has not begun
    assert type_at(pace, "b", 100) == ["a"]


@pytest.mark.parametrize("speed", WORDS_A_MINUTE)
def test_pictures_follow_the_keys_and_the_last_is_of_the_last_text(open_page, speed):
    page = open_page(prompt="Hello", layer=0, head=0)
    at_rest(page)
    watch(page, ".st-key-map * >> .reading")
    box(page).focus()

    def follow() -> bool:
        """Type the text once more: a slow machine draws fewer pictures of it. A picture of the whole text
        does not count: a box that waits until typing rests would draw no other."""
        page.keyboard.press("Control+a")
        page.keyboard.type(TYPED, delay=WORDS_A_MINUTE[speed])
        keys, drawn = watched(page)
        parts = {text for at, text in drawn if at > keys[0] and "query ·cat" not in text}
        return len(parts) >= len(TYPED) / 15

    eventually(page, follow)
    page.keyboard.type(END, delay=WORDS_A_MINUTE[speed])
    expect(box(page)).to_have_value(TYPED + END)
    expect(page).to_have_url(re.compile("cat\\+house"))
    expect(page.locator(".st-key-map .reading")).to_have_text(re.compile(r"query ·house \("))
    settled(page)
    last = pixels(page)
    page.reload()
    eventually(page, lambda: pixels(page) == last)
    expect(box(page)).to_have_value(TYPED + END)


def test_what_is_typed_right_behind_enter_is_the_next_prompt(open_page):
    page = open_page("memory", prompt="", variant="gpt2+am")
    box(page).focus()
    page.keyboard.type("I like tea.")
    page.keyboard.press("Enter")
    page.keyboard.type("Where do I")
    words = page.locator(".st-key-memory_reads .typed .word:not(.ghost) bdi")
    eventually(page, lambda: "".join(words.all_inner_texts()) == "Where·do·I")
    settled(page)
    expect(box(page)).to_have_value("Where do I")
    expect(page.locator(".st-key-memory_reads .told")).to_contain_text("tea")
