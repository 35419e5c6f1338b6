"""The residual page: every view with any prompt, and numbers that are the model's own."""

import html
import re

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from components.kit.units import show_number
from model.analysis import ablation, attribution, lens
from model.loading import checkpoint
from model.run import tokens, trace
from tests.app import tree
from tests.waiting import PATIENCE_S

VIEWS = ("Stream", "Logit lens", "Who made this logit", "Switch off", "MLP", "LayerNorm")
PROMPT = "Mary lives in Paris. Tom lives in Rome. Where does Mary live? Mary lives in"


def opened(view: str, **link) -> AppTest:
    """The app at /residual?residual_view=view&… as a link opens it."""
    app = AppTest.from_file("../../app.py", default_timeout=PATIENCE_S)
    for name, value in {"residual_view": view, "prompt": PROMPT, **link}.items():
        app.query_params[name] = value
    return app.switch_page("pages/residual.py").run()


def words_of(app) -> str:
    """Everything drawn with st.html, tags taken out."""
    return html.unescape(re.sub(r"<[^>]+>", " ", tree.html(app)))


def captions(app) -> str:
    return " ".join(caption.value for caption in app.caption)


@pytest.fixture(scope="module")
def model():
    return checkpoint.load("embedded")


@pytest.fixture(scope="module")
def run(model):
    return trace.run(model, tokens.encode(model.tokenizer, PROMPT))


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(
    "prompt", ["Hello", PROMPT, "<script>alert(1)</script> $x$ `", "naïve 東京 🧠", "word " * 3000]
)
def test_every_view_with_any_prompt(view, prompt):
    app = opened(view, prompt=prompt)
    assert not app.exception and not app.error
    assert "<script>" not in tree.html(app)


@pytest.mark.parametrize("view", VIEWS)
def test_an_empty_prompt_says_what_to_do(view):
    app = opened(view, prompt="")
    assert not app.exception and not app.error
    assert "Type a prompt" in app.info[0].value


@pytest.mark.parametrize(
    "view, link",
    [
        ("Stream", {"at": "999"}),
        ("Logit lens", {"lens_row": "50"}),
        ("Who made this logit", {"logit_of": "999999", "logit_against": "888888"}),
        ("Switch off", {"off": "99h1-0h77-<b>-3mlp-", "off_fill": "nonsense"}),
        ("MLP", {"layer": "77"}),
        ("LayerNorm", {"norm": "999"}),
        ("nonsense", {}),
    ],
)
def test_a_link_to_what_is_not_there_is_forgiven(view, link):
    app = opened(view, **link)
    assert not app.exception and not app.error


def test_the_lens_lists_the_tokens_of_the_chosen_cell(model, run):
    page = words_of(opened("Logit lens", lens_row="3", at="9"))
    top = lens.top_tokens(model, run, 3, 9, 20)
    assert "After layer 2, having read 9" in page
    for text, p in zip(top.texts, top.probability):
        assert text in page
    assert f"{100 * top.probability[0]:.1f} %" in page


def test_the_attribution_adds_up_on_the_page(model, run):
    best = int(run.next_logits.argmax())
    found = attribution.attribute(model, run, len(run) - 1, best)
    page = words_of(opened("Who made this logit"))
    assert page.count(f"{found.logit:.3f}") == 2  # the logit, and the sum of its parts
    assert "sum of 63 parts" in page and "49 folded into rest" in page
    assert f"{found.sigma:.3f}" in captions(opened("Who made this logit"))


def test_any_token_can_be_linked_and_compared(model, run):
    """Typing one is tested in a browser: AppTest knows no new options."""
    a, b = (int(tokens.encode(model.tokenizer, word)[0]) for word in (" the", " king"))
    found = attribution.attribute(model, run, 5, a, against=b)
    page = words_of(opened("Who made this logit", logit_of=str(a), logit_against=str(b), at="5"))
    assert f"{found.logit:.3f}".replace("-", "−") in page


def test_switching_off_shows_the_change(model, run):
    off = ablation.Off(heads=frozenset({(2, 5)}), mlps=frozenset({0}))
    at = len(run) - 1
    with torch.inference_mode():
        change = ablation.compare(
            model, ablation.logits(model, run, ablation.Off(), at),
            ablation.logits(model, run, off, at),
        )
    app = opened("Switch off", off="2h5-0mlp")
    page = words_of(app)
    assert f"{change.kl_nats:.4g}" in page and "2 parts off" in re.sub(r"\s+", " ", page)
    assert "layer 2 head 5, MLP of layer 0" in " ".join(m.value for m in app.markdown)
    app.button(key="all_on").click().run()
    assert "bit for bit" in " ".join(m.value for m in app.markdown)


def test_zero_and_mean_differ():
    zero, mean = (words_of(opened("Switch off", off="0mlp", off_fill=x)) for x in ("zero", "mean"))
    assert zero != mean


def test_nothing_off_is_no_change_and_the_head_that_matters_most_is_shown(model, run):
    at = len(run) - 1
    untouched = ablation.logits(model, run, ablation.Off(), at)
    assert ablation.compare(model, untouched, untouched).kl_nats == 0
    every = [ablation.Off(heads=frozenset({(layer, head)})) for layer in range(6) for head in range(8)]
    changes = [
        ablation.compare(model, untouched, ablation.logits(model, run, off, at)).kl_nats
        for off in every
    ]
    most = int(np.argmax(changes))
    app = opened("Switch off")
    page, said = words_of(app), " ".join(m.value for m in app.markdown)
    assert f"What if layer {most // 8} head {most % 8} were off?" in said and "bit for bit" in said
    assert show_number(changes[most], 3) in page and "1 part off" in re.sub(r"\s+", " ", page)


def test_the_mlp_names_its_function_and_ten_neurons():
    app = opened("MLP", layer="1", at="4")
    assert "gelu_new" in captions(app) and "tanh" in captions(app)
    assert tree.html(app).count("<tr>") == 11


def test_damaged_weights_are_an_error_that_names_the_place(tmp_path, monkeypatch, model):
    import copy

    damaged = copy.deepcopy(model.model)
    damaged.transformer.h[2].attn.c_proj.bias[0] = float("nan")
    damaged.save_pretrained(tmp_path)
    model.tokenizer.save_pretrained(tmp_path)
    monkeypatch.setenv("MNEMOSCOPE_MODEL", str(tmp_path))
    for view in VIEWS:
        app = opened(view)
        assert not app.exception, view
        said = app.error[0].value
        assert "infini" in said and "NaN" in said, view


@pytest.mark.parametrize("view, name, value", [
    ("Stream", "stream_shown", "cosine"), ("Logit lens", "lens_shown", "came_probability"),
])
def test_a_link_carries_what_the_grid_shows(view, name, value):
    app = opened(view, **{name: value})
    assert app.segmented_control(key=name).value == value
    assert tree.sent(app, "live_prompt")["address"][name] == value
    assert not opened(view, **{name: "<b>"}).exception
