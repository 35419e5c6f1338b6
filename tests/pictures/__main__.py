"""Take the README's pictures of the running app: .venv/bin/python -m tests.pictures

Three pages in the light theme and an animation of typing, beside this file, together under 1 MB.
"""

import io
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlencode

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.browser.conftest import CHROMIUM_FLAGS, chromium, eventually, settled, start_app, stop
from tests.browser.test_memory_page import FACT, box, tell

HERE = Path(__file__).parent
SIZE = {"width": 1280, "height": 720}
STORY = "My name is James Theory. I live in New York. Where do I live? You live in"
QUESTION = "Where do I live?"
COLOURS = 64  # of a still picture
NARROW = (800, 450)  # pixels of the animation
LETTER_MS, REST_MS = 140, 2500
MOST_BYTES = 1_000_000
SUFFIXES = (".png", ".webp")


def main() -> None:
    """All pictures; ends with an error where they are too large."""
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        app, address = start_app(env={"MNEMOSCOPE_HOME": home}, log=Path(home) / "app.txt")
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        try:
            page = browser.new_page(viewport=SIZE, color_scheme="light")
            page.set_default_timeout(120_000)
            for name in ("start", "attention"):
                path = "" if name == "start" else name
                _open(page, f"{address}/{path}?{urlencode({'prompt': STORY})}")
                _still(page, name)
            _open(page, f"{address}/memory?{urlencode({'prompt': '', 'variant': 'gpt2+am'})}")
            tell(page, FACT)
            _animation(page)
            _still(page, "memory")
        finally:
            browser.close()
            stop(app)
    n_bytes = sum(path.stat().st_size for path in HERE.iterdir() if path.suffix in SUFFIXES)
    print(f"{n_bytes:,} bytes in {HERE}")
    if n_bytes > MOST_BYTES:
        sys.exit(f"wanted at most {MOST_BYTES:,} bytes")


def _open(page, address: str) -> None:
    page.goto(address)
    settled(page)
    page.wait_for_timeout(1500)  # pictures draw themselves in after the page


def _seen(page) -> Image.Image:
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def _still(page, name: str) -> None:
    _seen(page).quantize(COLOURS, dither=Image.Dither.NONE).save(HERE / f"{name}.png", optimize=True)


def _animation(page) -> None:
    """The question, letter by letter, and both answers under it."""
    frames = [_seen(page)]
    box(page).focus()
    for letter in QUESTION:
        page.keyboard.type(letter)
        page.wait_for_timeout(LETTER_MS)
        settled(page)
        frames.append(_seen(page))
    answers = page.locator(".st-key-memory_answers .answers .words")
    eventually(page, lambda: "New York" in answers.first.inner_text())
    settled(page)
    frames.append(_seen(page))
    small = [frame.resize(NARROW, Image.Resampling.LANCZOS) for frame in frames]
    times = [LETTER_MS] * (len(small) - 1) + [REST_MS]
    small[0].save(HERE / "typing.webp", save_all=True, append_images=small[1:], duration=times, loop=0,
                  quality=70, method=4)


if __name__ == "__main__":
    main()
