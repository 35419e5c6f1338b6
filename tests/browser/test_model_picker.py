"""The sidebar's model in Chromium, against a hub on 127.0.0.1."""

import re

import pytest
from playwright.sync_api import expect

from tests import hub_server
from tests.browser.conftest import as_owner, both_schemes, settled, start_app, stop
from tests.conftest import byte_tokenizer, random_gpt2


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny random GPT-2."""
    folder = tmp_path_factory.mktemp("tiny")
    random_gpt2().save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def hub(folder):
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    with hub_server.running() as running:
        running.repositories["someone/slow"] = hub_server.Repository(files, "slow")
        running.repositories["someone/gated"] = hub_server.Repository(files, "gated")
        yield running


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("app")


@pytest.fixture(scope="module")
def app(hub, home):
    """An app of its own, whose hub is ours and whose cache is empty."""
    env = {"HF_ENDPOINT": hub.url, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0",
           "MNEMOSCOPE_HOME": str(home), "OMP_NUM_THREADS": "1"}
    process, address = start_app(env=env, log=home / "log.txt")
    yield address
    stop(process)


def choose(page, name: str) -> None:
    """Type a name into the box, as a visitor does."""
    box = page.locator(".st-key-model input")
    box.click()
    box.fill(name)
    page.get_by_text(f"Add: {name}").wait_for()
    box.press("Enter")


def test_a_link_to_a_model_that_is_not_here(app, hub, page, outside):
    """The sidebar opens and asks; the app lives while it downloads, then uses the model."""
    hub.requests.clear()
    page.goto(f"{app}/?model=someone/slow")
    download = page.locator(".st-key-model_download button")
    expect(download).to_be_in_viewport()
    assert hub.requests == []
    download.click()
    progress = page.locator(".st-key-model_picker [data-testid='stProgress']")
    expect(progress).to_contain_text("Downloading someone/slow")
    expect(progress).to_be_in_viewport()
    expect(page.locator(".st-key-model_picker")).to_contain_text("file 5 of 5")
    reads = page.locator(".st-key-five_memories")
    before = reads.inner_text()
    page.locator(".st-key-prompt_box textarea").fill("Typed meanwhile")
    expect(reads).not_to_have_text(before)
    hub.gate.set()
    expect(progress).to_have_count(0)
    placement = page.locator(".st-key-model_placement")
    expect(placement).to_contain_text("CPU · float32")
    expect(page.locator(".st-key-model_picker")).not_to_contain_text("Until then the app uses")
    settled(page)
    expect(placement).to_be_in_viewport()
    expect(page).to_have_url(re.compile("model=someone%2Fslow"))
    assert outside == []


@pytest.mark.parametrize("path", ["", "attention"])
def test_a_link_whose_download_fails_says_so_where_it_is_seen(app, page, path):
    """Nothing closes the sidebar but the visitor, whose closing is respected too."""
    page.goto(f"{app}/{path}?model=nobody/nope-2")
    download = page.locator(".st-key-model_download button")
    expect(download).to_be_in_viewport()
    download.click()
    alert = page.locator(".st-key-model_picker [data-testid='stAlert']")
    expect(alert).to_contain_text("nobody/nope-2")
    settled(page)
    expect(alert).to_be_in_viewport()
    page.locator(".st-key-prompt_box textarea").fill("Typed after it")
    settled(page)
    expect(alert).to_be_in_viewport()
    page.locator("[data-testid='stSidebarCollapseButton'] button").click(force=True)
    expect(alert).not_to_be_in_viewport()
    page.locator(".st-key-prompt_box textarea").fill("Typed after closing")
    settled(page)
    expect(alert).not_to_be_in_viewport()


def test_a_folder_waits_for_a_click(app, folder, page, home):
    as_owner(page, home, app)
    page.goto(f"{app}/?model={folder}")
    picker = page.locator(".st-key-model_picker")
    expect(picker).to_contain_text("Until then the app uses embedded")
    page.locator(".st-key-model_load button").click()
    expect(picker).not_to_contain_text("Until then the app uses")
    expect(page.locator(".st-key-model_load")).to_have_count(0)


def test_a_failure_is_a_sentence_and_the_old_model_stays(app, page, shots):
    page.goto(app)
    page.locator("[data-testid='stExpandSidebarButton']").click()
    choose(page, "someone/gated")
    page.locator(".st-key-model_download button").click()
    picker = page.locator(".st-key-model_picker")
    alert = picker.locator("[data-testid='stAlert']")
    expect(alert).to_contain_text("accepted its terms")
    expect(alert).to_be_in_viewport()
    expect(picker).to_contain_text("Until then the app uses embedded")
    for theme in both_schemes(page):
        page.screenshot(path=shots / f"model_refused_{theme}.png")
