"""The notes page in Chromium: one click to a marked prompt, five answers, a note changed."""

import re
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from model.notes.note import Draft
from model.notes.store import opened
from tests.browser.conftest import as_owner, fits, rows_are_there, settled, start_app, stop
from tests.waiting import PATIENCE_S

QUESTION = "Where do I live? I live in"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("notes")


@pytest.fixture(scope="module")
def own_server(home):
    """An app whose notes are this file's tests' alone."""
    env = {"OMP_NUM_THREADS": "1", "MNEMOSCOPE_HOME": str(home), "HF_HUB_OFFLINE": "1"}
    app, address = start_app(env=env, log=home / "log.txt")
    yield address
    stop(app)


@pytest.fixture
def notes(faultless, own_server, home):
    """The notes page without a note."""
    page = faultless
    with store_in(home) as store:
        store.delete([n.id for n in store.notes()])
    page.set_viewport_size({"width": 1400, "height": 1000})
    as_owner(page, home, own_server)
    open_page(page, own_server)
    return page


def store_in(home):
    """The server's notes, opened from here, as another program would."""
    return opened(home / "notes.sqlite3", PATIENCE_S)


def open_page(page, server, prompt="", view="answer"):
    page.goto(f"{server}/notebook?{urlencode({'prompt': prompt, 'notebook_view': view})}")
    expect(page.locator(".st-key-notes_bar")).to_be_visible()
    settled(page)


def begin(page):
    page.locator(".st-key-notes-show-James-Theory button").click()
    expect(page.locator("[data-part='0']")).to_be_visible()
    settled(page)


def test_one_click_and_the_injected_words_are_marked(notes, shots):
    begin(notes)
    expect(notes.locator(".st-key-prompt_box textarea")).to_have_value(QUESTION)
    label = notes.locator("[data-part='0']").inner_text()
    assert label.startswith("note 1: I live in New York.")
    order = notes.locator("[data-part]").evaluate_all("e => e.map(x => x.dataset.part)")
    assert order == ["own", "2", "1", "0", "own"]
    expect(notes.get_by_text("New York.", exact=True)).to_be_visible()
    expect(notes.get_by_text("in the prompt, tokens")).to_have_count(3)
    notes.screenshot(path=shots / "notes-answer-light-1400.png", full_page=True)


def test_typing_another_question_finds_another_note(notes):
    begin(notes)
    box = notes.locator(".st-key-prompt_box textarea")
    box.fill("")
    box.press_sequentially("What is my favourite drink?", delay=20)
    expect(notes.locator("[data-part='0']")).to_contain_text("tea")
    settled(notes)
    expect(notes.get_by_text("Your favourite drink is tea.")).to_be_visible()


def test_five_memories_side_by_side(notes, shots, own_server):
    begin(notes)
    notes.get_by_role("radio", name="Five memories").click()
    expect(notes.locator("[data-memory]")).to_have_count(5)
    settled(notes)
    for name in ("prompt", "cache", "memory", "notes"):
        expect(notes.locator(f"[data-memory='{name}']")).to_contain_text("New York.")
    expect(notes.locator("[data-memory='weights']")).not_to_contain_text("New York.")
    expect(notes).to_have_url(re.compile("notebook_view=five"))
    notes.screenshot(path=shots / "notes-five-light-1400.png", full_page=True)
    open_page(notes, own_server, QUESTION, "five")  # a link opens the same view
    expect(notes.locator("[data-memory]")).to_have_count(5)


def test_at_800_pixels_in_the_dark_nothing_is_wider_than_the_page(notes, shots):
    begin(notes)
    notes.emulate_media(color_scheme="dark")
    notes.set_viewport_size({"width": 800, "height": 1000})
    views = {"One question": "answer", "Five memories": "five", "The notes": "notes"}
    for view, name in views.items():
        notes.get_by_role("radio", name=view).click()
        settled(notes)
        fits(notes, 800)
        notes.screenshot(path=shots / f"notes-{name}-dark-800.png", full_page=True)


def test_a_note_is_written_and_stays(notes, own_server):
    notes.locator(".st-key-notes_add button").first.click()
    notes.locator(".st-key-notes_new_text textarea").fill("I live in Oslo.")
    notes.locator(".st-key-notes_keep button").click()
    expect(notes.get_by_text("1 note of yours")).to_be_visible()
    open_page(notes, own_server, QUESTION)
    expect(notes.locator("[data-part='0']")).to_contain_text("Os")


def test_a_note_is_chosen_in_the_list_and_changed(notes, home, own_server):
    with store_in(home) as store:
        store.add([Draft("", "I live in Oslo."), Draft("", "It rains.")])
    open_page(notes, own_server, QUESTION, "notes")
    rows_are_there(notes)
    table = notes.locator(".st-key-notes_list .dvn-scroller")
    table.click(position={"x": 18, "y": 36 + 36 + 18})  # the newest is first: the older one
    area = notes.locator("[class*='st-key-notes_text'] textarea")
    expect(area).to_have_value("I live in Oslo.")
    area.fill("I live in Lima.")
    area.press("Control+Enter")
    notes.locator(".st-key-notes_save button").click()
    settled(notes)
    notes.get_by_role("radio", name="One question").click()
    expect(notes.get_by_text("I live in Lima.").first).to_be_visible()
    expect(notes.get_by_text("I live in Oslo.")).to_have_count(0)


def test_files_are_dropped_in_and_the_bad_one_is_named(notes):
    notes.locator("[class*=st-key-notes_import] button").first.click()
    notes.locator("[class*='st-key-notes_files'] input[type=file]").set_input_files([
        {"name": "home.md", "mimeType": "text/markdown", "buffer": b"# Home\n\nI live in Oslo."},
        {"name": "photo.txt", "mimeType": "text/plain", "buffer": b"\x89PNG\r\n\x1a\n\x00"},
    ])
    go = notes.locator(".st-key-notes_import_go button")
    expect(go).to_be_enabled()
    go.click()
    expect(notes.get_by_text("“home.md” is kept as a note.")).to_be_visible()
    expect(notes.get_by_text(re.compile("“photo.txt”: neither text"))).to_be_visible()
    expect(notes.get_by_text("1 note of yours")).to_be_visible()


def test_all_notes_are_exported(notes):
    begin(notes)
    notes.locator(".st-key-notes_manage button").first.click()
    with notes.expect_download() as download:
        notes.get_by_role("button", name="Export all notes").click()
    text = download.value.path().read_text(encoding="utf-8")
    assert "I live in New York." in text and '"mnemoscope_notes": 1' in text
