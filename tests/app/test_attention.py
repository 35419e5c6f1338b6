"""The attention page without a browser: what it sends is the model's own, whatever the prompt."""

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from model.analysis import attention
from model.loading import checkpoint
from model.run import tokens, trace
from tests.app import tree
from tests.waiting import PATIENCE_S

VIEWS = ["All heads", "One head", "Step by step", "Cut", "Why here?", "Rollout", "bertviz"]
PROMPT = "My name is James Theory. I live in New York. I live in"
HOSTILE = "<script>alert(1)</script> **bold** $x^2$ [a](b) \u202e abc \x00 🧠 e\u0301 ='+"


@pytest.fixture(scope="module")
def loaded():
    return checkpoint.load("embedded")


def open_page(prompt, **parameters):
    app = AppTest.from_file("../../app.py", default_timeout=PATIENCE_S)
    app.query_params["prompt"] = prompt
    for name, value in parameters.items():
        app.query_params[name] = str(value)
    return app.switch_page("pages/attention.py").run()


def messages(app) -> dict:
    """Component key -> its unpacked message."""
    found = {name: message for name, _, message in tree.components(app)}
    own = "attention_"
    return {name.removeprefix(own): found[name] for name in found if name.startswith(own)}


def test_the_map_is_the_models(loaded):
    app = open_page(PROMPT, layer=2, head=3, query=5, key=1)
    sent = messages(app)
    ids = tokens.encode(loaded.tokenizer, PROMPT)
    run = trace.run(loaded, ids)
    weights = attention.weights(loaded, run, 2, 3)
    rows, columns = np.tril_indices(len(ids))
    np.testing.assert_allclose(sent["map"]["weights"], weights[rows, columns], atol=1e-6)
    assert sent["map"]["tokens"] == tokens.display(loaded.tokenizer, ids)
    assert sent["map"]["chosen"] == {"query": 5, "key": 1}
    assert sent["grid"]["chosen"] == {"layer": 2, "head": 3}
    cell = attention.cell(loaded, run, 2, 3, 5, 1)
    assert sent["cell"]["weight"] == pytest.approx(cell.weight, rel=1e-5)
    assert sent["cell"]["products"].sum() == pytest.approx(sent["cell"]["score"], abs=1e-4)


def test_the_steps_lead_to_the_weights_and_to_the_residual_stream(loaded):
    sent = messages(open_page(PROMPT, view="Step by step", layer=1, head=2))["steps"]
    np.testing.assert_allclose(sent["scaled"], sent["scores"] * sent["scaling"], rtol=1e-5)
    assert sent["sum"] == pytest.approx(1, abs=1e-6)
    assert sent["error"] < 1e-4
    k = sent["k"].reshape(len(sent["positions"]), -1)
    np.testing.assert_allclose(k @ sent["q"], sent["scores"], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("text", ["a", "   ", "a b", HOSTILE, "word " * 700])
def test_no_prompt_breaks_any_view(view, text):
    app = open_page(text, view=view)
    assert not app.exception and not app.error


@pytest.mark.parametrize("view", VIEWS)
def test_an_empty_prompt_says_what_to_do(view):
    app = open_page("", view=view)
    assert not app.exception and not messages(app)
    assert "Type a prompt" in app.info[0].value


@pytest.mark.parametrize(
    "link",
    [
        {"layer": 99, "head": 99},
        {"query": 999, "key": 999},
        {"query": 2, "key": 7},
        {"view": "no such view"},
        {"layer": "<script>", "key": "1e9"},
        {"layer": "9" * 5000},
        {"shown": "no such fact"},
        {"view": "bertviz", "bertviz": "no such view"},
    ],
)
def test_nonsense_in_a_link_is_ignored(link):
    app = open_page(PROMPT, **link)
    sent = messages(app)
    assert not app.exception and not app.error
    if link.get("view") == "bertviz":
        assert app.session_state["bertviz"] == "head"
    else:
        assert sent["map"]["chosen"]["key"] <= sent["map"]["chosen"]["query"]
        assert "levels" in sent["grid"]  # the maps


def test_a_link_opens_the_fact_and_the_bertviz_view_it_names():
    sent = messages(open_page(PROMPT, shown="entropy"))
    assert "numbers" in sent["grid"] and "levels" not in sent["grid"]
    app = open_page(PROMPT, view="bertviz", bertviz="neuron")
    assert "neuron view" in " ".join(caption.value for caption in app.caption)
    assert not app.warning


def test_each_fact_is_shown_in_place_of_the_maps(loaded):
    app = open_page(PROMPT)
    run = trace.run(loaded, tokens.encode(loaded.tokenizer, PROMPT))
    facts = attention.survey(loaded, run).facts
    for name, numbers in facts.items():
        app.session_state["shown"] = name
        app.run()
        assert not app.exception
        np.testing.assert_allclose(messages(app)["grid"]["numbers"], numbers.ravel(), atol=1e-5)


def test_typing_keeps_the_chosen_head_and_follows_the_last_token():
    app = open_page(PROMPT)
    before = messages(app)
    app.session_state["prompt"] = PROMPT + " a house"
    after = messages(app.run())
    assert after["grid"]["chosen"] == before["grid"]["chosen"]
    assert after["map"]["chosen"]["query"] == len(after["map"]["tokens"]) - 1
    assert len(after["map"]["tokens"]) > len(before["map"]["tokens"])


def address(app) -> dict:
    """What the prompt box is told to keep in the address bar."""
    return tree.sent(app, "live_prompt")["address"]


@pytest.mark.parametrize("text", ["My name", "blue seven lamp river stone blue seven lamp"])
def test_a_row_that_is_gone_is_followed_no_more_and_leaves_the_address(text):
    app = open_page(PROMPT, query=9, key=3)
    assert messages(app)["map"]["chosen"] == {"query": 9, "key": 3}
    assert address(app)["query"] == "9"
    app.session_state["prompt"] = text
    sent = messages(app.run())
    assert sent["map"]["chosen"]["query"] == len(sent["map"]["tokens"]) - 1
    assert address(app)["query"] is None and address(app)["key"] is None
