"""Which link broke, as the Recall and the Memory page draw it."""

import re
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from components.frame import link_row
from model.loading import checkpoint
from model.memory import asking, telling
from model.memory.settings import FusionSettings, Settings
from model.memory.state import blank
from model.recall import chain as recall_chain
from model.recall import probe, told_facts
from model.recall.chain import Chain
from model.recall.link import NAMES, Link
from model.recall.probe import Probe
from model.recall.told_facts import ToldSentence
from model.run import tokens
from tests.app import remembering, tree
from tests.app.test_memory_page import FACT, QUESTION, ask, open_page, tell
from tests.app.test_recall_page import asked, opened
from tests.waiting import PATIENCE_S

SETTINGS = Settings().with_slots(128)


@pytest.fixture(scope="module")
def loaded():
    return replace(checkpoint.load("embedded"), memory=None)


@pytest.fixture
def app(tmp_path_factory, monkeypatch):
    folder = str(remembering.without(tmp_path_factory.mktemp("untrained")))
    monkeypatch.setenv("MNEMOSCOPE_MODEL", folder)
    return AppTest.from_file("../../app.py", default_timeout=PATIENCE_S)


def drawn(page: str) -> list[tuple[str, str]]:
    """(name, whether it holds, as drawn) of each link."""
    return re.findall(r'data-link="(\w+)" data-passed="(\w+)"', page)


def chain_of(loaded, given: Probe, settings=SETTINGS):
    plan, own = probe.prepare(loaded, given), probe.settings_for("gpt2+am", settings)
    one = probe.outcome(loaded, plan, probe.told(loaded, plan, own), own)
    return recall_chain.of_outcome(loaded, one)


def test_green_until_the_break_then_grey():
    passed = (True, True, False, None, True)
    links = tuple(Link(name, p, 1.0, "rank", f"About {name} <b>.") for name, p in zip(NAMES, passed))
    page = link_row.row(Chain(ToldSentence(1, 0, 3, "I am <i>."), links))
    assert drawn(page) == list(zip(NAMES, ("True", "True", "False", "None", "None")))
    assert "<b>About retrieved &lt;b&gt;." in page and "I am &lt;i&gt;." in page
    assert page.index("About retrieved &lt;b&gt;.</b>") < page.rindex("About said &lt;b&gt;.")


def test_recall_shows_that_all_links_hold(loaded):
    page = tree.html(opened())
    assert drawn(page) == [(name, "True") for name in NAMES]
    assert "Said: “New York.”<" in page


def test_recall_names_the_link_that_broke_with_its_numbers(loaded):
    """Distance pushes the fact out: evicted, by whom and when."""
    given = Probe((FACT,), "Where do I live? You live in", " New York", 500)
    page = tree.html(opened(**asked(FACT, given.ask, given.answer, recall_distance=500,
                                    recall_policy="fifo")))
    chain = chain_of(loaded, given, replace(SETTINGS, policy="fifo"))
    assert chain.broken.name == "kept" and chain.broken.sentence in page
    assert drawn(page) == list(zip(NAMES, ("True", "False", "None", "None", "None")))
    assert f"gone after prompt {chain.broken.number} was told" in page


def test_recall_without_an_answer_or_slots_draws_no_links():
    assert not drawn(tree.html(opened(**asked(FACT, "What is my job?"))))
    assert not drawn(tree.html(opened(variant="gpt2")))
    assert not drawn(tree.html(opened(**asked(FACT, "Where do I live?", " Oslo"))))


def test_memory_follows_the_sentence_that_the_question_finds_first(app, loaded):
    ask(tell(open_page(app), FACT), QUESTION)
    settings = Settings(fusion=FusionSettings(slots=128))
    state = telling.tell(loaded, blank(loaded), FACT, settings).state
    found = asking.ask(loaded, state, tokens.encode(loaded.tokenizer, QUESTION), settings)
    first, _ = told_facts.sentences(loaded, FACT, 1)
    page = tree.html(app)
    assert "“<bdi>I live in New York.</bdi>”" in page
    assert drawn(page) == [(name, "True") for name in NAMES]
    assert "<small>probability " in page
    assert "found first: “I live in New York.”" in app.selectbox(key="memory_fact").proto.placeholder

    app.selectbox(key="memory_fact").set_value("1·0").run()
    chain = recall_chain.of_question(loaded, state, found, settings, first, settings, [state])
    page = tree.html(app)
    assert not app.exception and "“<bdi>My name is James Theory.</bdi>”" in page
    assert chain.broken.sentence in page and dict(drawn(page))[chain.broken.name] == "False"


def test_memory_says_when_a_sentence_left(app):
    tell(tell(open_page(app), FACT), "It rains in the morning.")
    app.session_state["mem_budget"] = 6
    tell(app, "The wind is cold and the sea is grey.")
    ask(app, QUESTION)
    app.selectbox(key="memory_fact").set_value("1·8").run()
    page = tree.html(app)
    assert dict(drawn(page))["kept"] == "False" and "gone after prompt 3 was told" in page


def test_memory_without_question_or_fact_draws_no_links(app):
    assert not drawn(tree.html(ask(open_page(app), QUESTION)))
    assert not drawn(tree.html(ask(tell(app, FACT), "")))
