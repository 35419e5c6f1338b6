"""The memory page's whole answers: the model's own words, and no run that is not needed."""

import html
import re

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from components.kit import own_sentence
from components.kit.next_token import percent
from components.memory import answers, say
from components.memory import said as memory_said
from components.memory.said import TwoAnswers
from model.loading import checkpoint
from model.memory import answer, asking, telling
from model.memory.state import blank
from model.run import tokens, trace
from tests.app import remembering, tree
from tests.app.test_memory_page import FACT, HOSTILE, SETTINGS, ask, open_page, tell
from tests.waiting import PATIENCE_S

QUESTION = "Where do I live?"


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    return str(remembering.without(tmp_path_factory.mktemp("untrained")))


@pytest.fixture
def app(untrained, monkeypatch):
    monkeypatch.setenv("MNEMOSCOPE_MODEL", untrained)
    return AppTest.from_file("../../app.py", default_timeout=PATIENCE_S)


@pytest.fixture(scope="module")
def loaded(untrained):
    return checkpoint.load(untrained)


@pytest.fixture
def runs(monkeypatch):
    """How many tokens each run of an answer's steps ran."""
    n_run, real = [], answer.run

    def counted(*args, **more):
        made = real(*args, **more)
        n_run.append(made.n_run)
        return made

    monkeypatch.setattr(answer, "run", counted)
    return n_run


def frame(app) -> str:
    (found,) = re.findall(r'<div class="answers">.*', tree.html(app), re.DOTALL)
    return found[: found.index("</footer>")]


def sides(app) -> list[tuple[str, str]]:
    """(probability, words) with memory and without."""
    sections = re.findall(r"<section.*?<b>(.*?)</b>.*?class=\"words\">(.*?)</div></section>",
                          frame(app), re.DOTALL)
    return [(share, re.sub(r"<i>.*?</i>|<[^>]+>", "", words).strip()) for share, words in sections]


def verdict(app) -> str:
    return re.findall(r"<footer><b>(.*?)</b>", frame(app))[0]


def said(loaded, run) -> tuple[str, str]:
    (*_, last) = answer.say(loaded, run)
    return html.escape(percent(last.probability)), last.text.strip()


def spoken(text: str) -> answer.Answer:
    return answer.Answer(np.array([len(text)]), np.array([-0.1]), text, answer.SENTENCE)


def test_both_answers_are_the_models_own(app, loaded):
    ask(tell(open_page(app), FACT), QUESTION)
    state = telling.tell(loaded, blank(loaded), FACT, SETTINGS).state
    ids = tokens.encode(loaded.tokenizer, QUESTION)
    after = asking.ask(loaded, state, ids, SETTINGS).trace
    before = trace.run(loaded, np.r_[loaded.tokenizer.bos_token_id, ids])
    assert sides(app) == [said(loaded, after), said(loaded, before)]
    assert verdict(app) == "Memory changes the answer." and "product" in frame(app)


def test_what_was_typed_of_a_sentence_stands_pale_in_front(app):
    ask(tell(open_page(app), FACT), "Where do I live? I live in")
    assert frame(app).count("<i>I live in</i>") == 2


def test_both_say_the_same_and_the_page_says_so(app, runs):
    ask(open_page(app), QUESTION)
    assert verdict(app) == "Nothing is in memory yet: both say the same."
    one, other = sides(app)
    assert one == other and len(runs) <= answer.MOST  # one answer, not two
    ask(tell(app, FACT), QUESTION)
    app.button(key="variant gpt2").click().run()
    assert verdict(app) == say.EXACTLY
    one, other = sides(app)
    assert one == other


def test_a_near_miss_is_shown_as_such_with_its_numbers(app, monkeypatch):
    """Whatever this model says: memory answers with what was told of something else."""
    def follow(asked):
        yield TwoAnswers(spoken(" Rex."), spoken(" I do not know."), is_read=True)

    monkeypatch.setattr(memory_said, "follow", follow)
    ask(tell(open_page(app), "My dog is called Rex \u202e."), "What is my cat called?")
    assert verdict(app) == "Near miss: this was told of “dog”, you asked of “cat”."
    numbers = re.findall(r"<small title=.*?>(.*?)</small>", frame(app))[0]
    assert "lacks “cat”" in numbers and re.search(r"It has \d+\.\d % of the weight", numbers)
    assert re.search(r"its fit is \d+\.\d+\. So it is not read\.$", numbers) and "\u202e" not in frame(app)
    ask(app, "What is my dog called?")
    assert verdict(app) == "Memory changes the answer."


def test_a_near_miss_is_not_read_and_the_page_says_why(app):
    ask(tell(open_page(app), "My dog is called Zorin."), "My cat is called")
    one, other = sides(app)
    assert one == other and "Zorin" not in one[1]
    assert verdict(app) == "Near miss: this was told of “dog”, you asked of “cat”."
    assert "So it is not read." in frame(app)
    ask(app, "My dog is called")
    assert "Zorin" in sides(app)[0][1] and verdict(app) == "Memory changes the answer."


def test_an_empty_prompt_runs_nothing_and_the_frame_stays(app, runs):
    assert verdict(open_page(app)) == "Nothing is in memory yet: tell it something first."
    assert [words for _, words in sides(app)] == ["", ""]  # the dots are pale
    assert not runs
    tell(app, FACT)
    del runs[:]
    app.run()
    assert verdict(app).startswith("Now ask, in a new prompt") and not runs


def test_a_step_runs_new_tokens_only_and_a_view_none(app, runs):
    ask(tell(open_page(app), FACT), QUESTION)
    assert runs and max(runs) <= answer.MOST
    del runs[:]
    for view in ("slots", "weights", "reads"):
        ask(app, QUESTION, view)
    assert not runs


def test_a_key_that_the_answer_foresaw_runs_nothing(app, runs):
    ask(tell(open_page(app), FACT), "Where do")
    before = sides(app)
    assert before[1][1].startswith("I live")
    del runs[:]
    ask(app, "Where do I")
    assert sides(app)[1][1] == before[1][1].removeprefix("I ")
    assert len(runs) <= answer.MOST  # the one with memory may read other slots; the other runs none
    after = len(runs)
    app.button(key="variant gpt2").click().run()
    assert len(runs) == after


@pytest.mark.parametrize("is_full", (True, False))
def test_where_others_wait_the_answers_come_once_typing_rests(app, monkeypatch, is_full):
    tell(open_page(app), FACT)
    order, follow = [], memory_said.follow
    monkeypatch.setattr(answers.results, "others_wait", lambda: is_full)
    monkeypatch.setattr(answers.rest, "pause", lambda drawn: order.append("a rest"))
    monkeypatch.setattr(memory_said, "follow", lambda asked: order.append("answers") or follow(asked))
    ask(app, QUESTION)
    assert order[:order.index("answers")] == ["a rest"] * is_full
    assert "<i>…</i>" not in frame(app)


@pytest.mark.parametrize("text", [HOSTILE, "   ", "\n", '"', "5" * 40, "東京 🧠"])
def test_no_text_breaks_the_answers(app, text):
    tell(open_page(app), HOSTILE)
    ask(app, text)
    assert not app.error and "<script>" not in frame(app) and "\u202e" not in frame(app)


def test_the_visitors_own_sentence_comes_first(app):
    open_page(app)
    assert any(m.value.startswith("##### Tell it anything") for m in app.markdown)
    one = own_sentence.SENTENCES[1]
    app.button(key="sentence 1").click().run()
    assert app.session_state["prompt"] == one.tell
    app.button(key="remember").click().run()
    assert not any(m.value.startswith("##### Tell it anything") for m in app.markdown)
    app.button(key="ask_about").click().run()
    assert app.session_state["prompt"] == one.ask and not app.exception


@pytest.mark.parametrize("store", ["edm", "bank"])
def test_forgetting_takes_the_sentence_that_answers(store):
    """Not the sentence that the question mark happens to read most."""
    app = AppTest.from_file("../../app.py", default_timeout=PATIENCE_S)
    app.query_params.update(prompt="", memory_store=store, present="1", memory_forget="1")
    app.switch_page("pages/memory.py").run()
    tell(app, "My name is James Theory. I live in New York.")
    ask(app, "Where do I live?")
    assert "“<bdi>·I·live·in·New·York.</bdi>”" in tree.html(app)
