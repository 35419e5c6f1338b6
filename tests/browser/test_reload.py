"""F5 and a shared link in Chromium: choose another view on every page, reload, open it elsewhere."""

from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from components import declared
from tests.browser.conftest import settled

PROMPT = "My name is James Theory. I live in New York. Where do I live? I live in"
PAGES = [page for page, own in declared.BY_PAGE.items() if own and page != "notebook"]  # no note yet


def buttons(page, key: str):
    return page.locator(f".st-key-{key} button")


def chosen(page, key: str) -> str:
    """The words of the chosen button."""
    return buttons(page, key).and_(page.locator("[aria-checked=true]")).inner_text()


@pytest.mark.parametrize("name", PAGES)
def test_the_view_is_there_again_after_a_reload_and_in_another_window(open_page, another, name):
    view = declared.BY_PAGE[name][0]
    first = open_page(name, prompt=PROMPT)
    other = next(value for value in view.kind.titles if value != view.default)
    title = view.kind.titles[other]
    buttons(first, view.name).get_by_text(title, exact=True).click()
    first.wait_for_url(lambda url: urlencode({view.name: other}) in url)
    settled(first)
    address = first.url
    first.reload()
    settled(first)
    second = another()
    second.goto(address)
    settled(second)
    for page in (first, second):
        assert chosen(page, view.name) == title and page.url == address
        expect(page.get_by_test_id("stException")).to_have_count(0)
        expect(page.get_by_test_id("stAlertContentWarning")).to_have_count(0)
