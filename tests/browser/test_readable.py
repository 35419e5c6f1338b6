"""What is written in a hue is dark or light enough to be read, in both themes (WCAG: 4.5)."""

from playwright.sync_api import expect

from tests.browser.conftest import both_schemes, eventually

LEAST = 4.5


def colours(locator) -> list[list[float]]:
    """[r, g, b] of an element's words and of the nearest ground below them that is filled."""
    return locator.evaluate("""element => {
        const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
        let at = element;
        const ground = () => numbers(getComputedStyle(at).backgroundColor);
        while (ground()[3] === 0) at = at.parentElement ?? at.getRootNode().host;
        return [numbers(getComputedStyle(element).color).slice(0, 3), ground().slice(0, 3)];
    }""")


def luminance(color: list[float]) -> float:
    """WCAG's relative luminance of [r, g, b], 0 to 1."""
    shares = [x / 255 for x in color]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(locator) -> float:
    """1 for words that cannot be seen, 21 for black on white."""
    low, high = sorted(luminance(color) for color in colours(locator))
    return (high + 0.05) / (low + 0.05)


def test_the_names_of_a_query_and_of_a_key(open_page):
    page = open_page("attention")
    names = page.locator(".st-key-map .reading b")
    expect(names.nth(1)).to_be_visible()
    for _ in both_schemes(page):
        for i in range(2):
            eventually(page, lambda i=i: contrast(names.nth(i)) >= LEAST)


def test_the_words_of_the_button_that_goes_on(open_page):
    page = open_page("cache")
    for _ in both_schemes(page):
        eventually(page, lambda: contrast(page.locator(".st-key-forward p")) >= LEAST)


def test_the_words_of_a_button_that_waits_for_a_text(open_page):
    page = open_page("memory", prompt="")
    words = page.locator(".st-key-remember button p").first
    for _ in both_schemes(page):
        eventually(page, lambda: contrast(words) >= 2)  # paler than one that can be pressed


def test_the_buttons_of_a_page_without_a_prompt_lie_on_no_view(open_page):
    page = open_page("recall", recall_view="file")

    def stand(where: str) -> bool:
        buttons, views = (page.locator(f".st-key-{key}").bounding_box() for key in ("presenting_row", "recall_view"))
        above = buttons["y"] + buttons["height"] <= views["y"]
        return above if where == "above" else not above and views["x"] + views["width"] <= buttons["x"]

    eventually(page, lambda: stand("beside"))
    page.get_by_test_id("stExpandSidebarButton").click()
    eventually(page, lambda: stand("above"))
    page.set_viewport_size({"width": 800, "height": 720})
    eventually(page, lambda: stand("above"))


def test_what_is_written_in_the_first_picture_begins_the_name_that_is_read_aloud(open_page):
    page = open_page("")
    token = page.locator(".st-key-whole .token").first
    expect(token.locator("text")).to_have_count(2)  # the token, and its share
    shown = [words.strip() for words in token.locator("text").all_text_contents()]
    name = token.get_attribute("aria-label")
    assert name.startswith(f"“{shown[0]}” {shown[1]} ")
