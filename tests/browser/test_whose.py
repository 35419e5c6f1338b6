"""Two visitors, a third computer and the owner at one server, each in a window of their own."""

import urllib.error
import urllib.request
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from components.frame import door
from tests.browser import forwarder
from tests.browser.conftest import as_owner, both_schemes, eventually, owners_link, settled


def open_sessions(page, server):
    page.goto(f"{server}/memory?{urlencode({'prompt': ''})}")
    settled(page)
    page.locator(".st-key-memory_sessions button").first.click()
    expect(page.locator(".st-key-session_name input")).to_be_visible()


def save(page, server, home, text, name, button="session_save"):
    """Tell a text and keep the memory, until its file is there: who leaves before is not served."""
    page.goto(f"{server}/memory?{urlencode({'prompt': text})}")
    settled(page)
    page.locator(".st-key-prompt_box textarea").press("Enter")
    expect(page.locator(".st-key-prompt_box textarea")).to_have_value("")
    expect(page.locator(".st-key-forget button").first).to_be_enabled()
    settled(page)
    page.locator(".st-key-memory_sessions button").first.click()
    page.locator(".st-key-session_name input").fill(name)
    page.locator(".st-key-session_name input").press("Enter")
    expect(page.locator(f".st-key-{button} button").first).to_be_enabled()
    settled(page)
    page.locator(f".st-key-{button} button").first.click()
    eventually(page, lambda: any(home.rglob(f"{name}.memory")))
    settled(page)


def saved(page, server) -> list[str]:
    """What the list of sessions offers."""
    open_sessions(page, server)
    page.locator(".st-key-session_chosen input").click()
    options = page.locator("[role=listbox] [role=option]")
    expect(page.locator("[role=listbox]")).to_be_visible()
    return [text for text in options.all_inner_texts() if text != "No results"]


def own_link(page) -> str:
    """The link for another computer, as the sidebar shows it."""
    page.keyboard.press("Escape")
    page.locator("[data-testid='stExpandSidebarButton']").click()
    page.locator(".st-key-whose summary").click()
    code = page.locator(".st-key-whose code")
    expect(code).to_contain_text("?visitor=")
    return code.inner_text()


def test_what_is_saved_is_ones_own_until_it_is_shared(another, server, server_home, shots):
    alice, bob = another(), another()
    save(alice, server, server_home, "My name is Alice.", "private")
    save(bob, server, server_home, "My name is Bob.", "for all", "session_share")
    assert saved(alice, server) == ["private", "shared: for all"]
    assert saved(bob, server) == ["shared: for all"]

    elsewhere = another()  # Alice at another computer
    elsewhere.goto(own_link(alice))
    elsewhere.get_by_role("button", name="Open it here").click()
    elsewhere.wait_for_url(lambda url: "visitor" not in url)
    assert saved(elsewhere, server) == ["private", "shared: for all"]

    owner = another()
    owner.goto(owners_link(server_home, server))
    owner.wait_for_url(lambda url: "owner" not in url)
    names = saved(owner, server)
    assert names[0] == "shared: for all" and names[1].endswith(": private")
    for scheme in both_schemes(alice):
        alice.screenshot(path=shots / f"whose-sidebar-{scheme}.png")
    for scheme in both_schemes(owner):
        owner.screenshot(path=shots / f"whose-sessions-{scheme}.png")


def test_no_script_reads_the_keys_and_no_other_name_is_answered(another, server, server_home):
    page = another()
    page.goto(owners_link(server_home, server))
    settled(page)
    assert "mnemoscope" not in page.evaluate("document.cookie")
    kept = {one["name"]: one for one in page.context.cookies(server)}
    assert all(kept[name]["httpOnly"] for name in (door.OWNER_COOKIE, door.VISITOR_COOKIE))
    forged = urllib.request.Request(server, headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(forged, timeout=60)
    assert refused.value.code == 421


def test_the_shelves_of_notes(another, server, shots):
    page = another()
    page.goto(f"{server}/notebook?notebook_view=notes")
    settled(page)
    page.locator(".st-key-notes_add button").first.click()
    page.locator(".st-key-notes_new_text textarea").fill("Alice keeps a zebra.")
    page.locator(".st-key-notes_keep button").click()
    expect(page.get_by_text("1 note of yours")).to_be_visible()
    settled(page)
    page.goto(f"{server}/notebook?notebook_view=notes&notes_note=1")
    page.locator(".st-key-notes_share button").first.click()
    expect(page.get_by_text("is shared with everyone")).to_be_visible()
    other = another()
    other.goto(f"{server}/notebook?notebook_view=notes&notes_shelf=shared&notes_note=1")
    expect(other.locator(".st-key-notes_take button").first).to_be_visible()
    for one, name in (page, "own"), (other, "shared"):
        for scheme in both_schemes(one):
            one.screenshot(path=shots / f"whose-notes-{name}-{scheme}.png")


def test_a_forwarder_that_forges_every_header_makes_nobody_the_owner(another, server, server_home):
    with forwarder.in_front_of(server) as address:
        page = another()
        page.goto(f"{address}/training?training_view=new")
        expect(page.get_by_text("Only the owner of this server can start a training")).to_be_visible()
        settled(page)
        expect(page.locator(".st-key-training_start")).to_have_count(0)
        as_owner(page, server_home, address)
        page.reload()
        expect(page.locator(".st-key-training_start button")).to_be_visible()
        page.goto("about:blank")  # nothing is asked of the forwarder after its end
