"""The Prediction page in Chromium: live dials, exact figures, clicks, links, no other machine."""

import re
from urllib.parse import urlencode

import pytest
import torch
from playwright.sync_api import expect

from components.kit import assets
from components.prediction import choice
from model.loading import checkpoint
from model.run import sampling, tokens, trace
from tests.browser.conftest import choose_view, eventually, settled, windows

PROMPT = "Mary lives in Paris. Tom lives in Rome. Where does Mary live?"


def open_page(page, server, **link):
    page.goto(f"{server}/prediction?{urlencode({'prompt': PROMPT, 'follow': 'last', **link})}")
    page.wait_for_selector(".st-key-prediction_strip .token")
    settled(page)


def _end(picture) -> float:
    box = picture.bounding_box()
    return box["y"] + box["height"]


def expect_link(page, **wanted):
    """Wait until the address says so; None: nothing of that name."""
    for name, value in wanted.items():
        pattern = rf"[?&]{name}={value}(&|$)" if value is not None else rf"^(?!.*[?&]{name}=)"
        expect(page).to_have_url(re.compile(pattern))


def facts(page):
    """Tokens alive at each stage, as the page says."""
    stages = page.locator(".st-key-prediction_curve .stage")
    return [int(x) for x in stages.evaluate_all("all => all.map(s => s.dataset.alive)")][:4]


def exact(page):
    """Wait until the server's own figures are shown."""
    expect(page.locator('.st-key-prediction_curve .picture[data-exact="true"]')).to_be_visible()
    settled(page)


def slide(page, name, value):
    """Move a slider as a hand would; (tokens alive at each stage, "true" or "false": exact) at once."""
    return page.get_by_label(name, exact=True).evaluate(
        "(s, x) => { s.value = x; s.dispatchEvent(new Event('input', {bubbles: true}));"
        " const picture = s.closest('.picture');"
        " const alive = [...picture.querySelectorAll('.stage')].map(e => +e.dataset.alive);"
        " return [alive.slice(0, 4), picture.dataset.exact]; }", value
    )


@pytest.fixture(scope="module")
def logits():
    """The logits after the prompt's last token, (V,)."""
    loaded = checkpoint.load("embedded")
    run = trace.run(loaded, tokens.encode(loaded.tokenizer, PROMPT))
    return run.next_logits


SETTINGS = [
    sampling.SamplingSettings(t, k, p)
    for t in (0, 0.05, 0.7, 1, 2.5)
    for k in (0, 1, 40, 10**6)
    for p in (0, 0.3, 0.9, 1)
]


@pytest.mark.parametrize("kind", ["peaked", "flat", "ties"])
def test_the_browsers_arithmetic_is_the_models(page, kind):
    g = torch.Generator().manual_seed(1)
    scores = {
        "peaked": torch.randn(3000, generator=g) * 4,
        "flat": torch.randn(3000, generator=g) * 0.1,
        "ties": torch.randint(4, (300,), generator=g).float(),
    }[kind].sort(descending=True, stable=True).values
    points = sampling.uniform(200, torch.Generator().manual_seed(5))
    high = points.float()
    ask = """([logits, wanted, high, low]) => {
        logits = new Float32Array(logits);
        const plain = spread(logits, 1);
        return wanted.map((s) => {
          const now = work_out(logits, s, plain);
          const darts = throw_darts(high, low, now.tempered, now.n_p, now.kept);
          return { facts: now.facts, counts: [...darts.counts], first: darts.first };
        });
      }"""
    wanted = [vars(s) for s in SETTINGS]
    given = [scores.tolist(), wanted, high.tolist(), (points - high.double()).tolist()]
    script = assets.library("prediction/math.js")
    script += "const { spread, throw_darts, work_out } = prediction_math;"
    found = page.evaluate(f"(given) => {{ {script}; return ({ask})(given); }}", given)
    for settings, theirs in zip(SETTINGS, found, strict=True):
        ours = sampling.stages(scores, settings)
        for mine, told in zip(ours.facts, theirs["facts"], strict=True):
            # float32 sums of the model's side may place top-p's cut one token off
            assert told["n_alive"] == pytest.approx(mine.n_alive, abs=1, rel=1e-3), settings
            if told["n_alive"] == mine.n_alive:
                assert told["entropy"] == pytest.approx(mine.entropy_bits, abs=1e-6)
                assert told["top"] == pytest.approx(mine.top, rel=1e-6)
                assert told["cut"] == pytest.approx(mine.cut, abs=1e-6)
        if theirs["facts"][-1]["n_alive"] == ours.n_alive and kind != "ties":
            ids = sampling.at(ours.probabilities, points)
            counts = ids.bincount(minlength=len(theirs["counts"])).tolist()
            assert theirs["counts"] == counts[: len(theirs["counts"])]
            assert theirs["first"] == int(ids[0]) and not any(counts[len(theirs["counts"]) :])


def test_a_slider_redraws_at_once_then_the_model_confirms(page, server, outside, logits):
    open_page(page, server)
    exact(page)
    assert facts(page) == [len(logits)] * 4
    curve = page.locator(".st-key-prediction_curve canvas.curve")
    eventually(page, lambda: _end(curve) <= 720)  # without scrolling, below its dials
    slide(page, "Top-p", 0.5)
    live, is_exact = slide(page, "Temperature", 0.8)
    assert is_exact == "false"  # no server was asked yet: the answer is the browser's own
    settings = sampling.SamplingSettings(0.8, 0, 0.5)
    ours = [f.n_alive for f in sampling.stages(logits, settings).facts]
    assert live == ours
    exact(page)
    assert facts(page) == ours
    expect_link(page, temperature="0.8", top_p="0.5")
    assert not outside


def test_a_link_repeats_the_draw(page, server, logits):
    settings, seed = sampling.SamplingSettings(1.3, 0, 0.9), 41
    p = sampling.stages(logits, settings).probabilities
    drawn = sampling.draw(p, torch.Generator().manual_seed(seed))
    rank = int((p > p[drawn]).sum()) + 1
    name = tokens.display(checkpoint.load("embedded").tokenizer, [drawn])[0]
    open_page(page, server, temperature=1.3, top_p=0.9, seed=seed, draws=1000)
    exact(page)
    verdict = page.locator(".st-key-prediction_curve .verdict")
    expect(verdict).to_have_text(f"seed {seed} draws {name} (rank {rank:,})")
    expect(verdict).to_have_attribute("data-rank", str(rank))
    counts = page.locator(".st-key-prediction_curve .bar .count").all_inner_texts()
    assert sum(int(c.replace(",", "")) for c in counts) == 1000
    page.get_by_role("button", name="Draw again").click()
    exact(page)
    expect_link(page, seed=42, temperature="1.3")
    before = verdict.inner_text()
    page.reload()
    exact(page)
    expect(verdict).to_have_text(before)


def test_a_click_and_the_keys_choose_a_position(page, server):
    open_page(page, server)
    names = page.locator(".st-key-prediction_strip .token bdi").all_inner_texts()
    page.locator('.st-key-prediction_strip .token[data-at="3"]').click()
    expect(page.get_by_role("heading", name=re.compile("After token 3 "))).to_be_visible()
    expect_link(page, at=3)
    expect(page.locator(".st-key-prediction_curve .bar.came .name")).to_have_text(names[4])
    page.locator(".st-key-prediction_strip .tokens").press("ArrowRight")
    expect(page.get_by_role("heading", name=re.compile("After token 4 "))).to_be_visible()
    page.get_by_role("button", name="Follow the last token").click()
    expect(page.get_by_role("heading", name=re.compile("what comes next"))).to_be_visible()
    expect_link(page, at=None, follow="last")


def test_the_axes_and_the_preset_buttons(page, server):
    open_page(page, server)
    exact(page)
    page.get_by_role("button", name="greedy").click()
    exact(page)
    assert facts(page)[1:] == [1, 1, 1]
    expect_link(page, temperature=0)
    page.get_by_role("button", name="as trained").click()
    exact(page)
    expect_link(page, temperature=None)
    picture = page.locator(".st-key-prediction_curve canvas.curve")
    before = picture.evaluate("c => c.toDataURL()")
    page.get_by_role("button", name=re.compile("linear")).click()
    assert picture.evaluate("c => c.toDataURL()") != before


def test_the_shift_chooses_too(page, server):
    open_page(page, server, prediction="shift")
    window = page.locator(".st-key-prediction_shift .window")
    expect(window).to_have_attribute("data-more", "left")
    window.evaluate("x => { x.scrollLeft = 0 }")
    expect(window).to_have_attribute("data-more", "right")
    page.locator('.st-key-prediction_shift .column[data-at="2"]').click()
    expect(page.locator('.st-key-prediction_strip .tokens[data-chosen="2"]')).to_be_visible()
    expect_link(page, at=2)
    came = page.locator('.st-key-prediction_shift .column[data-at="2"] .came').inner_text()
    read = page.locator('.st-key-prediction_shift .column[data-at="3"] .token').inner_text()
    assert came == read


def test_it_fits_and_asks_nobody_outside(page, server, shots, outside):
    page.set_viewport_size({"width": 1400, "height": 1250})
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    open_page(page, server, temperature=0.8, top_k=40, at=6)
    for view in ("next", "surprisal", "shift"):
        choose_view(page, choice.VIEW, view)
        if view == "surprisal":
            page.wait_for_selector(".st-key-prediction_bits .main-svg")
        if view == "next":
            exact(page)
        for scheme, width in windows(page, 1250):
            assert not problems and not outside
            page.screenshot(path=shots / f"prediction-{view}-{scheme}-{width}.png")
