"""Positions in Chromium: maps and clocks by hand, their arithmetic, hostile text; no network."""

import re
from urllib.parse import urlencode

import numpy as np
import pytest
from playwright.sync_api import expect

from components.positions import choice
from model.analysis import positions, what_if
from model.loading import checkpoint
from model.run import tokens
from tests.browser.conftest import choose_view, settled, windows

PROMPT = "My name is James Theory. Where do I live?"
HOSTILE = "<script>alert(1)</script> **b** $x^2$ שלום \x07 👨\u200d👩 e\u0301"
VIEWS = ("side", "tables", "rope", "alibi", "order", "ends")


def open_view(page, server, view, **link):
    page.goto(f"{server}/positions?{urlencode({'positions': view, 'prompt': PROMPT, **link})}")
    settled(page)


def score(page) -> float:
    line = page.locator(".st-key-clocks .score")
    expect(line).to_have_attribute("data-score", re.compile("."))
    return float(line.get_attribute("data-score"))


def turn(page, label: str, value: int) -> None:
    page.get_by_role("slider", name=label).evaluate(
        "(dial, value) => { dial.value = value; dial.dispatchEvent(new Event('input')); }", value
    )


def test_a_cell_is_chosen_in_all_maps(page, server, outside):
    open_view(page, server, "side", layer=0, head=0)
    canvas = page.locator(".st-key-positions_maps canvas")
    expect(canvas).to_have_attribute("data-tiles", "5")
    canvas.focus()
    chosen = canvas.get_attribute("data-chosen")
    query, key = map(int, chosen.split(","))
    canvas.press("ArrowLeft")
    expect(canvas).to_have_attribute("data-chosen", f"{query},{key - 1}")
    expect(page).to_have_url(re.compile(f"key={key - 1}"))
    side = (canvas.bounding_box()["width"] - 2 - 4 * 16) / 5
    canvas.click(position={"x": side + 16 + 3, "y": 50 + side - 3})  # second tile
    expect(canvas).to_have_attribute("data-chosen", re.compile(",0$"))
    reading = page.locator(".st-key-positions_maps .reading")
    for name in ("Learned", "None", "Sinusoidal", "RoPE", "ALiBi"):
        expect(reading).to_contain_text(name)
    assert outside == []


def test_the_clocks_keep_the_score_when_both_move_and_match_the_model(page, server, outside):
    open_view(page, server, "rope", layer=1, head=2, query=7, key=3)
    loaded = checkpoint.load("embedded")
    bare = what_if.without_positions(loaded, tokens.encode(loaded.tokenizer, PROMPT))
    q, k = (what_if.numpy64(x[1][2]) for x in (bare.q, bare.k))
    expected = positions.rope_by_distance(q[7], k[3], 60) / np.sqrt(q.shape[-1])
    here = score(page)
    assert here == pytest.approx(expected[4], abs=1e-5)  # the server's run: float32, its own threads
    turn(page, "Move both along by", 77)
    expect(page.locator(".st-key-clocks .score")).to_contain_text("at 84")
    assert score(page) == pytest.approx(here, abs=1e-12)
    turn(page, "Distance: tokens from the key to the query", 50)
    assert score(page) == pytest.approx(expected[50], abs=1e-5)
    assert abs(expected[50] - expected[4]) > 1e-3
    faces = page.locator(".st-key-clocks .clocks")
    expect(faces).to_have_attribute("data-clocks", str(len(q[0]) // 2))
    assert outside == []


def test_the_clocks_run_and_stop(page, server):
    open_view(page, server, "rope")
    before = score(page)
    page.get_by_role("button", name="▶ move both").click()
    expect(page.get_by_role("slider", name="Move both along by")).not_to_have_value("0")
    page.get_by_role("button", name="❚❚ stop").click()
    expect(page.get_by_role("button", name="▶ move both")).to_be_visible()
    assert score(page) == pytest.approx(before, abs=1e-12)


def test_a_shift_out_of_the_window_is_answered(page, server):
    open_view(page, server, "ends")
    box = page.get_by_role("spinbutton", name="Shift all positions by")
    box.fill("5000")
    box.press("Enter")
    expect(page.get_by_text("out of range: the table has rows")).to_be_visible()
    expect(page).to_have_url(re.compile("shift=5000"))
    settled(page)  # until then the old chart may still stand beside the new one
    expect(page.locator(".st-key-shifts")).to_be_visible()


def test_text_stays_text(page, server, outside):
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    open_view(page, server, "side", prompt=HOSTILE)
    for view in ("side", "rope", "order", "ends"):
        choose_view(page, choice.VIEW, view)
        expect(page.get_by_test_id("stException")).to_have_count(0)
        expect(page.get_by_test_id("stAlert")).to_have_count(0)
        assert page.locator("[data-testid=stMain] .katex").count() == 0
    assert dialogs == [] and outside == []


def test_no_view_is_wider_than_the_window(page, server, shots):
    page.set_viewport_size({"width": 1400, "height": 900})
    open_view(page, server, "side")
    for view in VIEWS:
        choose_view(page, choice.VIEW, view)
        for scheme, width in windows(page, 900):
            expect(page.get_by_test_id("stException")).to_have_count(0)
            page.screenshot(path=shots / f"positions-{view}-{scheme}-{width}.png")
