"""Memory's answers name a near miss, with its numbers; nothing else is named so."""

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from components.frame import visit
from components.memory import answers
from components.memory.said import TwoAnswers
from model.loading import checkpoint
from model.memory import asking, telling
from model.memory.answer import SENTENCE, Answer
from model.memory.settings import Settings
from model.memory.state import blank
from model.run import tokens


@pytest.fixture(scope="module")
def embedded():
    return replace(checkpoint.load("embedded", device="cpu"), memory=None)


def drawn(embedded, monkeypatch, told, question, said, without=" I do not know.",
          is_read=True):
    """The footer below the two answers; is_read: whatever the prompt asks."""
    settings = Settings().with_fusion(needed=0.0) if is_read else Settings()
    monkeypatch.setattr(visit, "checkpoint", lambda: embedded)
    monkeypatch.setattr(visit, "mark", lambda: "near miss")
    state = telling.tell(embedded, blank(embedded), told, Settings()).state
    found = asking.ask(embedded, state, tokens.encode(embedded.tokenizer, question), settings)
    now = SimpleNamespace(text=question, key=told, state=state, now=SimpleNamespace(state=state),
                          asked=SimpleNamespace(recalled=found))
    spoken = (Answer(np.array([len(text)]), np.array([-0.1]), text, SENTENCE)
              for text in (said, without))
    page = answers._answers(now, TwoAnswers(*spoken, is_read))
    return re.findall(r"<footer><b>(.*?)</b><small title=\".*?\">(.*?)</small>", page)[0]


def test_a_near_miss_is_named_with_its_numbers(embedded, monkeypatch):
    said, numbers = drawn(embedded, monkeypatch, "My dog is called Rex \u202e<b>.",
                          "What is my cat called?", " Rex.")
    assert said == "Near miss: this was told of “dog”, you asked of “cat”."
    assert "lacks “cat”. It has" in numbers and re.search(r"its fit is \d+\.\d+\.$", numbers)
    assert "\u202e" not in numbers and "<b>" not in numbers


def test_one_that_is_not_read_is_named_too(embedded, monkeypatch):
    said, numbers = drawn(embedded, monkeypatch, "My dog is called Rex.", "My cat is called", " A stone.",
                          " A stone.", is_read=False)
    assert said == "Near miss: this was told of “dog”, you asked of “cat”."
    assert numbers.endswith(" So it is not read.")


@pytest.mark.parametrize("question, said", [
    ("What is my dog called?", " Rex."), ("What is my cat called?", " I do not know.")])
def test_nothing_else_is(embedded, monkeypatch, question, said):
    words, legend = drawn(embedded, monkeypatch, "My dog is called Rex.", question, said,
                          without=" A stone.")
    assert words == "Memory changes the answer." and "product" in legend
