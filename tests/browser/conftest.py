"""A running app and a Chromium that reaches nothing but it."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlparse

import pytest
from playwright.sync_api import expect

from components.frame import door
from components.frame.choices import Choice
from model.disk import owners
from tests import run
from tests.waiting import PATIENCE_S

PATIENCE_MS = 120_000  # for one answer of the page; tests/run.py repeats a test that waited in vain
expect.set_options(timeout=PATIENCE_MS)

ROOT = Path(__file__).parents[2]
SHOTS = ROOT / "tests" / "screenshots"


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_app(
    *, env: dict | None = None, log: Path, streamlit=("-m", "streamlit")
) -> tuple[subprocess.Popen, str]:
    """Start the app; returns the process and its address once it answers."""
    port = free_port()
    command = [sys.executable, *streamlit, "run", "app.py", f"--server.port={port}"]
    command += ["--server.address=127.0.0.1", "--server.headless=true"]
    with open(log, "w") as out:
        app = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out, env=os.environ | (env or {}))
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=10)
            return app, f"http://127.0.0.1:{port}"
        except (urllib.error.URLError, OSError):
            assert app.poll() is None, log.read_text()
            time.sleep(0.1)
    app.kill()
    raise AssertionError(f"the app did not answer within {PATIENCE_S} s:\n{log.read_text()}")


def stop(app: subprocess.Popen) -> None:
    """End an app, by force when it does not end by itself."""
    app.terminate()
    try:
        app.wait(10)
    except subprocess.TimeoutExpired:
        app.kill()
        app.wait(10)


def owners_link(home: Path, address: str) -> str:
    """The link that the terminal of a running app showed."""
    return f"{address}/?owner={owners_key(home)}"


def as_owner(page, home: Path, address: str) -> None:
    """The page's window as one in which that link was opened."""
    page.context.add_cookies([
        {"name": door.OWNER_COOKIE, "value": owners_key(home), "url": address}])


def owners_key(home: Path) -> str:
    """The key in an app's home."""
    return (home / owners.KEY_FILE).read_text().strip()


@pytest.fixture(scope="session")
def server_home(tmp_path_factory):
    """Where `server` keeps what is saved."""
    return tmp_path_factory.mktemp("app")


@pytest.fixture(scope="session")
def server(server_home):
    """The address of an app on the embedded model, running for all browser tests."""
    env = {"OMP_NUM_THREADS": "2", "MNEMOSCOPE_HOME": str(server_home), "HF_HUB_OFFLINE": "1"}
    app, address = start_app(env=env, log=server_home / "log.txt")
    yield address
    stop(app)


CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


def chromium() -> str:
    """Where Chromium is."""
    path = run.found()
    assert path, "wanted Chromium for the browser tests, found none: apt-get install chromium"
    return path


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    """Debian's Chromium, without any network but this machine."""
    return browser_type_launch_args | {"executable_path": chromium(), "args": CHROMIUM_FLAGS}


@pytest.fixture
def new_context(new_context):
    """A window of its own for a visitor; `context` is made by it too."""

    def make(**options):
        context = new_context(**options)
        context.set_default_timeout(PATIENCE_MS)
        return context

    return make


@pytest.fixture(scope="session")
def windows_of_visitors(browser, browser_context_args):
    """windows_of_visitors(i) -> the i-th visitor's window, the same for all tests of a process: to open
    a page in a new one takes twice as much work."""
    made = []

    def window(i: int):
        while len(made) <= i:
            context = browser.new_context(**browser_context_args)
            context.set_default_timeout(PATIENCE_MS)
            made.append(context.new_page())
        return made[i]

    yield window
    for one in made:
        one.context.close()


def as_new(window, width: int = 1280, height: int = 720):
    """The window in a size, with the usual looks."""
    window.set_viewport_size({"width": width, "height": height})
    window.emulate_media(color_scheme="light", reduced_motion="no-preference")
    return window


def empty(window) -> None:
    """Forget the visitor of a window."""
    window.evaluate("() => { try { localStorage.clear(); sessionStorage.clear(); } catch {} }")
    window.goto("about:blank")
    window.mouse.move(0, 0)
    window.context.clear_cookies()
    window.context.clear_permissions()


@pytest.fixture
def another(windows_of_visitors):
    """another(width, height) -> a window of one more visitor, as empty as `page`."""
    taken = []

    def take(width: int = 1280, height: int = 720):
        taken.append(as_new(windows_of_visitors(len(taken) + 1), width, height))
        return taken[-1]

    yield take
    for window in taken:
        empty(window)


@pytest.fixture
def page(windows_of_visitors, monkeypatch):
    """The window as a new visitor has it: empty, of the usual size and looks, without storage, and
    nobody listens. A test that changes a page for good (its clock) takes a page of its own `context`."""
    window = as_new(windows_of_visitors(0))
    heard, on = [], window.on

    def listen(event, handler):
        heard.append((event, handler))
        on(event, handler)

    monkeypatch.setattr(window, "on", listen)
    yield window
    for event, handler in heard:
        window.remove_listener(event, handler)
    empty(window)


@pytest.fixture
def script_first(page):
    """script_first(text): a script runs before those of each page, until the test ends."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("Page.enable")
    yield lambda text: devtools.send("Page.addScriptToEvaluateOnNewDocument", {"source": text})
    devtools.detach()  # takes its scripts along


@pytest.fixture(scope="session")
def shots():
    """The folder where screenshots are kept for people."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    return SHOTS


@pytest.fixture
def outside(page):
    """Requests that tried to leave this machine; must stay empty."""
    tried = []
    local = ("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:", "about:", "file:")
    page.on("request", lambda r: None if r.url.startswith(local) else tried.append(r.url))
    return tried


@pytest.fixture
def faultless(page, outside):
    """The window; in the end: no error on its pages, nothing asked from outside."""
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    assert not errors and not outside


SETTLED = """() => {
    const shows = selector => document.querySelector(selector) !== null;
    const box = document.querySelector('.st-key-prompt_box');
    return shows('[data-testid=stApp][data-test-script-state=notRunning]')
        && !shows('[data-stale=true], [data-testid=stSkeleton]')
        && (!box || [...box.querySelectorAll('*')].some(
            e => e.shadowRoot?.querySelector('textarea[placeholder]')));
}"""


def settled(page) -> None:
    """Wait until the script has run, nothing on the page is stale, no part of it is still to be fetched
    (a grey bar, of another height than what comes) and the prompt box listens.

    What was just typed or clicked may not have reached the server yet: where a test needs its
    effect, it waits for that.
    """
    page.wait_for_function(SETTLED)


def choose_view(page, one: Choice, value) -> None:
    """Choose another view of the open page, which is less work than to open it anew."""
    button = page.locator(f".st-key-{one.name}").get_by_role("radio", name=one.kind.titles[value], exact=True)
    button.click()
    expect(button).to_be_checked()
    eventually(page, lambda: parameters(page).get(one.name, one.default) == value)
    settled(page)


def parameters(page) -> dict[str, str]:
    """What the address says now; it follows the page half a second later."""
    return {name: values[0] for name, values in parse_qs(urlparse(page.url).query).items()}


def eventually(page, holds) -> None:
    """Wait until a statement about the page holds: pictures settle after the page above them."""
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, f"this did not come about within {PATIENCE_S} s"
        page.wait_for_timeout(100)


def place_at_rest(page, part) -> dict:
    """Where a part of the settled page is, once two looks in a row find it at one place."""
    settled(page)
    places = [None]

    def rests() -> bool:
        places.append(part.bounding_box())
        return places[-1] is not None and places[-1] == places[-2]

    eventually(page, rests)
    return places[-1]


def fits(page, width: int) -> None:
    """Wait until nothing of the page is wider than the window: pictures follow it a moment later."""
    eventually(page, lambda: page.evaluate(
        "w => { const m = document.querySelector('[data-testid=stMain]');"
        " return m.getBoundingClientRect().right <= w && m.scrollWidth <= m.clientWidth + 1; }", width
    ))


def rows_are_there(page) -> None:
    """Wait until a table has placed its rows: the list of its cells for screen readers comes last."""
    page.locator("[data-testid=stDataFrame] canvas td").first.wait_for(state="attached")


GROUNDS = {"light": "rgb(255, 255, 255)", "dark": "rgb(16, 18, 24)"}  # behind the page
GROUND = "getComputedStyle(document.querySelector('.stApp')).backgroundColor"


def in_scheme(page, scheme: str) -> None:
    """The open page in light or in dark, settled."""
    before = page.evaluate(GROUND)
    page.emulate_media(color_scheme=scheme)
    if before != GROUNDS[scheme]:
        page.wait_for_function(f"c => {GROUND} === c", arg=GROUNDS[scheme])
        page.wait_for_timeout(300)  # the server hears of it, and its script begins
    settled(page)


def both_schemes(page):
    """Yields "light" and "dark", each once the open page has taken it on; first the one it is in."""
    for scheme in sorted(GROUNDS, key=lambda one: GROUNDS[one] != page.evaluate(GROUND)):
        in_scheme(page, scheme)
        yield scheme


def windows(page, height: int = 1000):
    """Yields (scheme, width) for the open page in light, in dark and narrow, once it fits there. A page
    that is dark goes the other way, so that the next view begins as this one ends."""
    looks = [("light", 1400), ("dark", 1400), ("dark", 800)]
    for scheme, width in looks if page.evaluate(GROUND) == GROUNDS["light"] else looks[::-1]:
        page.set_viewport_size({"width": width, "height": height})
        in_scheme(page, scheme)
        fits(page, width)
        yield scheme, width


@pytest.fixture
def open_page(faultless, server):
    """open_page(path, **parameters) -> the settled page."""

    def go(path="attention", **parameters):
        faultless.goto(f"{server}/{path}?{urlencode(parameters)}")
        settled(faultless)
        return faultless

    return go
