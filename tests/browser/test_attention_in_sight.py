"""The attention page in Chromium: everything fits and is drawn."""

import re
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from components.attention import choice
from tests.browser.attention_page import (
    LEGEND,
    PROMPT,
    at_rest,
    box,
    end,
    grid,
    head_map,
    map_side,
    n_tokens,
    reading,
    tile_pitch,
)
from tests.browser.conftest import choose_view, eventually, settled, start_app, stop, windows
from tests.conftest import byte_tokenizer, random_gpt2


@pytest.fixture(scope="module")
def twelve(tmp_path_factory):
    """The address of an app whose model has 12 layers of 12 heads, as GPT-2 small."""
    folder, home = tmp_path_factory.mktemp("twelve"), tmp_path_factory.mktemp("home")
    random_gpt2(n_layer=12, n_head=12, n_embd=48).save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)
    env = {"MNEMOSCOPE_MODEL": str(folder), "MNEMOSCOPE_HOME": str(home), "OMP_NUM_THREADS": "1"}
    app, address = start_app(env=env, log=home / "log.txt")
    yield address
    stop(app)


@pytest.mark.parametrize("prompt", ["A cat sat on a mat", "A cat\n" * 6])
def test_the_last_row_and_the_last_layer_are_in_sight(page, twelve, prompt, shots):
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.goto(f"{twelve}/attention?{urlencode({'prompt': prompt})}")
    settled(page)
    for view in ("All heads", "One head"):
        choose_view(page, choice.VIEW, view)
        expect(reading(page)).to_contain_text("with weight")
        for width, height in ((1920, 1080), (1400, 900)):
            page.set_viewport_size({"width": width, "height": height})
            eventually(page, lambda height=height: end(grid(page)) <= height)
            eventually(page, lambda height=height: end(head_map(page), LEGEND) <= height)
            n_lines = 1 + prompt.count("\n") // 6 * 5
            page.screenshot(path=shots / f"attention-12x12-{view[:3]}-{width}-{n_lines}-lines.png")


def test_a_growing_prompt_does_not_resize_and_a_lower_window_does(page, twelve):
    page.set_viewport_size({"width": 1400, "height": 900})
    page.goto(f"{twelve}/attention?{urlencode({'prompt': 'A cat', 'view': 'One head'})}")
    settled(page)
    eventually(page, lambda: end(head_map(page)) == 900)
    at_rest(page, "map")
    before, top = map_side(page), head_map(page).bounding_box()["y"]
    box(page).focus()
    page.keyboard.press("Control+End")
    page.keyboard.type("\nsat", delay=20)
    eventually(page, lambda: n_tokens(page) == len("A cat\nsat"))
    settled(page)
    assert head_map(page).bounding_box()["y"] == top and map_side(page) == before
    page.set_viewport_size({"width": 1400, "height": 820})
    eventually(page, lambda: end(head_map(page)) == 820)
    assert map_side(page) < before


@pytest.mark.parametrize("present", ["0", "1"])
def test_a_paste_of_more_than_the_window_moves_no_picture(page, server, present):
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto(f"{server}/attention?{urlencode({'prompt': 'A cat', 'present': present})}")
    settled(page)
    at_rest(page)
    places = [grid(page).bounding_box()["y"], head_map(page).bounding_box()["y"]]
    box(page).fill("the old king went home and " * 95 + "the end")
    expect(page.get_by_role("button", name="left out")).to_be_visible()
    eventually(page, lambda: n_tokens(page) == 512)
    settled(page)
    at_rest(page)
    assert [grid(page).bounding_box()["y"], head_map(page).bounding_box()["y"]] == places
    box(page).blur()
    page.reload()  # what comes next is asked of the end: it is the end that is seen
    settled(page)
    eventually(page, lambda: box(page).evaluate(
        """area => area.scrollTop + area.clientHeight >= area.scrollHeight - 1
        && area.scrollLeft + area.clientWidth >= area.scrollWidth - 1 && area.scrollHeight > 0"""))


def test_every_view_fits_in_both_themes(page, server, shots):
    page.set_viewport_size({"width": 1400, "height": 1100})
    page.goto(f"{server}/attention?{urlencode({'prompt': PROMPT})}")
    for view in ("All heads", "One head", "Step by step", "Cut", "Why here?", "Rollout", "bertviz"):
        settled(page)
        page.get_by_role("radio", name=view).click()
        expect(page.get_by_role("radio", name=view)).to_be_checked()
        settled(page)
        expect(grid(page)).to_be_visible()
        for theme, width in windows(page, 1100):
            page.screenshot(path=shots / f"attention-{view.strip('?').replace(' ', '-')}-{width}-{theme}.png")
            all_in_sight(page, view)


def all_in_sight(page, view: str) -> None:
    """Nothing is wider than the window, and the pictures end in it."""
    over = (
        "[...document.querySelectorAll('.stMain *')].filter("
        "e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.className)"
    )
    eventually(page, lambda: not page.evaluate(over))
    eventually(page, lambda: end(grid(page)) <= 1100)
    if view in ("All heads", "One head"):
        eventually(page, lambda: end(head_map(page), LEGEND) <= 1100)


COLORS = """(canvas, [left, top, side]) => {
    const ratio = canvas.width / canvas.getBoundingClientRect().width;
    const [x, y, n] = [left, top, side].map((px) => Math.round(px * ratio));
    const { data } = canvas.getContext("2d").getImageData(x, y, n, n);
    const colors = [];
    for (let row = 0; row < n; row++) for (let column = 0; column <= row; column++)
        colors.push(data.slice(4 * (row * n + column), 4 * (row * n + column) + 3).join());
    return colors;
}"""  # of the dots of a square on and under its diagonal, row by row


@pytest.mark.parametrize("n_words", [1, 4, 64, 400])
def test_any_length_is_drawn(open_page, shots, n_words):
    """The first token reads itself with weight 1 in every map; other weights have other colours."""
    words = ("the quick brown fox jumps over a lazy dog " * 60).split()[:n_words]
    page = open_page(prompt=" ".join(words), view="One head", layer=0, head=0)
    at_rest(page)
    side = map_side(page)
    scale_end = [126 + min(220, side * 0.55) - 2, 100 + side + 16, 1]
    scale = head_map(page).evaluate(COLORS, scale_end)[0]  # the colour scale ends with weight 1
    cell = side / n_tokens(page)
    full = head_map(page).evaluate(COLORS, [126 + cell / 2, 100 + cell / 2, 1])[0]
    assert max(abs(int(a) - int(b)) for a, b in zip(full.split(","), scale.split(","))) < 5
    in_map = set(head_map(page).evaluate(COLORS, [126 + 2, 100 + 2, side - 4]))
    page.get_by_role("radio", name="All heads").click()
    expect(page).not_to_have_url(re.compile("view=One"))
    settled(page)
    at_rest(page)

    def in_tiles():
        pitch = tile_pitch(page)  # the chosen one's frame covers some of the first tiles
        return [set(grid(page).evaluate(COLORS, [40 + head * pitch, 44 + layer * pitch, pitch - 3]))
                for layer in range(2, 6) for head in range(8)]

    if n_words == 1:
        eventually(page, lambda: all(colors == {full} for colors in in_tiles()))
    else:
        assert len(in_map) > 8
        eventually(page, lambda: all(full in colors and len(colors) > 1 for colors in in_tiles()))
        assert len(set.union(*in_tiles())) > 40
    page.screenshot(path=shots / f"attention-{n_words}-words.png")
