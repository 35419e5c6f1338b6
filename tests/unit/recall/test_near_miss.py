"""Near misses: told of one thing, asked of another; and what is none."""

from dataclasses import replace

import numpy as np
import pytest

from model.loading import checkpoint
from model.memory import asking, shared_words, telling
from model.memory.settings import FusionSettings, Settings
from model.memory.state import blank
from model.recall import headline_cases, near_miss, open_probes, told_facts
from model.run import tokens

NEAR = (
    ("My dog is called Rex.", "What is my cat called? It is", "Rex.", "dog", "cat"),
    ("My dog is called Rex.", "My cat is called", "Rex.", "dog", "cat"),
    ("The code of the office is 4711.", "What is the code of the cabin?", "It is 4711.", "office",
     "cabin"),
    ("My sister lives in Zanzor.", "Where does my brother live?", "She lives in Zanzor.", "sister",
     "brother"),
    ("The ferry from Lubra arrives on Friday.", "Which ferry arrives on Sunday?",
     "The ferry from Lubra.", "Friday", "Sunday"),
    ("Anna paints with Mocor.", "What does Bruno paint with?", "Mocor.", "Anna", "Bruno"),
)
NONE = (
    ("My dog is called Rex.", "What is my dog called?", "Your dog is called Rex."),  # a question
    ("My dog is called Rex.", "What is the name of my dog?", "Rex."),  # other words
    ("Mother planted Lubra behind the greenhouse.", "What did Mother plant behind the greenhouse?",
     "She planted Lubra."),  # another tense
    ("I live in Zanzor.", "Where do I live?", "You live in Zanzor."),
    ("The spare key is under the pot.", "Where is the spare key?", "It is under the pot."),
    ("The chess club meets at Vinlu on Mondays.", "On Mondays the chess club meets at", "Vinlu."),
    ("We named the puppy Drozed.", "You named the puppy", "Drozed."),  # turned
    ("Grandpa hid the spoon under Hapgar.", "The spoon was hidden under", "Hapgar."),  # passive
    ("🧠🦊", "Where?", "🦊"), ("私は東京に住む。", "私はどこに住む?", "東京"),
)


@pytest.fixture(scope="module")
def embedded():
    return replace(checkpoint.load("embedded", device="cpu"), memory=None)


def found(loaded, told, question, said, without="", settings=Settings()):
    """The near miss of an answer after these prompts were told."""
    state = blank(loaded)
    for text in told:
        state = telling.tell(loaded, state, text, settings).state
    asked = asking.ask(loaded, state, tokens.encode(loaded.tokenizer, question), settings)
    facts = [fact for number, text in enumerate(told, 1)
             for fact in told_facts.sentences(loaded, text, number)]
    return near_miss.find(loaded, state, asked, facts, question, said, without), asked


@pytest.mark.parametrize("told, question, said, own, other", NEAR)
def test_told_of_one_asked_of_another(embedded, told, question, said, own, other):
    miss, asked = found(embedded, ["It rains in the morning.", told], question, said)
    assert (miss.told, miss.asked) == (own, other)
    assert other in miss.lacks and miss.fact.text == told
    assert 0 < miss.share < 1 and miss.fit in asked.relevance.values()


@pytest.mark.parametrize("told, question, said", NONE)
def test_what_is_no_near_miss(embedded, told, question, said):
    assert found(embedded, [told], question, said)[0] is None


def test_the_right_sentence_told_too_is_no_near_miss(embedded):
    """Two sentences hold what is said: one of them was told of what is asked."""
    both = ["My dog is called Rex.", "My cat is called Rex."]
    assert found(embedded, both, "What is my cat called?", "Rex.")[0] is None


def test_memory_must_have_put_the_words_there(embedded):
    told, question, always = ["My dog is called Rex."], "What is my cat called?", Settings().with_fusion(needed=0.0)
    assert found(embedded, told, question, "I do not know.", settings=always)[0] is None
    assert found(embedded, told, question, "Rex.", without="It is Rex.", settings=always)[0] is None


def test_what_memory_left_out_is_named_whatever_is_said(embedded):
    told, question = ["My dog is called Rex."], "What is my cat called?"
    miss, asked = found(embedded, told, question, "I do not know.", without="I do not know.")
    assert (miss.told, miss.asked, miss.is_read) == ("dog", "cat", False) and asked.trace.reading is None
    assert miss.fact.text == told[0] and miss.fit in asked.relevance.values() and miss.lacks == ("cat",)


def test_a_sentence_that_left_answers_nothing(embedded):
    told, small = ["My dog is called Rex.", "It rains."], Settings(FusionSettings(slots=3), policy="fifo")
    assert found(embedded, told, "What is my cat called?", "Rex.", settings=small)[0] is None


def test_shares_of_the_questions_words():
    """By hand: of 2 texts "a" stands in both and weighs ln 2; "b" in one, "c" in none: ln 3."""
    shares = shared_words.shares(["A b.", "a"], "a b c")
    whole = np.log(2) + 2 * np.log(3)
    assert np.allclose(shares, [(np.log(2) + np.log(3)) / whole, np.log(2) / whole])
    assert not shared_words.shares(["a"], "?").any() and len(shared_words.shares([], "a")) == 0


def test_on_held_out_sentences_it_sees_most_and_is_seldom_wrong(embedded):
    """Floors, below what was measured: 73 % of near misses, 3 % of questions about what was told."""
    seen, wrong = [], []
    for one in open_probes.held_out(400, 5):
        own = next((text for text in one.tell if one.answer.strip() in text), None)
        if own:
            wrong.append(near_miss.exchanged_word(embedded, own, one.ask, one.answer))
        other = headline_cases.near_miss_of(one) if len(one.tell) > 1 else None
        if other:
            seen.append(near_miss.exchanged_word(embedded, other.tell[0], other.ask, other.wrong))
    assert len(seen) > 50 and np.mean([pair is not None for pair in seen]) >= 0.6
    assert len(wrong) > 300 and np.mean([pair is not None for pair in wrong]) <= 0.06
