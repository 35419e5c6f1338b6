"""Lessons in Chromium: keys go on, reveal and pick; the step is in the link; nothing jumps."""

import pytest
from playwright.sync_api import expect

from components.kit import glossary
from tests.browser.conftest import eventually, place_at_rest, settled

TITLE, ANSWER = ".lesson .title", ".lesson .answer"


def on(page) -> None:
    """Wait for the script that a key starts."""
    page.wait_for_timeout(300)
    settled(page)


def press(page, key: str) -> None:
    page.keyboard.press(key)
    on(page)


@pytest.fixture
def lesson(open_page):
    page = open_page("lessons", lesson="induction")
    expect(page.locator(TITLE)).to_have_text("Six words, twice")
    return page


def test_a_step_by_keys_alone(lesson):
    before = place_at_rest(lesson, lesson.locator(".lesson"))
    press(lesson, "1")
    expect(lesson.locator(".option[aria-pressed=true]")).to_have_count(1)
    press(lesson, "r")
    expect(lesson.locator(ANSWER)).to_contain_text("first choice is “·lamp”")
    expect(lesson.locator(".option.right")).to_contain_text("lamp")
    lesson.wait_for_url("**/prediction?**")
    assert place_at_rest(lesson, lesson.locator(".lesson")) == before  # nothing jumps
    press(lesson, "PageDown")
    expect(lesson.locator(".lesson .where")).to_contain_text("2 of")
    lesson.wait_for_url("**/attention?**")
    press(lesson, "b")
    expect(lesson.locator(".lesson .where")).to_contain_text("1 of")
    lesson.wait_for_url("**/tokens?**")


def test_who_wandered_off_finds_back(lesson):
    lesson.get_by_role("link", name="KV cache", exact=True).first.click()
    lesson.wait_for_url("**/cache?**")
    settled(lesson)
    lesson.get_by_role("button", name="Its page").click()
    lesson.wait_for_url("**/tokens?**")
    expect(lesson.get_by_role("button", name="Its page")).to_have_count(0)


def test_letters_typed_into_the_prompt_are_letters(lesson):
    box = lesson.get_by_role("textbox", name="Prompt", exact=True)
    box.fill("")
    box.press_sequentially("nbr1")
    on(lesson)
    expect(box).to_have_value("nbr1")
    expect(lesson.locator(TITLE)).to_have_text("Six words, twice")


def test_the_step_is_in_the_link(lesson, another):
    for place in ("2 of", "3 of"):  # a key is heard at the step that is shown
        press(lesson, "n")
        expect(lesson.locator(".lesson .where")).to_contain_text(place)
    press(lesson, "2")
    expect(lesson.locator(".option[aria-pressed=true]")).to_have_count(1)
    press(lesson, "r")
    expect(lesson.locator(ANSWER)).to_contain_text("It reads")
    lesson.wait_for_url("**lesson_revealed=1**")
    said, address = lesson.locator(ANSWER).inner_text(), lesson.url
    lesson.reload()
    settled(lesson)
    other = another()
    other.goto(address)
    settled(other)
    for page in (lesson, other):
        expect(page.locator(ANSWER)).to_have_text(said)
        expect(page.locator(".lesson .where")).to_contain_text("3 of")
        assert "/attention?" in page.url


def test_it_can_be_left_and_the_page_stays(lesson):
    lesson.get_by_role("button", name="Leave").click()
    expect(lesson.locator(".lesson")).to_have_count(0)
    eventually(lesson, lambda: "lesson=" not in lesson.url)
    assert "/tokens?" in lesson.url
    press(lesson, "PageDown")
    expect(lesson.locator(".lesson")).to_have_count(0)


def test_a_term_explains_itself_to_the_keyboard_too(open_page):
    page = open_page("lessons", lesson="induction", lesson_step=3)
    expect(page.locator(".lesson .where")).to_contain_text("3 of")
    settled(page)  # a bar that is drawn anew has words of its own, without the focus
    term = page.locator(".lesson .text abbr").first
    term.focus()
    shown = term.evaluate("e => getComputedStyle(e, '::after').content")
    assert term.get_attribute("data-meaning") in shown.replace('\\"', '"')


@pytest.mark.parametrize("width", [1280, 800])
def test_words_and_choices_fit(lesson, shots, width):
    page = lesson
    page.set_viewport_size({"width": width, "height": 720})
    press(page, "r")
    expect(page.locator(".option.right")).to_be_visible()
    for part in (".text", ".answer", ".head", ".title"):
        eventually(page, lambda part=part: page.locator(f".lesson {part}").evaluate(
            "e => e.scrollHeight <= e.clientHeight + 1 && e.scrollWidth <= e.clientWidth + 1"))
    page.screenshot(path=shots / f"lesson_{width}.png")


HOVERED = """() => {
    const [range] = CSS.highlights.get("glossary-term");
    const { x, y, width, height } = range.getClientRects()[0];
    return [range.toString(), x + width / 2, y + height / 2];
}"""


@pytest.mark.parametrize("path", ["attention", "residual", "positions"])
def test_the_glossarys_words_in_captions_explain_themselves(open_page, path):
    page = open_page(path)
    page.wait_for_function("() => CSS.highlights.get('glossary-term')?.size > 0")
    page.locator("[data-testid=stCaptionContainer]").first.scroll_into_view_if_needed()
    word, x, y = page.evaluate(HOVERED)
    page.mouse.move(x, y)
    meaning = page.locator(".glossary-meaning")
    expect(meaning).to_be_visible()
    assert meaning.inner_text() == glossary.meaning(word)
    page.mouse.move(2, 2)
    expect(meaning).to_be_hidden()


def test_a_captions_value_is_a_term_only_beside_another_part_of_attention(open_page):
    page = open_page("tokens", tokens="vectors")
    page.get_by_text("of the values lie", exact=False).wait_for()
    eventually(page, lambda: page.evaluate("() => !!CSS.highlights.get('glossary-term')"))
    page.wait_for_timeout(500)  # captions are looked through a fifth of a second after they change
    marked = page.evaluate("() => [...CSS.highlights.get('glossary-term')].map(range => range.toString())")
    assert "values" not in marked
