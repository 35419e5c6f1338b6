"""The menu "Take away" in the browser: its keys, and what is in every file."""

import csv
import io
import json
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.conftest import eventually, parameters, settled

PROMPT = "My name is James Theory. I live in New York. Where do I live? I live in"
SVG = "{http://www.w3.org/2000/svg}"


def open_menu(page) -> None:
    """By keyboard: the button, then Enter."""
    page.get_by_role("button", name="Take away").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Take away")).to_be_visible()


def choose(page, words: str) -> None:
    """The picture whose name holds these words, once it is drawn."""
    choice = page.get_by_label("Picture", exact=True)
    option = choice.locator("option", has_text=words).first
    option.wait_for(state="attached")
    choice.select_option(option.get_attribute("value"))


def taken(page, kind: str) -> bytes:
    with page.expect_download() as download:
        page.get_by_role("dialog").get_by_role("button", name=kind, exact=True).click()
    assert download.value.suggested_filename.startswith("mnemoscope-")
    return download.value.path().read_bytes()


def words_of(svg: bytes) -> list[str]:
    return ["".join(one.itertext()) for one in ET.fromstring(svg).iter(f"{SVG}text")]


def is_a_good_pair(page) -> list[str]:
    """The chosen picture as SVG and PNG: well-formed, the same size, with its origin below."""
    svg = taken(page, "SVG")
    root, words = ET.fromstring(svg), words_of(svg)
    assert any(word.startswith("Prompt: “My name is") for word in words), words
    assert any(word.startswith("Model: embedded · ") for word in words)
    picture = Image.open(io.BytesIO(taken(page, "PNG")))
    size = [float(root.get(name)) for name in ("width", "height")]
    assert picture.size == pytest.approx([2 * x for x in size], abs=2)
    ink = np.asarray(picture.convert("L")) < 200
    below = ink[-2 * 50 :]  # the footer's lines
    assert below.any() and ink[: -2 * 50].any()
    assert (np.asarray(picture)[0, 0] == 255).all(), "the ground of the light theme is white"
    clear = Image.open(io.BytesIO(taken(page, "PNG, transparent")))
    assert clear.mode == "RGBA" and clear.getpixel((0, 0))[3] == 0
    return words


def test_attention(open_page, shots):
    page = open_page(prompt=PROMPT, view="One head", layer=2, head=1, query=7, key=3)
    expect(page.locator(".st-key-map .beside")).to_contain_text("sum 1.000")
    open_menu(page)
    page.screenshot(path=shots / "takeaway.png")
    choose(page, "Attention map")
    words = is_a_good_pair(page)
    assert {"Layer 2 · head 1", "key (is read) →", "future: cannot be read"} <= set(words)
    rows = list(csv.reader(io.StringIO(taken(page, "CSV").decode())))
    weights = np.array([[cell or 0 for cell in row[1:]] for row in rows[1:]], dtype=np.float32)
    assert [row[1:].count("") for row in rows[1:]] == [*reversed(range(len(rows) - 1))], "the future"
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-5)
    archive = np.load(io.BytesIO(taken(page, "NPZ")), allow_pickle=False)
    np.testing.assert_array_equal(archive["attention"], weights)
    assert (archive["layer"], archive["head"]) == (2, 1)
    shown = page.locator(".st-key-map .reading b").last.text_content()
    assert float(shown) == pytest.approx(float(weights[7, 3]), rel=5e-3)  # three digits


def test_prediction(open_page):
    page = open_page("prediction", prompt=PROMPT, at=22, temperature=0.7, seed=31)
    open_menu(page)
    choose(page, "After token")
    words = is_a_good_pair(page)
    assert {"probability (log)", "·New"} <= set(words)
    assert {"0.7", "31"} <= set(words), "what stands in the boxes for numbers"
    rows = list(csv.DictReader(io.StringIO(taken(page, "CSV").decode())))
    assert rows[0]["token"] == "·New"
    assert sum(float(row["probability"]) for row in rows) == pytest.approx(1)


def test_both_prompts_stand_below_what_compares_them(open_page):
    page = open_page("compare", prompt="My name is Ann", other_prompt="My name is Tom")
    open_menu(page)
    below = words_of(taken(page, "SVG"))
    assert {"Prompt: “My name is Ann”", "Prompt B: “My name is Tom”"} <= set(below)


def test_cache(open_page):
    page = open_page("cache", prompt=PROMPT)
    open_menu(page)
    choose(page, "KV cache")
    words = is_a_good_pair(page)
    assert "layer 0" in words
    archive = np.load(io.BytesIO(taken(page, "NPZ")), allow_pickle=False)
    assert archive["K"].shape == archive["V"].shape == (6, 23, 8, 32)
    choose(page, "K of token")  # a Plotly chart: its own numbers
    is_a_good_pair(page)
    rows = list(csv.reader(io.StringIO(taken(page, "CSV").decode())))
    assert len(rows) == 9 and len(rows[0]) == 33
    np.testing.assert_allclose(
        np.array([row[1:] for row in rows[1:]], dtype=np.float32), archive["K"][0, 22], rtol=1e-6)
    choose(page, "Shapes and bytes")  # a table
    is_a_good_pair(page)
    rows = list(csv.reader(io.StringIO(taken(page, "CSV").decode())))
    assert rows[0] == ["what", "shape", "bytes"] and rows[-1][-1] == "282624"


def test_a_table_of_rows_is_in_the_menu_and_taken_as_its_data(open_page, shots):
    page = open_page("tokens", prompt=PROMPT, tokens="vocabulary", token_search="ing")
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()
    settled(page)
    open_menu(page)
    choose(page, "Table:")
    page.screenshot(path=shots / "takeaway-table.png")
    rows = list(csv.DictReader(io.StringIO(taken(page, "CSV").decode())))
    assert all("ing" in row["token"] for row in rows) and float(rows[0]["length"]) > 0
    assert len(str(rows[0]["length"])) > 6, "all digits, not those on the screen"
    archive = np.load(io.BytesIO(taken(page, "NPZ")), allow_pickle=False)
    assert archive["id"].tolist() == [int(row["id"]) for row in rows]
    page.get_by_role("dialog").get_by_role("button", name="SVG", exact=True).click()
    expect(page.get_by_text("A table is no drawing: take its CSV.")).to_be_visible()


def test_memory(open_page):
    page = open_page("memory", prompt="")
    box = page.get_by_label("Prompt", exact=True)
    box.fill("My name is James Theory. I live in New York.")
    box.press("Enter")
    expect(box).to_have_value("")
    box.fill("My name is James. Where do I live? I live in")
    expect(page.locator(".st-key-memory_reads .typed")).to_contain_text("live")
    expect(page.get_by_text("Which module moved it")).to_be_visible()
    settled(page)
    open_menu(page)
    choose(page, "memory reads")
    words = is_a_good_pair(page)
    assert {"·New", "·Y", "·live"} <= set(words)
    rows = list(csv.reader(io.StringIO(taken(page, "CSV").decode())))
    assert rows[0][0] == "token \\ slot" and rows[-1][0] == "·in"


def test_escape_closes_and_the_button_has_the_focus_again_and_the_link_opens_the_same_picture(
    open_page, page, shots
):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_page(prompt="one two three", view="One head", layer=2, head=1)
    open_menu(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Take away")).to_be_hidden()
    expect(page.get_by_role("button", name="Take away")).to_be_focused()

    open_menu(page)
    page.get_by_role("dialog").get_by_role("button", name="Copy link").click()
    said = "The link is copied. This address opens on this machine only"  # the server listens to no other
    expect(page.get_by_text(said)).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    assert "view=One+head" in link and "layer=2" in link and "head=1" in link

    page.get_by_role("dialog").get_by_role("button", name="QR code").click()
    code = page.get_by_alt_text("QR code of this page's link")
    expect(code).to_be_visible()
    assert code.evaluate("i => i.decode().then(() => i.getBoundingClientRect().width)") > 200
    assert "prompt=one+two+three" in page.get_by_label("Link of this page").input_value()
    page.screenshot(path=shots / "takeaway-qr.png")


def test_a_projector_shows_the_whole_qr_code(open_page):
    page = open_page(prompt="one two three", present=1)
    page.set_viewport_size({"width": 1280, "height": 720})
    open_menu(page)
    page.get_by_role("dialog").get_by_role("button", name="QR code").click()
    code = page.get_by_alt_text("QR code of this page's link")
    expect(code).to_be_in_viewport(ratio=1)
    eventually(page, lambda: code.bounding_box()["width"] > 300)


def test_f5_keeps_what_was_told(open_page):
    page = open_page("memory", prompt="")
    box = page.get_by_label("Prompt", exact=True)
    box.fill("My name is James Theory. I live in New York.")
    box.press("Enter")
    expect(box).to_have_value("")
    box.fill("Where do I live? I live in")
    expect(page.locator(".st-key-memory_reads .typed")).to_contain_text("live")
    settled(page)
    eventually(page, lambda: parameters(page).get("prompt") == "Where do I live? I live in"
               and "memory_told" in parameters(page))
    page.reload()
    settled(page)
    expect(page.locator(".st-key-memory_reads .told")).to_contain_text("New")
    expect(box).to_have_value("Where do I live? I live in")


def test_a_trace_file_opens_again_in_the_sidebar(open_page, tmp_path):
    page = open_page(prompt="one two three one two")
    open_menu(page)
    path = tmp_path / "mine.safetensors"
    path.write_bytes(taken(page, "Trace file"))
    page.keyboard.press("Escape")
    other = open_page(prompt="something else")
    other.locator(".st-key-trace_upload input[type=file]").set_input_files(path)
    expect(other.get_by_text("Trace file mine.safetensors: “one two three one two”")).to_be_visible()
    settled(other)
    expect(other.locator(".st-key-map canvas")).to_have_attribute("aria-label", re.compile(", 5 tokens"))


def test_a_notebook_is_taken_or_the_page_says_why_not(open_page):
    page = open_page(prompt="one two three one two", layer=1, head=2)
    settled(page)
    open_menu(page)
    book = json.loads(taken(page, "Notebook"))
    assert "LAYER, HEAD, QUERY = 1, 2, 4" in "".join(book["cells"][2]["source"])
    page = open_page("training")
    settled(page)
    open_menu(page)
    page.get_by_role("dialog").get_by_role("button", name="Notebook").click()
    expect(page.get_by_text("This view has no notebook")).to_be_visible()


def test_the_page_as_one_file_opens_offline_and_answers_the_pointer(open_page, context, tmp_path, shots):
    page = open_page("cache", prompt=PROMPT)
    expect(page.locator(".js-plotly-plot")).to_be_visible()
    settled(page)
    open_menu(page)
    path = tmp_path / "page.html"
    path.write_bytes(taken(page, "HTML file"))
    errors, asked = [], []
    other = context.new_page()
    other.on("pageerror", lambda error: errors.append(str(error)))
    other.on("request", lambda one: asked.append(one.url))
    other.goto(path.as_uri())
    expect(other.get_by_text("Model: embedded")).to_be_visible()
    grid = other.locator("[data-taken] canvas[data-chosen]").first  # drawn, not only there
    expect(grid).to_be_visible()
    box = grid.bounding_box()
    other.mouse.move(box["x"] + 200, box["y"] + 40)
    expect(other.locator(".tip:not([hidden])").first).to_be_visible()
    chart = other.locator(".js-plotly-plot .nsewdrag").first
    chart.hover()
    expect(other.locator(".hoverlayer text").first).to_be_attached()
    other.screenshot(path=shots / "takeaway-offline.png")
    assert not errors and all(url.startswith(("file:", "data:", "blob:")) for url in asked)
