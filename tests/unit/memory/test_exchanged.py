"""Near misses from the words alone: told of one thing, asked of another; and what is none."""

import random
import re

import numpy as np
import pytest

from model.memory import asking, exchanged, telling, told_of
from model.memory.exchanged import Exchange
from model.memory.settings import Settings
from model.memory.slots import empty
from model.memory.state import blank
from model.recall import curves, headline_cases, open_probes
from model.recall.open_asking import turned
from model.run import tokens

NEAR = (
    ("My dog is called Zorin.", "My cat is called", "dog", "cat"),
    ("My dog is called Zorin.", "What is my cat's name? It is", "dog", "cat"),
    ("Anna paints with Mocor.", "What does Bruno paint with?", "Anna", "Bruno"),
    ("Auntie has always been known for Zorin.", "Who is Grandpa known for?", "Auntie", "Grandpa"),
    ("The silver cup is under Photes.", "Where is the silver spoon?", "cup", "spoon"),
    ("The northern class breaks Mopurk.", "What does the northern train break?", "class", "train"),
    ("His teacher is Mr Plonk.", "Who is her teacher?", "His", "her"),
    ("I live in Zanzor.", "Where does my brother live?", "I", "brother"),
    ("My sister lives in Zanzor.", "Where do I live?", "sister", "I"),
    ("Room 12 belongs to Ferd.", "Who does room 14 belong to?", "12", "14"),
    ("The class on Tuesday is in Belfar.", "Where is the class on Thursday?", "Tuesday", "Thursday"),
    ("Her new lamp was made by Zorin a week ago.", "Who made her new chair a week ago?", "lamp", "chair"),
    ("At four Zara saved the Nirk bath.", "Which towel did Zara save on Friday?", "four", "Friday"),
    ("We met Tirla in Rome.", "It rains. Whom did we meet in Paris?", "Rome", "Paris"),
)
NONE = (
    ("My dog is called Zorin.", "What is the name of my dog?"),
    ("My dog is called Zorin.", "What is my dog's name? It is"),
    ("My dog is named Zorin.", "Do you remember what my dog is called?"),
    ("My cat Zorin likes tuna.", "What does my cat like?"),
    ("I live in Zanzor.", "In which city do I live?"),
    ("My sister Anna lives in Zanzor.", "Where does Anna live?"),
    ("The wifi password is Brilko.", "What is the password for the wifi?"),
    ("I parked the car at Zindel.", "Where is the car parked?"),
    ("The train to Zorin leaves at noon.", "When does the train to Zorin leave?"),
    ("Lena sold her bike to Omar.", "To whom did Lena sell her bike?"),
    ("Anna bought milk at Zorin.", "Where did Anna buy milk?"),
    ("My mother is Helga.", "Who is my mum?"),
    ("My uncle plays the zither.", "Which instrument does my uncle play?"),
    ("The king of Arvonia is Telmar.", "Who rules Arvonia?"),
    ("My dog is called Zorin.", "My cat"),  # the last word may go on
    ("🧠🦊", "Where?"), ("私は東京に住む。", "私はどこに住む?"), ("", ""), ("…", "?"), ("“'” ‹", "'s s's"),
)


@pytest.mark.parametrize("told, prompt, own, other", NEAR)
def test_told_of_one_asked_of_another(told, prompt, own, other):
    assert exchanged.exchanged(told, prompt) == Exchange(own, other)


@pytest.mark.parametrize("told, prompt", NONE)
def test_what_is_no_near_miss(told, prompt):
    assert exchanged.exchanged(told, prompt) is None


@pytest.fixture(scope="module")
def probes():
    return open_probes.held_out(400, 17)


def test_words_said_again_are_never_a_near_miss(probes):
    for told in (text for one in probes for text in one.tell):
        said = told.split()
        for n in range(1, len(said) + 1):
            assert exchanged.exchanged(told, " ".join(said[:n])) is None


def test_mine_turned_to_yours_is_never_a_near_miss(probes):
    for told in (text for one in probes for text in one.tell):
        assert exchanged.exchanged(told, turned(told)) is None, told


def test_on_held_out_sentences_it_sees_most_and_is_seldom_wrong(probes):
    """Floors, below what was measured: 88 % of near misses, 0.3 % of questions about what was told."""
    seen, wrong = [], []
    for one in probes:
        own = next((text for text in one.tell if one.answer.strip() in text), None)
        other = headline_cases.near_miss_of(one) if len(one.tell) > 1 else None
        if own:
            wrong.append(exchanged.exchanged(own, one.ask))
        if other:
            seen.append(exchanged.exchanged(other.tell[0], other.ask))
    assert len(seen) > 80 and np.mean([pair is not None for pair in seen]) >= 0.8
    assert len(wrong) > 350 and np.mean([pair is not None for pair in wrong]) <= 0.015


@pytest.mark.parametrize("talk", [
    "It rains. That gentle statue was left without a sound", "This old parcel waited before noon"])
def test_talk_that_no_mark_ends_is_not_what_is_asked(probes, talk):
    """A floor: 1.5 and 3.4 % were measured; where the capital of a sentence said nothing, 14 and 22 %."""
    facts = [(text, one.ask) for one in probes for text in one.tell if one.answer.strip() in text]
    wrong = [exchanged.exchanged(told, f"{talk} {ask}") for told, ask in facts]
    assert len(wrong) > 350 and np.mean([pair is not None for pair in wrong]) <= 0.05


@pytest.mark.parametrize("prompt, part", [
    ("I had tea. What is my cat called? It is", "What is my cat called? It is"),
    ("Where? My cat is called", "Where? My cat is called"),
    ("My dog barks. My cat is called", "My cat is called"), ("", ""),
])
def test_what_a_prompt_asks(prompt, part):
    assert exchanged.asking_part(prompt) == part


def ask(loaded, told, prompt, settings):
    state = blank(loaded)
    for text in told:
        state = telling.tell(loaded, state, text, settings).state
    ids = tokens.encode(loaded.tokenizer, prompt)
    return state, asking.ask(loaded, state, ids, settings)


def test_a_near_miss_is_not_read(able):
    """Neither by fusion nor by the EDM: exactly the run without them."""
    settings = Settings(modules=frozenset({"am", "edm"})).with_fusion(needed=1e-9)
    told = ["My dog is called Rex."]
    state, asked = ask(able, told, "My cat is called", settings)
    assert len(state.bank) and len(state.external)
    assert asked.not_asked.pairs == {"My dog is called Rex.": Exchange("dog", "cat")}
    assert asked.trace.reading is None and asked.trace.graft is None and not len(asked.kept)
    plain = asking.plain(able, tokens.encode(able.tokenizer, "My cat is called"))
    assert (asked.trace.next_logits == plain.next_logits).all()
    _, right = ask(able, told, "My dog is called", settings)
    assert len(right.kept) and right.trace.graft.external.filled.all()


def test_only_the_near_miss_is_left_out(able):
    settings = Settings(modules=frozenset({"am", "edm"})).with_fusion(needed=1e-9, fits=0.0)
    state, asked = ask(able, ["My dog is called Rex.", "My cat is called Tom."], "My cat is called", settings)
    left_out = {str(text) for text in state.bank.slots.around[asked.not_asked.bank]}
    assert len(left_out) == 1 and "dog" in left_out.pop()
    assert set(asked.kept) == set(np.flatnonzero(~asked.not_asked.bank))
    filled = asked.trace.graft.external.filled[0].cpu().numpy()
    assert (filled == ~asked.not_asked.external).all() and 0 < filled.sum() < len(filled)


def test_beside_a_near_miss_the_edm_does_not_answer_with_anything_else(able):
    settings = Settings(modules=frozenset({"am", "edm"})).with_fusion(needed=1e-9)
    _, asked = ask(able, ["My dog is called Rex.", "It rains in Lubra."], "My cat is called", settings)
    assert asked.not_asked.external.all() and not asked.not_asked.bank.all()
    assert asked.trace.graft is None


def test_what_is_always_read_is_read(able):
    settings = Settings(modules=frozenset({"am", "edm"})).with_fusion(needed=0.0)
    _, asked = ask(able, ["My dog is called Rex."], "My cat is called", settings)
    assert len(asked.kept) and asked.trace.graft is not None and not asked.not_asked.pairs


def test_an_empty_store_has_no_near_misses(able):
    found = told_of.not_asked(able, empty(), empty(), "What?")
    assert not found.pairs and not len(found.bank) and not len(found.external)


TALK = ("He had many troubles and many wars, and his brother was the Emperor. \u201cWhat do you mean?\u201d "
        "cried Alice. Then the time of the old king came to an end, and so the mock turtle sat there "
        "and sang of beautiful soup while the moon rose over the hills and all of them were very ")


@pytest.mark.parametrize("told, ask", [
    ("We gave two rubles for the boat.", "What did we give for the boat? We gave"),
    ("My dog is called Zorin.", "My dog is called"),
    ("The axe of the bridge is red.", "The axe of the bridge is"),
    ("Ko wrote the article about the choir.", "Who wrote the article about the choir? It was written by"),
])
def test_other_talk_before_the_question_makes_no_near_miss(told, ask):
    assert exchanged.exchanged(told, TALK + ask) is None
    assert exchanged.exchanged(told, TALK + "quiet. " + ask) is None


def test_a_near_miss_is_seen_behind_other_talk_too():
    assert exchanged.exchanged("My dog is called Zorin.", TALK + "quiet. What is my cat called?") == ("dog", "cat")
    assert exchanged.exchanged("My dog is called Zorin.", TALK + "quiet. My cat is called") == ("dog", "cat")


def test_no_question_of_the_known_kinds_is_a_near_miss_of_its_own_fact():
    """Told and asked in every wording of the curves, one of them in other words than the other."""
    for seed in range(150):
        trial = curves.told(2)(random.Random(seed), None)
        for question in (q for q in trial.questions if q.answer is not None):
            value = question.answer.strip(" .")
            for sentence in (s for text in trial.tell for s in re.split(r"(?<=[.!?])\s+", text)):
                if value in sentence:
                    assert exchanged.exchanged(sentence, question.ask) is None, (sentence, question.ask)
