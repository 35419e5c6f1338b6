"""bertviz's three views in Chromium, each page loaded from a file with the network blocked."""

import numpy as np
import pytest

from components.attention import bertviz_views

WORDS = ["·The", "·cat", "·sat", "·internationalization", "‹E2 82›", "שלום", "👩", "e\u0301"]
HOSTILE = [
    "<img src=x onerror=window.ran=1>",
    "</script><script>window.ran=2</script>",
    "<svg onload=window.ran=3>",
    "';window.ran=4;//",
    "<!--<script>",
    "$x^2$ **b**",
    "a\0b",
]
PLAIN = {"light": "rgb(23, 24, 28)", "dark": "rgb(238, 240, 245)"}


@pytest.fixture
def load(page, tmp_path):
    """load(html) -> the page with it, and a list that fills with errors and outside requests."""
    seen = []
    page.set_viewport_size({"width": 1100, "height": 900})
    page.on("pageerror", lambda error: seen.append(str(error)))
    page.on("request", lambda r: r.url.startswith("file://") or seen.append(r.url))

    def open_html(text):
        file = tmp_path / "view.html"
        file.write_text(text, encoding="utf-8")
        page.goto(file.as_uri())
        return page, seen

    return open_html


def causal(*shape):
    scores = np.random.default_rng(0).normal(size=(*shape, shape[-1]))
    scores[..., np.triu(np.ones(scores.shape[-2:], bool), 1)] = -np.inf
    weights = np.exp(scores)
    return weights / weights.sum(-1, keepdims=True)


def view(kind, tokens, theme="light", n_heads=3):
    n_tokens, heads = len(tokens), list(range(n_heads))
    q, k = np.random.default_rng(1).normal(size=(2, n_heads, n_tokens, 8))
    weights = causal(2, n_heads, n_tokens)
    if kind == "model":
        return bertviz_views.model_view_html(weights, tokens, theme)
    if kind == "head":
        return bertviz_views.head_view_html(weights[0], tokens, 5, heads, theme)
    return bertviz_views.neuron_view_html(q, k, weights[0], tokens, 5, heads, 1, theme)


def visible_lines(page):
    """Lines and paths with some colour: bertviz writes the weight as stroke-opacity."""
    return page.evaluate(
        "[...document.querySelectorAll('#vis line')].filter("
        "line => line.getAttribute('stroke-opacity') > 0).length"
    )


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["head", "model", "neuron"])
def test_lines_are_drawn_offline_in_both_themes(load, shots, kind, theme):
    page, seen = load(view(kind, WORDS, theme))
    page.screenshot(path=shots / f"bertviz-{kind}-{theme}.png")
    n_causal = len(WORDS) * (len(WORDS) + 1) // 2
    per_head = {"head": 3 * n_causal, "model": 6 * n_causal, "neuron": 4 * n_causal}[kind]
    assert visible_lines(page) == per_head  # the neuron view has four sets of lines for a head
    assert not seen
    labels = page.locator("#vis text").filter(has_text="cat")
    if kind == "model":
        labels = page.locator("#vis text").filter(has_text="Layers")
    colour = labels.last.evaluate("e => getComputedStyle(e).fill")
    ground = page.locator("[data-kind]").evaluate("e => getComputedStyle(e).backgroundColor")
    assert colour == PLAIN[theme] or kind == "neuron"
    assert contrast(colour, ground) > 7


def contrast(one, other):
    """WCAG contrast of two CSS rgb() colours, 1 to 21."""

    def luminance(text):
        channels = np.array([float(c) for c in text.strip("rgba()").split(",")[:3]]) / 255
        curved = ((channels + 0.055) / 1.055) ** 2.4
        return np.where(channels <= 0.04045, channels / 12.92, curved) @ [0.2126, 0.7152, 0.0722]

    high, low = sorted([luminance(one), luminance(other)], reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("is_guarded", [True, False])
@pytest.mark.parametrize("kind", ["head", "model", "neuron"])
def test_hostile_tokens_are_text_and_run_nothing(load, kind, is_guarded):
    text = view(kind, HOSTILE)
    if not is_guarded:  # escaping alone must hold too, without the script policy
        text = text.replace('http-equiv="Content-Security-Policy"', 'name="nothing"')
    page, seen = load(text)
    if kind == "model":
        page.locator("#vis svg").click(position={"x": 100, "y": 60})
    shown = page.locator("#vis text").all_text_contents()
    for token in HOSTILE[:-1]:
        wanted = token[:10] + "…" if kind == "model" and len(token) > 11 else token
        assert shown.count(wanted) >= 2, token
    assert page.evaluate("window.ran") is None
    assert page.locator("img, #vis svg svg").count() == 0
    assert not seen


def test_the_policy_stops_a_script_that_was_not_put_in(load):
    text = view("head", WORDS).replace("<h1>", "<img src=x onerror=window.ran=1><h1>")
    text = text.replace("</body>", "<script>window.ran = 2</script></body>")
    page, _ = load(text)
    assert page.evaluate("window.ran") is None
    assert visible_lines(page) > 0


def test_head_view_numbers_its_heads_and_follows_the_pointer(load):
    page, seen = load(view("head", WORDS, n_heads=2))
    assert page.locator("text.number").all_text_contents() == ["0", "1"]
    page.locator("#left text").nth(2).hover()
    shown = page.locator("#attention line[visibility='visible']")
    assert shown.count() == 2 * len(WORDS)
    page.locator("#vis svg > g").last.locator("rect").first.click()
    assert visible_lines(page) == len(WORDS) * (len(WORDS) + 1) // 2  # one head is left
    assert not seen


def test_one_head_keeps_its_number(load):
    weights = causal(1, len(WORDS))
    page, _ = load(bertviz_views.head_view_html(weights, WORDS, 5, [7]))
    assert page.locator("text.number").all_text_contents() == ["7"]
    assert page.locator("h1").inner_text() == "Head view, layer 5, head 7"


def test_model_view_enlarges_a_head(load):
    page, seen = load(view("model", WORDS))
    before = visible_lines(page)
    page.locator("#vis svg").click(position={"x": 100, "y": 200})
    assert page.locator("#vis text", has_text="Layer 1, Head 0").is_visible()
    assert visible_lines(page) == before + len(WORDS) * (len(WORDS) + 1) // 2
    assert not seen


def test_neuron_view_opens_with_the_last_token_and_shows_what_was_given(load):
    tokens = ["a", "b", "c"]
    q, k = np.random.default_rng(1).normal(size=(2, 3, 3, 8))
    page, seen = load(view("neuron", tokens))
    assert page.locator("#att_head").input_value() == "1"
    assert page.locator("#expanded").get_attribute("visibility") == "visible"
    read = "cells => cells.map(cell => +cell.dataset.value)"
    for name, wanted in {"queries": q[1], "keys": k[1]}.items():
        cells = page.locator(f"#expanded #{name} .element").evaluate_all(read)
        np.testing.assert_allclose(np.reshape(cells, wanted.shape), wanted, atol=0.0005)
    dots = page.locator("#expanded .dotproduct").evaluate_all(read)
    np.testing.assert_allclose(dots, k[1] @ q[1, -1] / np.sqrt(8), atol=0.01)
    labels = page.locator("#expanded .score")
    assert labels.all_text_contents() == [f"{x:.1f}".replace("-", "−") for x in map(float, dots)]
    squares = page.locator("#expanded .dotproduct").evaluate_all("all => all.map(s => +s.style.fillOpacity)")
    assert squares[int(np.argmax(dots))] == 1 and np.argsort(squares).tolist() == np.argsort(dots).tolist()
    page.select_option("#att_head", "2")
    dots = page.locator("#expanded .dotproduct").evaluate_all(read)
    np.testing.assert_allclose(dots, k[2] @ q[2, -1] / np.sqrt(8), atol=0.01)
    assert not seen


@pytest.mark.parametrize("kind", ["head", "model", "neuron"])
def test_a_narrow_frame_cuts_nothing_off_and_stays_readable(load, kind):
    page, _ = load(view(kind, WORDS))
    for width in (1400, 800, 480):
        page.set_viewport_size({"width": width, "height": 900})
        frame = "document.documentElement.scrollWidth"
        assert page.evaluate(frame) <= width  # only the drawing scrolls, not the page
        drawn = page.locator("#vis svg").bounding_box()
        reach = page.evaluate("document.getElementById('vis').scrollWidth")
        assert drawn["x"] >= 0 and drawn["width"] <= reach + 1
        text = page.locator("#vis text").last.bounding_box()
        assert text["height"] >= 10


@pytest.mark.parametrize("kind", ["head", "neuron", "model"])
@pytest.mark.parametrize("n_tokens", [1, 12])
def test_the_frame_is_as_high_as_the_drawing(load, kind, n_tokens):
    page, _ = load(view(kind, ["·a"] * n_tokens, n_heads=8))
    height = bertviz_views.frame_height(kind, n_tokens, 2, 8)
    assert height < bertviz_views.MAX_HEIGHT
    page.set_viewport_size({"width": 1100, "height": 50})
    wanted = page.evaluate("document.documentElement.scrollHeight")
    assert wanted <= height <= wanted + 60
