"""The frame and the start page in Chromium, without a network; and a link opened before anything."""

import re
from urllib.parse import urlencode

from playwright.sync_api import expect

from tests.browser.conftest import eventually, settled, start_app, stop, windows

CARDS = ".st-key-five_memories .card"
HOLD = """(cards, width) => cards.every(card => {
    const [right, ...inside] = [card, ...card.querySelectorAll("*")].map(e => e.getBoundingClientRect().right);
    return Math.max(...inside) <= right && right <= width;
})"""  # whether cards hold what is in them and fit the window


def test_typing_repaints_every_number(page, server, outside, shots):
    page.set_viewport_size({"width": 1400, "height": 900})
    page.goto(server)
    settled(page)
    box = page.locator(".st-key-prompt_box textarea")
    box.fill("I")
    expect(page.locator(".st-key-whole .tip")).to_contain_text("reads 1 token.")
    expect(page.locator(CARDS).nth(1)).to_contain_text("1 of 512")
    box.press_sequentially(" live in a house", delay=30)
    expect(page.locator(CARDS).nth(1)).not_to_contain_text("1 of 512")
    expect(box).to_have_value("I live in a house")
    expect(page).to_have_url(re.compile(r"prompt=I\+live\+in\+a\+house$"))
    assert not outside


def test_the_cards_fit_every_window(page, server, shots):
    page.set_viewport_size({"width": 1400, "height": 900})
    page.goto(server)
    settled(page)
    cards = page.locator(CARDS)
    for scheme, width in windows(page, 900):
        expect(cards).to_have_count(5)
        eventually(page, lambda width=width: cards.evaluate_all(HOLD, width))
        page.screenshot(path=shots / f"start-{scheme}-{width}.png", full_page=True)


def test_a_card_leads_to_its_page_and_keeps_the_prompt(page, server):
    page.goto(f"{server}/?{urlencode({'prompt': 'one two three'})}")
    settled(page)
    page.get_by_role("button", name="Watch it grow").click()
    page.wait_for_url("**/cache**")
    settled(page)
    expect(page.locator(".st-key-prompt_box textarea")).to_have_value("one two three")


def test_hostile_text_stays_text(page, server):
    ran = []
    page.on("dialog", lambda dialog: (ran.append(dialog.message), dialog.dismiss()))
    text = "<img src=x onerror=alert(1)> <script>alert(2)</script> $x^2$ **b**"
    page.goto(f"{server}/?{urlencode({'prompt': text})}")
    settled(page)
    expect(page.locator(".st-key-whole .token text", has_text="<").first).to_be_visible()
    assert not ran and not page.locator("img[src=x]").count()


def test_a_deep_link_is_the_first_thing_a_new_server_is_asked(page, tmp_path):
    """Streamlit serves `pages/` by itself until app.py has run once: the guard must notice."""
    app, address = start_app(log=tmp_path / "log.txt", env={"MNEMOSCOPE_HOME": str(tmp_path)})
    try:
        page.set_viewport_size({"width": 1400, "height": 900})
        page.goto(f"{address}/attention?{urlencode({'prompt': 'a b a b', 'layer': 2, 'head': 3})}")
        settled(page)
        expect(page.locator(".st-key-prompt_box textarea")).to_have_value("a b a b")
        expect(page.locator(".st-key-grid canvas")).to_have_attribute("data-chosen", "2,3")
        expect(page.get_by_role("link", name="Anatomy").first).to_be_visible()
    finally:
        stop(app)
