"""The attention page and the prompt box in Chromium, on the embedded model, without a network."""

import csv
import io
import re
from urllib.parse import parse_qs, urlencode, urlparse

import pytest
from playwright.sync_api import expect

from components import canvas
from tests.browser.conftest import settled, start_app, stop
from tests.conftest import byte_tokenizer, random_gpt2

PROMPT = "blue seven lamp river stone blue seven lamp river stone blue seven"
LEGEND = 62  # pixels under the cells of a map
HOSTILE = "<img src=x onerror=window.ran=1> </script><script>window.ran=2</script> $x^2$ **b** 🧠"


@pytest.fixture
def open_page(page, server, outside):
    """open_page(path, **parameters) -> the settled page; in the end: no error, nothing outside."""
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))

    def go(path="attention", **parameters):
        page.goto(f"{server}/{path}?{urlencode(parameters)}")
        settled(page)
        return page

    yield go
    assert not errors and not outside


def parameters(page) -> dict:
    return {name: values[0] for name, values in parse_qs(urlparse(page.url).query).items()}


def box(page):
    return page.locator(".st-key-prompt_box textarea")


def grid(page):
    return page.locator(".st-key-grid canvas")


def head_map(page):
    return page.locator(".st-key-map canvas")


def reading(page):
    return page.locator(".st-key-map .reading")


def tile_pitch(page, n_layers: int = 6) -> float:
    """Pixels from a tile to the next; above them the grid leaves 44 for the heads' numbers."""
    return (grid(page).bounding_box()["height"] - 44) / n_layers


def map_side(page) -> float:
    """Pixels that the cells of a map take; 100 are left above."""
    return head_map(page).bounding_box()["height"] - 100 - LEGEND


def click_tile(page, layer: int, head: int):
    """Click the middle of a tile; the grid leaves 40 pixels for layers and 44 for heads."""
    pitch = tile_pitch(page)
    grid(page).click(position={"x": 40 + (head + 0.5) * pitch, "y": 44 + (layer + 0.5) * pitch})


def at_rest(page) -> None:
    """A picture takes its size once more, 400 ms after the page around it was laid out."""
    page.wait_for_timeout(1500)


def n_tokens(page) -> int:
    return int(re.search(r"(\d+) tokens", head_map(page).get_attribute("aria-label"))[1])


def click_cell(page, query: int, key: int):
    """Click the middle of a cell; 126 pixels are left for queries, 100 for keys."""
    side = map_side(page) / n_tokens(page)
    head_map(page).click(position={"x": 126 + (key + 0.5) * side, "y": 100 + (query + 0.5) * side})


# -- the click path --------------------------------------------------------------------------------


def test_grid_then_head_then_cell(open_page, shots):
    page = open_page(prompt=PROMPT)
    page.set_viewport_size({"width": 1400, "height": 1250})
    click_tile(page, 2, 3)
    expect(grid(page)).to_have_attribute("data-chosen", "2,3")
    expect(page.get_by_text("Layer 2 · head 3.")).to_be_visible()
    click_cell(page, 7, 2)
    expect(head_map(page)).to_have_attribute("data-chosen", "7,2")
    expect(reading(page)).to_contain_text("(7) reads key")
    cell = page.locator(".st-key-cell .picture")
    expect(cell.locator("h4 .at")).to_have_text(["7", "2"])
    weight = float(reading(page).locator("b").last.text_content())
    said = cell.locator(".equation .right").last.text_content()
    assert float(said.removeprefix("= ")) == pytest.approx(weight, rel=1e-5)
    expect(page).to_have_url(re.compile("layer=2.*head=3.*query=7.*key=2"))
    page.screenshot(path=shots / "attention-click-path.png")


def test_a_link_opens_the_same_picture(open_page, context, server):
    first = open_page(prompt=PROMPT, layer=4, head=1, query=9, key=3)
    expect(reading(first)).to_contain_text("with weight")
    shown = reading(first).text_content()
    second = context.new_page()
    second.goto(first.url)
    settled(second)
    expect(grid(second)).to_have_attribute("data-chosen", "4,1")
    expect(head_map(second)).to_have_attribute("data-chosen", "9,3")
    expect(reading(second)).to_have_text(shown)
    second.close()


def test_arrow_keys_choose_head_and_cell(open_page):
    page = open_page(prompt=PROMPT, layer=1, head=1, query=5, key=2)
    grid(page).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_text("Layer 2 · head 2.")).to_be_visible()
    head_map(page).focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowLeft")
    expect(page).to_have_url(re.compile("query=4.*key=1"))
    expect(page.locator(".st-key-cell h4 .at").last).to_have_text("1")


def test_pointing_names_head_and_weight(open_page):
    page = open_page(prompt=PROMPT, layer=0, head=0)
    grid(page).hover(position={"x": 60, "y": 60})
    expect(page.locator(".st-key-grid .tip")).to_contain_text("layer 0 head 0")
    expect(page.locator(".st-key-grid .tip")).to_contain_text("entropy")
    head_map(page).hover(position={"x": 126 + map_side(page) - 20, "y": 110})
    expect(reading(page)).to_contain_text("it comes later")


# -- typing ----------------------------------------------------------------------------------------


def test_typing_repaints_in_place_and_loses_nothing(open_page):
    page = open_page(prompt="The", layer=0, head=0)
    at_rest(page)
    before = [part.bounding_box() for part in (grid(page), head_map(page))]
    picture = grid(page).evaluate("c => c.toDataURL()")
    box(page).focus()
    page.keyboard.press("End")
    text = " cat sat on the mat and the dog sat on the cat"
    page.keyboard.type(text, delay=30)
    expect(box(page)).to_have_value("The" + text)
    expect(reading(page)).to_contain_text("query ·cat")
    settled(page)
    assert grid(page).evaluate("c => c.toDataURL()") != picture
    assert [part.bounding_box() for part in (grid(page), head_map(page))] == before
    assert parameters(page)["prompt"] == "The" + text


def test_typing_adds_no_history_and_pages_keep_the_text(open_page):
    page = open_page(prompt="One")
    n_entries = page.evaluate("history.length")
    box(page).focus()
    page.keyboard.press("End")
    for word in (" two", " three", " four"):
        page.keyboard.type(word, delay=30)
        page.wait_for_function("t => location.search.includes(t)", arg=word.strip())
    settled(page)
    click_tile(page, 1, 1)
    expect(page.get_by_text("Layer 1 · head 1.")).to_be_visible()
    assert page.evaluate("history.length") == n_entries
    page.get_by_role("link", name="Anatomy").click()
    expect(page).to_have_url(re.compile("/anatomy"))
    settled(page)
    expect(box(page)).to_have_value("One two three four")
    page.wait_for_function("location.search.includes('four')")
    page.get_by_role("link", name="Attention").click()
    expect(grid(page)).to_have_attribute("data-chosen", "1,1")
    assert parameters(page)["prompt"] == "One two three four"


def test_an_example_overwrites_and_typing_goes_on(open_page):
    page = open_page(prompt="mine")
    page.locator(".st-key-examples").get_by_role("button").click()
    page.get_by_role("button", name="One word").click()
    expect(box(page)).to_have_value("Hello")
    page.keyboard.press("Escape")
    box(page).focus()
    page.keyboard.press("End")
    page.keyboard.type(" you", delay=30)
    expect(page).to_have_url(re.compile(re.escape("prompt=Hello+you")))
    expect(reading(page)).to_contain_text("·you")


def test_emptied_and_begun_again(open_page):
    page = open_page(prompt="One")
    box(page).focus()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    expect(page.get_by_text("No token, no attention.")).to_be_visible()
    page.keyboard.type("Two words")
    page.keyboard.press("Control+Enter")
    expect(reading(page)).to_contain_text("·words")


def test_a_pasted_book_is_cut_and_said(open_page):
    page = open_page(prompt="x")
    box(page).evaluate(
        """area => {
            const text = "word ".repeat(400000), data = new DataTransfer();
            data.setData("text", text);
            area.focus();
            area.select();
            area.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true}));
            document.execCommand("insertText", false, text);
        }"""
    )
    n_most = int(box(page).get_attribute("maxlength"))
    assert box(page).evaluate("area => area.value.length") == n_most < 2_000_000
    note = page.locator(".st-key-prompt_box #note")
    expect(note).to_contain_text(f"{2_000_000 - n_most:,} pasted ones were left out")
    expect(note).to_contain_text("a link will not carry it")
    expect(page.get_by_text("are left out.")).to_be_visible(timeout=60_000)
    settled(page)
    assert "prompt" not in parameters(page)
    expect(reading(page)).to_contain_text("with weight")


def test_a_hostile_prompt_is_only_text(open_page):
    page = open_page(prompt=HOSTILE)
    for view in ("One head", "Step by step", "bertviz"):
        page.get_by_role("radio", name=view).click()
        settled(page)
    assert page.evaluate("window.ran") is None
    assert all(frame.evaluate("window.ran") is None for frame in page.frames)


# -- the other views -------------------------------------------------------------------------------


def test_steps_add_up_and_a_row_chooses_its_key(open_page, shots):
    page = open_page(prompt=PROMPT, view="Step by step", layer=1, head=2, query=6)
    steps = page.locator(".st-key-steps .picture")
    expect(steps.locator(".sum .weight")).to_have_text("1.000000")
    difference = re.search(r"difference (\S+)\.", steps.text_content())[1]
    assert float(difference) < 1e-4
    assert steps.locator(".row.future").count() == 2
    steps.locator('.row[data-key="3"]').click()
    expect(page).to_have_url(re.compile("query=6.*key=3"))
    expect(page.locator(".st-key-cell h4 .at").last).to_have_text("3")
    steps.locator('.row[data-key="3"] .strip').first.hover()
    expect(steps.locator(".reading")).to_contain_text("k of ·")
    page.screenshot(path=shots / "attention-steps.png", full_page=True)


def test_one_later_token_is_one_token(open_page):
    page = open_page(prompt="One two three four five", view="Step by step", query=0)
    rest = page.locator(".st-key-steps .rest")
    expect(rest).to_contain_text("more later tokens, masked too.")
    n = 1 + 2 + int(re.search(r"(\d+) more later", rest.text_content())[1])
    page = open_page(prompt="One two three four five", view="Step by step", query=n - 4)
    expect(rest).to_contain_text("1 more later token, masked too.")


def test_facts_take_the_place_of_maps(open_page, shots):
    page = open_page(prompt=PROMPT, layer=0, head=0)
    at_rest(page)
    height = grid(page).bounding_box()["height"]
    for fact in ("entropy", "previous", "first", "itself", "induction"):
        page.get_by_role("radio", name=fact).click()
        settled(page)
        assert grid(page).bounding_box()["height"] == height
    page.screenshot(path=shots / "attention-facts.png")
    click_tile(page, 3, 2)
    expect(page.get_by_text("Layer 3 · head 2.")).to_be_visible()


def test_no_repeated_token_gives_no_induction_score(open_page):
    page = open_page(prompt="One two three")
    expect(page.get_by_text("no induction score").first).to_be_visible()


def test_downloads_hold_the_exact_map(open_page, tmp_path):
    page = open_page(prompt=PROMPT, view="One head", layer=2, head=1, query=7, key=3)
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    rows = list(csv.reader(io.StringIO(download.value.path().read_text(encoding="utf-8"))))
    assert len(rows) == n_tokens(page) + 1 and len(rows[0]) == len(rows)
    sums = [sum(map(float, row[1:])) for row in rows[1:]]
    assert max(abs(total - 1) for total in sums) < 1e-5
    shown = reading(page).locator("b").last.text_content()
    assert float(shown) == pytest.approx(float(rows[8][4]), rel=1e-5)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download this picture").click()
    assert download.value.suggested_filename == "attention-Layer-2-head-1.png"
    assert download.value.path().read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_zoom_shows_fewer_tokens_and_comes_back(open_page):
    page = open_page(prompt="one two three four five six seven eight " * 20, view="One head")
    whole = head_map(page).evaluate("c => c.toDataURL()")
    page.get_by_role("button", name="Zoom in").click()
    assert head_map(page).evaluate("c => c.toDataURL()") != whole
    page.get_by_role("button", name="Show the whole map").click()
    assert head_map(page).evaluate("c => c.toDataURL()") == whole


def test_a_drag_that_the_browser_takes_away_does_not_stick(open_page):
    page = open_page(prompt="one two three four five six seven eight " * 20, view="One head")
    page.get_by_role("button", name="Zoom in").click()
    x, y = (head_map(page).bounding_box()[name] + 250 for name in "xy")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y + 40)
    expect(head_map(page)).to_have_class("grabbed")
    head_map(page).dispatch_event("pointercancel")
    page.mouse.move(x + 120, y + 120)
    expect(head_map(page)).not_to_have_class("grabbed")


def test_a_choice_at_rest_is_dropped_when_its_picture_goes(page):
    """canvas.js by itself: a key's choice waits 150 ms, and its component is gone before."""
    sent = page.evaluate(
        canvas.script() + """
        (async () => {
            const [states, box, sent] = [new WeakMap(), document.createElement("div"), []];
            box.innerHTML = '<p class="picture"></p>';
            document.body.append(box);
            const state = remember(states, box, () => ({ draw() {}, send: (x) => sent.push(x) }));
            choose(state, "kept", 10);
            await new Promise((done) => setTimeout(done, 100));
            choose(state, "lost", 50);
            box.remove();
            forget(states, box);
            await new Promise((done) => setTimeout(done, 200));
            return sent;
        })()"""
    )
    assert sent == ["kept"]


# -- in sight ---------------------------------------------------------------------------------------


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


def end(picture, unused: int = 0) -> float:
    """Where a canvas without its lowest `unused` pixels ends in the window."""
    box = picture.bounding_box()
    return box["y"] + box["height"] - unused


def eventually(page, holds) -> None:
    """Wait until a statement about the page holds: pictures settle after the page above them."""
    for _ in range(100):
        if holds():
            return
        page.wait_for_timeout(100)
    assert holds()


@pytest.mark.parametrize("prompt", ["A cat sat on a mat", "A cat\n" * 6])
@pytest.mark.parametrize("width, height", [(1400, 900), (1920, 1080)])
def test_the_last_row_and_the_last_layer_are_in_sight(page, twelve, width, height, prompt, shots):
    page.set_viewport_size({"width": width, "height": height})
    for view in ("All heads", "One head"):
        page.goto(f"{twelve}/attention?{urlencode({'prompt': prompt, 'view': view})}")
        settled(page)
        expect(reading(page)).to_contain_text("with weight")
        eventually(page, lambda: end(grid(page)) <= height)
        eventually(page, lambda: end(head_map(page), LEGEND) <= height)
        n_lines = 1 + prompt.count("\n") // 6 * 5
        page.screenshot(path=shots / f"attention-12x12-{view[:3]}-{width}-{n_lines}-lines.png")


def test_a_growing_prompt_does_not_resize_and_a_lower_window_does(page, twelve):
    page.set_viewport_size({"width": 1400, "height": 900})
    page.goto(f"{twelve}/attention?{urlencode({'prompt': 'A cat', 'view': 'One head'})}")
    settled(page)
    page.wait_for_timeout(1000)  # pictures look once more 400 ms after their first drawing
    eventually(page, lambda: end(head_map(page)) == 900)
    before, top = map_side(page), head_map(page).bounding_box()["y"]
    box(page).focus()
    page.keyboard.press("Control+End")
    page.keyboard.type("\nsat", delay=20)
    expect(page).to_have_url(re.compile("sat"))
    settled(page)
    assert head_map(page).bounding_box()["y"] > top and map_side(page) == before
    page.set_viewport_size({"width": 1400, "height": 820})
    eventually(page, lambda: end(head_map(page)) == 820)
    assert map_side(page) < before


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 800])
def test_every_view_fits_in_both_themes(browser, server, shots, theme, width):
    page = browser.new_page(color_scheme=theme, viewport={"width": width, "height": 1100})
    page.goto(f"{server}/attention?{urlencode({'prompt': PROMPT})}")
    for view in ("All heads", "One head", "Step by step", "bertviz"):
        settled(page)
        page.get_by_role("radio", name=view).click()
        expect(page.get_by_role("radio", name=view)).to_be_checked()
        settled(page)
        expect(grid(page)).to_be_visible()
        page.screenshot(path=shots / f"attention-{view.replace(' ', '-')}-{width}-{theme}.png")
        over = page.evaluate(
            "[...document.querySelectorAll('.stMain *')].filter("
            "e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.className)"
        )
        assert not over
        eventually(page, lambda: end(grid(page)) <= 1100)
        if view in ("All heads", "One head"):
            eventually(page, lambda: end(head_map(page), LEGEND) <= 1100)
    page.close()


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
    page.wait_for_timeout(600)
    side = map_side(page)
    scale_end = [126 + min(220, side * 0.55) - 2, 100 + side + 16, 1]
    scale = head_map(page).evaluate(COLORS, scale_end)[0]  # the colour scale ends with weight 1
    cell = side / n_tokens(page)
    full = head_map(page).evaluate(COLORS, [126 + cell / 2, 100 + cell / 2, 1])[0]
    assert max(abs(int(a) - int(b)) for a, b in zip(full.split(","), scale.split(","))) < 5
    in_map = set(head_map(page).evaluate(COLORS, [126 + 2, 100 + 2, side - 4]))
    page.get_by_role("radio", name="All heads").click()
    settled(page)
    page.wait_for_timeout(600)
    pitch = tile_pitch(page)
    in_tiles = [set(grid(page).evaluate(COLORS, [40 + head * pitch, 44 + layer * pitch, pitch - 3]))
                for layer in range(2, 6) for head in range(8)]  # the chosen one's frame covers some
    if n_words == 1:
        assert all(colors == {full} for colors in in_tiles)
    else:
        assert len(in_map) > 8 and len(set.union(*in_tiles)) > 40
        assert all(full in colors and len(colors) > 1 for colors in in_tiles)
    page.screenshot(path=shots / f"attention-{n_words}-words.png")
