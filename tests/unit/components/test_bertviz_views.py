"""bertviz's views: our data equals what bertviz makes itself, hostile tokens stay text."""

import hashlib
import html
import json
import re
import tomllib
from pathlib import Path

import bertviz
import bertviz.neuron_view
import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from components.attention import bertviz_views
from components.kit import assets, offline_page

TOKENS = ["·The", "·cat", "·sat"]
HOSTILE = [
    "</script><script>window.ran=1</script>",
    "<img src=x onerror=window.ran=2>",
    "<!--<script>",
    "\"'`\\",
    "PYTHON_PARAMS",
    "**bold** $x^2$",
    "a\0b\u2028\u2029",
    "\u202eשלום",
    "e\u0301👩\u200d💻",
    "\ud800",
    "‹E2 82›",
]


def causal(*shape, seed=0):
    """Attention weights (*shape, T, T) of float32 whose rows sum to 1."""
    scores = np.random.default_rng(seed).normal(size=(*shape, shape[-1]))
    scores[..., np.triu(np.ones(scores.shape[-2:], bool), 1)] = -np.inf
    weights = np.exp(scores)
    return (weights / weights.sum(-1, keepdims=True)).astype(np.float32)


def vectors(*shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def params(page: str) -> dict:
    """The data that a page hands to bertviz."""
    (found,) = re.findall(r"<script>window\.bertviz_params = (.*);</script>", page)
    return json.loads(found)


def bertviz_params(page: str) -> dict:
    """The data that bertviz's own page holds."""
    found = re.search(r"(?:const params|window\.bertviz_params) = (\{.*\})", page)
    return json.JSONDecoder().raw_decode(found[1])[0]


def same_numbers(mine, theirs):
    assert np.abs(np.array(mine) - np.array(theirs)).max() <= 0.0005 + 1e-9


def views(tokens, heads=(0, 1), theme="light"):
    """The three pages for the same tokens."""
    n_heads, n_tokens = len(heads), len(tokens)
    weights, q = causal(n_heads, n_tokens), vectors(n_heads, n_tokens, 4)
    return {
        "head": bertviz_views.head_view_html(weights, tokens, 0, heads, theme),
        "model": bertviz_views.model_view_html(weights[None], tokens, theme),
        "neuron": bertviz_views.neuron_view_html(
            q, q, weights, tokens, 0, heads, heads[-1], theme
        ),
    }


def test_head_view_data_is_what_bertviz_makes():
    weights = causal(2, 3)
    mine = params(bertviz_views.head_view_html(weights, TOKENS, 0, [0, 1]))
    page = bertviz.head_view(
        [torch.tensor(weights)[None]], TOKENS, prettify_tokens=False, html_action="return"
    )
    theirs = bertviz_params(page.data)
    same_numbers(mine["attention"][0].pop("attn"), theirs["attention"][0].pop("attn"))
    assert mine == theirs | {"root_div_id": "bertviz"}


def test_model_view_data_is_what_bertviz_makes_without_the_masked_half():
    weights = causal(2, 9, 3)
    mine = params(bertviz_views.model_view_html(weights, TOKENS, "dark"))
    page = bertviz.model_view(
        list(torch.tensor(weights)[:, None]), TOKENS, prettify_tokens=False, html_action="return"
    )
    theirs = bertviz_params(page.data)
    drawn, full = mine["attention"][0].pop("attn"), theirs["attention"][0].pop("attn")
    same_numbers(
        [value for layer in drawn for head in layer for row in head for value in row],
        [v for layer in full for head in layer for i, row in enumerate(head) for v in row[: i + 1]],
    )
    assert mine == theirs | {"root_div_id": "bertviz"}


class Recorded:
    """Stands in for bertviz's own model and tokenizer, which hand over the same arrays."""

    def __init__(self, **arrays):
        self.layers = [{name: torch.tensor(a)[None] for name, a in arrays.items()}]

    def eval(self):
        return self

    def __call__(self, ids):
        return (self.layers,)

    def tokenize(self, text):
        return text.split()

    def convert_tokens_to_ids(self, tokens):
        return list(range(len(tokens)))


def test_neuron_view_data_is_what_bertviz_makes():
    weights, q, k = causal(2, 3), vectors(2, 3, 4), vectors(2, 3, 4, seed=2)
    mine = params(bertviz_views.neuron_view_html(q, k, weights, TOKENS, 0, [0, 1], 1))
    recorded = Recorded(attn=weights, queries=q, keys=k)
    page = bertviz.neuron_view.show(
        recorded, "gpt2", recorded, " ".join(TOKENS), display_mode="light", layer=0, head=1,
        html_action="return",
    )
    theirs = bertviz_params(page.data)
    for part in ("attn", "queries", "keys"):
        same_numbers(mine["attention"]["all"].pop(part), theirs["attention"]["all"].pop(part))
    assert mine == theirs | {"root_div_id": "bertviz"}


def test_numbers_are_rounded_in_float64():
    page = bertviz_views.head_view_html(np.full((1, 1, 1), 0.1, np.float32), ["a"], 0, [0])
    assert params(page)["attention"][0]["attn"] == [[[[0.1]]]]
    assert "0.10000000149" not in page


@pytest.mark.parametrize("kind", ["head", "model", "neuron"])
def test_hostile_tokens_arrive_whole_and_cannot_leave_their_script(kind):
    calm, page = views(["x"] * len(HOSTILE))[kind], views(HOSTILE)[kind]
    for mark in ("<", ">", "&", "\0", "\u2028", "\u202e", "\ud800"):
        assert page.count(mark) == calm.count(mark), f"{mark!r} of a token reached the HTML"
    attention = params(page)["attention"]
    texts = (attention["all"] if kind == "neuron" else attention[0])["left_text"]
    cut = [t if len(t) <= 11 else t[:10] + "…" for t in HOSTILE]
    assert texts == (cut if kind == "model" else HOSTILE)


@pytest.mark.parametrize("kind", ["head", "model", "neuron"])
def test_page_asks_for_nothing_and_runs_only_its_own_scripts(kind):
    page = views(TOKENS)[kind]
    markup = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"\b(src|href|url|@import)\b\s*[=(:]", markup)
    assert "cdnjs" not in markup and "require.min.js" not in page
    policy = html.unescape(re.search(r'Policy" content="([^"]*)"', page)[1])
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy.split("script-src")[1]
    n_scripts = page.count("<script>")
    assert n_scripts == page.count("</script>") == policy.count("'sha256-") == 6


def test_page_is_the_same_for_the_same_arrays():
    """Streamlit keeps a frame whose HTML did not change; a random id would redraw it each time."""
    assert views(TOKENS) == views(TOKENS)


def test_page_refuses_a_script_that_would_end_early():
    with pytest.raises(offline_page.AssetError, match="escape it first"):
        offline_page.page("t", "", "", ["'</SCRIPT>'"])


def test_the_bertviz_that_was_tested():
    """These scripts were read line by line. If this fails: read them again, then pin anew."""
    read = {
        "head": "32885444af280c17",
        "model": "a22b6b559eebfb38",
        "neuron": "87a134cd9eaa05a2",
    }
    for kind, wanted in read.items():
        script = offline_page.asset("bertviz", f"bertviz/{kind}_view.js")
        assert hashlib.sha256(script.encode()).hexdigest()[:16] == wanted, kind
        assert ".html(" not in script, "tokens must go through .text()"


@pytest.mark.parametrize("kind", ["head", "model", "neuron"])
def test_a_changed_bertviz_is_refused(kind, monkeypatch):
    script = offline_page.asset("bertviz", f"bertviz/{kind}_view.js")
    monkeypatch.setattr(offline_page, "asset", lambda *_: script.replace("const params", "let p"))
    with pytest.raises(bertviz_views.ViewError, match="requirements.txt"):
        bertviz_views.drawing_script(kind)


def test_a_missing_package_says_what_to_install():
    with pytest.raises(offline_page.AssetError, match="pip install -r requirements.txt"):
        offline_page.asset("no-such-package-here", "x.js")
    with pytest.raises(offline_page.AssetError, match="no_such.js"):
        offline_page.asset("bertviz", "bertviz/no_such.js")


@pytest.mark.parametrize("kind", ["head", "neuron"])
def test_choice_of_a_layer_a_head_or_a_map(kind):
    limit = bertviz_views.HEAD_TOKENS[kind]
    for n_tokens, view in [(1, "layer"), (32, "layer"), (33, "head"), (limit, "head")]:
        chosen = bertviz_views.choice(kind, n_tokens, 12, 12)
        assert chosen.view == view and f"up to {limit}" in chosen.reason
    chosen = bertviz_views.choice(kind, limit + 1, 12, 12)
    assert chosen.view == "map" and f"{(limit + 1) ** 2:,} for one head" in chosen.reason


def test_choice_of_the_whole_model_counts_its_lines():
    assert bertviz_views.choice("model", 32, 12, 12).view == "model"
    too_long = bertviz_views.choice("model", 33, 12, 12)
    assert too_long.view == "map" and f"{144 * 33 * 34 // 2:,} here" in too_long.reason
    assert bertviz_views.most_model_tokens(48 * 25) == 11  # gpt2-xl: 1,200 × 66 = 79,200 lines
    assert bertviz_views.choice("model", 12, 48, 25).view == "map"
    assert bertviz_views.most_model_tokens(10**6) == 0


def test_choice_without_tokens_and_for_an_unknown_view():
    assert bertviz_views.choice("head", 0, 2, 2).view == "map"
    assert "1 token here" in bertviz_views.choice("head", 1, 2, 2).reason
    with pytest.raises(bertviz_views.ViewError, match="head, model, neuron"):
        bertviz_views.choice("brain", 1, 2, 2)


@pytest.mark.parametrize(
    "weights, tokens",
    [
        (np.ones((2, 3, 3)), ["a", "b"]),
        (np.ones((1, 2, 2)), ["a", "b"]),
        (np.ones((2, 0, 0)), []),
        (np.full((2, 1, 1), np.nan), ["a"]),
    ],
)
def test_arrays_that_do_not_fit_are_refused(weights, tokens):
    with pytest.raises(bertviz_views.ViewError):
        bertviz_views.head_view_html(weights, tokens, 0, [0, 1])


def test_all_shapes_are_checked():
    with pytest.raises(bertviz_views.ViewError, match="weights"):
        bertviz_views.model_view_html(np.ones((2, 2)), ["a", "b"])
    with pytest.raises(bertviz_views.ViewError, match="k with"):
        bertviz_views.neuron_view_html(
            np.ones((1, 2, 4)), np.ones((1, 2, 3)), causal(1, 2), ["a", "b"], 0, [0], 0
        )
    with pytest.raises(bertviz_views.ViewError, match="theme"):
        views(TOKENS, theme="blue")


def test_grounds_are_those_of_the_app():
    config = tomllib.loads(Path(".streamlit/config.toml").read_text())["theme"]
    css = assets.text("attention/bertviz_views.css")
    for theme in ("light", "dark"):
        assert f"--paper: {config[theme]['backgroundColor']};" in css
        assert f".{theme} {{ --ink: {config[theme]['textColor']};" in css


def script_of_a_page(kind, n_tokens):
    import numpy as np

    from components.attention import bertviz_views

    n_layers, n_heads = 2, 3
    weights = np.tril(np.ones((n_layers, n_heads, n_tokens, n_tokens))) / n_tokens
    q = np.ones((n_heads, n_tokens, 4))
    here = weights if kind == "model" else weights[1]
    bertviz_views.show(kind, here, ["<b>"] * n_tokens, 1, 2, q, q)


@pytest.mark.parametrize(
    "kind, n_tokens, heads",
    [("head", 5, [0, 1, 2]), ("head", 40, [2]), ("neuron", 40, [2]), ("model", 5, [0, 1, 2])],
)
def test_show_draws_what_it_says(kind, n_tokens, heads):
    app = AppTest.from_function(script_of_a_page, args=(kind, n_tokens)).run()
    assert not app.exception
    page = app.get("iframe")[0].proto.srcdoc
    assert app.caption[0].value == bertviz_views.choice(kind, n_tokens, 2, 3).reason
    assert json.loads(html.unescape(re.search(r'data-heads="([^"]*)"', page)[1])) == heads
    assert ("layer 1" in page) == (kind != "model")
    assert app.get("download_button")


def test_show_draws_nothing_where_a_map_must_stand_in():
    app = AppTest.from_function(script_of_a_page, args=("head", 129)).run()
    assert not app.exception
    assert "A heat map replaces" in app.caption[0].value
    assert not app.get("iframe") and not app.get("download_button")
