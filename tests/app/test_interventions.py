"""Attention's cuts, writers of a score and rollouts: the model's own numbers, and links that hold."""

import re

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from components.attention import choice
from components.attention.cuts import KIND
from model.analysis import cutting, rollout, score_parts
from model.loading import checkpoint
from model.run import tokens, trace
from model.run.cut_edges import CutEdge
from tests.app import tree
from tests.waiting import PATIENCE_S

PROMPT = "blue seven lamp river stone blue seven lamp river stone blue seven"


@pytest.fixture(scope="module")
def model():
    return checkpoint.load("embedded")


@pytest.fixture(scope="module")
def run(model):
    return trace.run(model, tokens.encode(model.tokenizer, PROMPT))


def opened(view: str, **link) -> AppTest:
    app = AppTest.from_file("../../app.py", default_timeout=PATIENCE_S)
    for name, value in {"prompt": PROMPT, "view": view, **link}.items():
        app.query_params[name] = str(value)
    app.switch_page("pages/attention.py")
    return app.run()


def message(app, key: str) -> dict:
    return next(sent for _, found, sent in tree.components(app) if found == key)


def says(app, number: float) -> bool:
    """Whether a number on the page is this one. The page's run may have gone on from a shorter
    prompt's: its last digits are others."""
    shown = re.findall(r'title="([-+.e0-9]+)"', tree.html(app))
    return any(float(one) == pytest.approx(number, rel=1e-3, abs=1e-9) for one in shown)


def test_the_chosen_cell_is_cut_at_once_and_kept_on_demand(model, run):
    app = opened("Cut", layer=4, head=7, query=13, key=4)
    assert not app.exception and not app.error
    change = cutting.effect(model, run, [CutEdge(13, 4, 4, 7)])
    assert change.kl_nats > 1e-4 and says(app, change.kl_nats)
    app.button(key="cut_keep").click().run()
    assert app.session_state["cuts"] == [CutEdge(13, 4, 4, 7)]
    address = tree.sent(app, "live_prompt")["address"]
    assert address["cuts"] == "13-4l4h7"
    app.button(key="undo cut 0").click().run()
    assert not app.session_state["cuts"] and not app.exception


def test_several_cuts_of_a_link_are_listed_and_undone_one_by_one(model, run):
    edges = [CutEdge(13, 4, 4, 7), CutEdge(13, 2), CutEdge(11, 0, 2, None, 0.5)]
    app = opened("Cut", cuts=KIND.write(edges))
    assert not app.exception and not app.error and not app.warning
    assert says(app, cutting.effect(model, run, edges).kl_nats)
    app.button(key="undo cut 1").click().run()
    assert app.session_state["cuts"] == [edges[0], edges[2]]
    assert says(app, cutting.effect(model, run, [edges[0], edges[2]]).kl_nats)


def test_a_row_without_a_key_is_a_sentence_and_can_be_undone():
    app = opened("Cut", cuts="0-0")
    assert not app.exception and "would read nothing" in app.warning[0].value
    app.button(key="undo cut 0").click().run()
    assert not app.exception and not app.warning


@pytest.mark.parametrize("said", ["0-1", "5", "3-1x99", "3-1xnan", "3-1h2", "x", "-".join("1" * 9), "1-0_" * 41])
def test_a_link_with_no_cuts_in_it_is_refused(said):
    with pytest.raises(ValueError):
        KIND.read(said)


@pytest.mark.parametrize("edges", [
    [CutEdge(5, 2, 1, 0)], [CutEdge(5, 2), CutEdge(4, 1, 2, None, -0.25)], [CutEdge(0, 0, 0, 0, 0.0)],
])
def test_cuts_read_back(edges):
    assert KIND.read(KIND.write(edges)) == edges


def test_a_cut_stays_on_its_words(monkeypatch):
    monkeypatch.setattr(st, "session_state", {})
    choice.follow_text(["a", "b", "c", "d"])
    choice.keep_cut(CutEdge(3, 2, 1))
    assert choice.follow_text(["a", "x", "y", "c", "d"])
    assert choice.chosen(choice.CUTS) == [CutEdge(4, 3, 1)]
    assert choice.follow_text(["a", "x", "y", "c", "z"])
    assert not choice.chosen(choice.CUTS)


def test_the_writers_sum_to_the_score(model, run):
    app = opened("Why here?", layer=3, head=6, query=12, key=3)
    assert not app.exception and not app.error
    found = score_parts.score_parts(model, run, 3, 6, 12, 3)
    sent = message(app, "score_writers")
    assert sent["part"].sum() == pytest.approx(found.score, abs=1e-3)
    assert sent["columns"][-1] == "others" and sent["signed"]


def test_rollouts_stand_beside_the_raw_weights(run, model):
    app = opened("Rollout", layer=2, head=0)
    assert not app.exception and not app.error
    rows = rollout.attention_rollout(model, run)[2]
    n = len(rows)
    sent = message(app, "rollout_rollout")["weights"]
    np.testing.assert_allclose(sent, rows[np.tril_indices(n)], atol=1e-5)
    assert "It leaves out" in "".join(c.value for c in app.caption)
