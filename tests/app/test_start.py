"""The start page and the frame: real numbers, any prompt, nothing that executes."""

import re
import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from components.frame import model_picker
from tests.app import tree
from tests.waiting import PATIENCE_S

HOSTILE = "<script>alert(1)</script> **bold** $x^2$ [a](b) \u202e abc \x00 🧠 e\u0301"


@pytest.fixture
def app():
    return AppTest.from_file("../../app.py", default_timeout=PATIENCE_S)


def html_of(app) -> str:
    """Everything the page drew as HTML or in the cards, in one string."""
    cards = [m["cards"] for name, _, m in tree.components(app) if name == "card_row"]
    return tree.html(app) + "\n".join(card["html"] + card["page"] for row in cards for card in row)


def with_prompt(app, text):
    app.query_params["prompt"] = text
    return app.run()


def test_the_five_memories_are_this_models(app):
    page = html_of(with_prompt(app, "Hello world"))
    from model.loading import checkpoint
    from model.run import tokens

    loaded = checkpoint.load("embedded")
    n = len(tokens.encode(loaded.tokenizer, "Hello world"))
    config = loaded.model.config
    assert not app.exception
    assert f"{n} of {config.n_positions}" in page
    assert f"{config.n_positions} × {config.n_embd}" in page
    for name in ("Parametric", "Context", "Working", "Positional", "External"):
        assert name in page
    ways = set(re.findall(r"pages/\w+\.py", page))
    assert len(ways) == 5 and all((Path(__file__).parents[2] / way).exists() for way in ways)


@pytest.mark.parametrize("text", ["a", "   ", "\n\n", HOSTILE, "word " * 3000, "\x00" * 9])
def test_no_prompt_breaks_it(app, text):
    with_prompt(app, text)
    assert not app.exception and not app.error
    assert "<script>" not in html_of(app)


def test_the_empty_prompt_says_what_to_do(app):
    app.run()
    app.session_state["prompt"] = ""
    app.run()
    assert not app.exception
    assert "0 of" in html_of(app)
    assert [x.value for x in app.info] == [
        "No token yet, so nothing flows. Type a prompt above, or choose an example."]


def test_a_long_prompt_says_what_was_left_out_and_where(app):
    with_prompt(app, "word " * 3000)
    words = app.warning[0].value
    assert "left out" in words and "at its start" in words
    app.session_state["cut"] = "end"
    app.run()
    assert "at its end" in app.warning[0].value


@pytest.mark.parametrize("turn", ["first", "second"])
def test_no_test_meets_the_visitors_of_another(turn):
    shelf = model_picker._shelf()
    assert not shelf.loaded and not shelf.seats
    shelf.seats["a visitor"] = ("a folder", "auto", "auto"), time.monotonic()
    shelf.loaded["a folder", "auto", "auto"] = None
