"""The memory page says truly whether the bank was read, who found what, and if not, why not."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from components.memory import say
from model.memory.told_of import NotAsked
from tests.app import remembering, tree
from tests.app.test_memory_page import FACT, QUESTION, ask, open_page, sent, state_of, tell
from tests.waiting import PATIENCE_S


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(remembering.with_fake(tmp_path_factory.mktemp("trained")))


@pytest.fixture
def app(folder, monkeypatch):
    monkeypatch.setenv("MNEMOSCOPE_MODEL", folder)
    return AppTest.from_file("../../app.py", default_timeout=PATIENCE_S)


def told(app, **settings):
    """The page after a fact and with a question, under settings of its widgets."""
    open_page(app)
    for name, value in settings.items():
        app.session_state[name] = value
    return ask(tell(app, FACT), QUESTION)


def captions(app) -> str:
    return "\n".join(c.value for c in app.caption)


VETO = "AM is not read: memory changes the prediction by"


def test_a_veto_is_said_in_every_view_and_is_not_exactly_gpt2(app):
    told(app, mem_needed=1.0, memory_store="bank")
    reads = sent(app, "reads")
    assert reads["columns"] == [] and len(reads["guesses"]) == 2
    assert reads["unread"].startswith(VETO) and re.search(r"\(100(\.0*)? % needed\)\.$", reads["unread"])
    assert VETO in tree.html(app)
    assert VETO in captions(ask(app, QUESTION, "slots"))
    assert VETO in tree.html(ask(app, QUESTION, "gates"))


def test_in_the_edms_views_the_line_says_that_the_bank_is_not_read(app):
    told(app, mem_needed=1.0)
    assert sent(app, "reads")["columns"] and VETO in tree.html(app)


def test_the_line_says_what_fusion_reads_and_who_found_it(app):
    told(app, mem_needed=1e-4)  # untaught slots move very little
    kept = sent(told(app, memory_store="bank"), "reads")["columns"]
    n = len(np.unique(state_of(app).bank.slots.block[kept]))
    assert f"AM reads {n} sentence" in tree.html(app) and ": memory changes the" in tree.html(app)
    app.session_state["mem_needed"] = 0.0
    assert f"AM reads {n} sentence" in tree.html(app.run())
    assert "memory changes the" not in tree.html(app)


def test_an_edm_that_holds_nothing_says_so(app):
    told(app, mem_slots=0)
    assert sent(app, "reads")["unread"] == "The EDM is empty: there is no slot to read."
    ask(app, QUESTION, "slots")
    assert "Settings allow 0" in app.info[0].value
    app.session_state["mem_slots"] = 8
    n = state_of(app).external.n_evicted
    assert f"{n} were written, and all were evicted" in app.run().info[0].value


@pytest.mark.parametrize("share, needed, said", [
    (0.0, 0.3, "0 % (30 % needed)"), (0.004, 0.2, "less than 1 % (20 % needed)"),
    (0.58, 0.3, "58 % (30 % needed)"),
    (0.298, 0.3, "29.8 % (30.0 % needed)"), (0.3, 0.3, "30 % (30 % needed)"),
])
def test_a_share_below_what_is_needed_never_reads_like_enough(share, needed, said):
    assert say._changes(share, needed) == f"changes the prediction by {said}"


def test_what_does_not_fit_the_window_is_said():
    recalled = SimpleNamespace(moved=None, not_asked=NotAsked())
    asked = SimpleNamespace(kept=[], recalled=recalled)
    now = SimpleNamespace(settings=SimpleNamespace(modules={"am"}, needed=0.3),
                          state=SimpleNamespace(bank=[0]), asked=asked)
    assert say.fusion(now) == (
        "AM is not read: no stored sentence fits the window beside this prompt."
    )
