"""What visitors type that no generator makes, on the Recall and the Memory page."""

import html

import pytest
from streamlit.testing.v1 import AppTest

from tests.app import remembering, tree
from tests.app.test_memory_page import ask, open_page, state_of, tell
from tests.app.test_recall_page import asked, cards, opened
from tests.unit.commands.test_bad_input import CASES, LONG, TALK, VALUES
from tests.waiting import PATIENCE_S

PAGES = ("control", "contradiction", "in the middle of 300 tokens", "at the end of 300 tokens")


def fresh(monkeypatch, tmp_path) -> AppTest:
    monkeypatch.setenv("MNEMOSCOPE_MODEL", str(remembering.without(tmp_path)))
    return AppTest.from_file("../../app.py", default_timeout=PATIENCE_S)


@pytest.mark.parametrize("name", PAGES)
def test_recall_shows_every_variant(name):
    case = CASES[name]
    fields = asked("\n".join(case["tell"]), case["ask"], case["answer"])
    app = opened(**fields | {"recall_distance": case.get("distance", 0)})
    assert len(cards(app)) == 5 and not app.exception and not app.error


def test_memory_is_told_and_asked_all_of_it(monkeypatch, tmp_path):
    app = fresh(monkeypatch, tmp_path)
    odd = " ".join(f"The boat is {value}." for value in VALUES.values())
    open_page(app)
    for text in (odd, odd, LONG, TALK, "The boat is in Oslo.", "The boat is in Rome."):
        tell(app, text)
    assert state_of(app).prompts[0] == odd and len(state_of(app).prompts) == 6
    for question in ("The boat is in", f"{TALK} The boat is", "...", VALUES["control"]):
        assert not ask(app, question).error
        names = app.selectbox(key="memory_fact").options
        assert len(names) > 20
    app.selectbox(key="memory_fact").set_value(f"1·{0}").run()
    assert not app.exception


def test_another_visitor_is_shown_no_value_of_the_first(monkeypatch, tmp_path):
    """Two visitors of one server: every text of the second page is free of what the first told."""
    first = fresh(monkeypatch, tmp_path)
    ask(tell(open_page(first), "The name of the boat is Zorvo."), "The name of the boat is")
    assert "Zorvo" in tree.html(first)
    second = AppTest.from_file("../../app.py", default_timeout=PATIENCE_S)
    ask(tell(open_page(second), "It rains."), "The name of the boat is")
    page = html.unescape(tree.html(second)) + "".join(m.value for m in second.markdown)
    assert "Zorvo" not in page and "Zorvo" not in str(tree.components(second))
    assert "Zorvo" not in str(second.selectbox(key="memory_fact").options)
