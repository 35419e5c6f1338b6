"""The app in headless Chromium: its first page, repaint while typing, 1,024 tokens, memory growth."""

import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import psutil
from playwright.sync_api import sync_playwright

from tests.bench.result import Result
from tests.browser.conftest import CHROMIUM_FLAGS, chromium, settled, start_app, stop

WORDS = "blue seven lamp river stone "

# Notes when anything was last painted on a canvas under `.st-key-grid`.
PAINT_CLOCK = """
window.last_paint = 0;
for (const name of ["putImageData", "drawImage", "fillRect"]) {
  const plain = CanvasRenderingContext2D.prototype[name];
  CanvasRenderingContext2D.prototype[name] = function (...args) {
    if (this.canvas.closest?.(".st-key-grid") || !this.canvas.isConnected ||
        this.canvas.getRootNode().host?.closest(".st-key-grid"))
      window.last_paint = performance.now();
    return plain.apply(this, args);
  };
}
window.addEventListener("keydown", () => { window.last_key = performance.now(); }, true);
"""


def measure() -> Iterator[Result]:
    """All measurements in a browser, as they come."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        with running(Path(folder) / "embedded.txt") as (app, address, started):
            page = browser.new_page(viewport={"width": 1400, "height": 1000})
            yield _first_page(page, address, started)
            yield _typing(browser, address)
            yield _growth(browser, address, app.pid)
        model = gpt2_small_folder(Path(folder) / "gpt2-small-shaped")
        with running(Path(folder) / "small.txt", MNEMOSCOPE_MODEL=str(model)) as (_, address, _t):
            yield from _long_prompt(browser, address)
        browser.close()


@contextmanager
def running(log: Path, **env):
    """An app of its own: (process, address, when it was started)."""
    started = time.perf_counter()
    app, address = start_app(env=env, log=log)
    try:
        yield app, address, started
    finally:
        stop(app)


def gpt2_small_folder(folder: Path) -> Path:
    """A checkpoint of GPT-2 small's shape: random weights, one token a byte."""
    from tests.bench.model import gpt2_small
    from tests.conftest import byte_tokenizer

    gpt2_small("sdpa").save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)
    return folder


def _first_page(page, address: str, started: float) -> Result:
    page.goto(address)
    page.get_by_text("Where a GPT remembers").wait_for(timeout=60_000)
    seconds = time.perf_counter() - started
    return Result("start of the command to the first page", seconds, "s", "embedded, 2 cores", 10)


def _typing(browser, address: str) -> Result:
    """64 tokens; each measurement is one more letter, from its key to the last paint it causes."""
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.add_init_script(PAINT_CLOCK)
    prompt = (WORDS * 20)[:290]
    page.goto(f"{address}/attention?{urlencode({'prompt': prompt})}")
    settled(page)
    box, delays = page.locator(".st-key-prompt_box textarea"), []
    box.click()
    page.keyboard.press("Control+End")
    for letter in "and so it goes on and on":
        page.wait_for_timeout(900)
        page.keyboard.press("Space" if letter == " " else letter)
        page.wait_for_timeout(1500)
        delays.append(page.evaluate("window.last_paint - window.last_key"))
    page.close()
    delays = [d for d in delays[2:] if d > 0]  # a letter that is no new token repaints nothing
    detail = f"median of {len(delays)}, embedded"
    return Result("last key to repainted grid, 64 tokens", statistics.median(delays), "ms", detail, 300)


def _growth(browser, address: str, pid: int) -> Result:
    """Resident memory of the server over 200 different prompts, once 80 have filled the caches."""
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.goto(f"{address}/attention")
    settled(page)
    box, sizes = page.locator(".st-key-prompt_box textarea"), []
    for n in range(280):
        box.fill(f"Prompt number {n}: " + WORDS * (1 + n % 12))
        page.wait_for_timeout(350)
        settled(page)
        if n in (79, 279):
            sizes.append(_resident(pid))
    page.close()
    growth = 100 * (sizes[1] / sizes[0] - 1)
    detail = f"{sizes[0] / 2**20:.0f} MiB after 80 prompts, {sizes[1] / 2**20:.0f} after 280"
    return Result("resident memory, 200 prompts more", growth, "%", detail, 10)


def _long_prompt(browser, address: str) -> Iterator[Result]:
    seconds, received = click_to_grid(browser, address, 1024)
    yield Result("all 144 heads of 1,024 tokens, click to grid", seconds, "s", "trace cached", 1.5)
    yield Result("sent for that page", sum(received) / 1e6, "MB", f"{len(received)} messages", 3)


def click_to_grid(browser, address: str, n: int) -> tuple[float, list[int]]:
    """All 144 heads of n tokens: the trace exists (Start has made it), the grid does not. Seconds from
    the click on Attention to the last paint, and the bytes of each message."""
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(120_000)
    page.add_init_script(PAINT_CLOCK)
    received = []
    page.on("websocket", lambda ws: ws.on("framereceived", lambda f: received.append(len(f))))
    page.goto(f"{address}/?{urlencode({'prompt': (WORDS * 40)[:n]})}")
    settled(page)
    page.get_by_text(f"{n:,} of 1,024").wait_for()
    received.clear()
    page.evaluate("window.last_key = performance.now()")
    page.get_by_role("link", name="Attention").first.click()
    page.locator(".st-key-grid canvas").wait_for()
    settled(page)
    page.wait_for_timeout(1500)
    seconds = page.evaluate("window.last_paint - window.last_key") / 1000
    page.close()
    return seconds, received


def _resident(pid: int) -> int:
    return psutil.Process(pid).memory_info().rss
