"""Open copying: facts in any sentence, asked for in its own words, in others, or by a question."""

import random
import re

import pytest

from model.recall import (
    episodes,
    grammar_words,
    open_asking,
    open_facts,
    open_frames,
    open_values,
    words,
)
from model.recall.open_asking import STYLES, asking
from model.recall.open_facts import OpenPlan, Source
from model.recall.open_frames import Frame, V

BOOK = ("The old captain of the ship gave the boy a silver whistle before the storm. "
        "Nobody in the village remembered where the miller had buried his money. "
        "She looked at my brother and laughed. He went home. ") * 3
SOURCE = open_facts.source_of([BOOK + "\n" + "A long passage about nothing at all. " * 8])


def drawn(n: int = 300, source: Source = SOURCE, **plan) -> list[episodes.Episode]:
    rng = random.Random(7)
    return [open_facts.episode(rng, OpenPlan(**plan), source) for _ in range(n)]


def test_every_template_fills_and_has_one_place_for_the_value():
    for family in open_frames.FAMILIES:
        rng = random.Random(1)
        drawers = open_frames._draw(rng, open_frames.Phrases(rng))
        parts = {letter: drawers[letter]() for letter in family.parts.split()}
        for text in (*family.ways, *(answer for _, answer in family.asks)):
            assert text.format(**parts).count(V) == 1, text
        for question, _ in family.asks:
            assert V not in question and question.format(**parts).endswith("?")


def test_an_answer_ends_the_text_that_asks_for_it():
    for one in drawn():
        text = episodes.text_of(one)
        for ask in one.asks:
            said = " ".join(filter(None, (ask.question, ask.lead, ask.answer)))
            ending = ask.tail if ask.fact else "."
            assert said.removesuffix(".") + ending in text


def test_a_fact_stands_in_its_sentence_and_was_told():
    for one in drawn():
        told = one.separator.join(one.prompts)
        for fact in one.facts:
            assert fact.value.lower() in fact.sentence.lower() and fact.sentence in told


def test_what_is_asked_was_told_last_and_nothing_else_answers():
    for one in drawn(facts=(2, 4), rivals=0.8, unknown=0.0):
        for ask in one.asks:
            mine = [fact for fact in one.facts if fact.subject == ask.fact.subject]
            assert mine[-1].value == ask.answer


def test_never_told_is_not_known():
    asks = [ask for one in drawn(unknown=1.0, lead=0.5) for ask in one.asks]
    assert all(ask.answer == episodes.UNKNOWN and ask.fact is None for ask in asks)
    assert any(ask.lead for ask in asks) and any(not ask.lead for ask in asks)


def test_held_out_values_and_words_never_stand_in_training():
    for one in drawn(update=0.3):
        for fact in one.facts:
            assert not open_values.is_held_out(fact.value)
    held = {word for name in ("THINGS", "PLACES", "PEOPLE", "PLACE_VERBS", "ATTRIBUTES")
            for word in getattr(grammar_words, name)[1]}
    trained = " ".join(fact.subject for one in drawn(books=0.0) for fact in one.facts).lower()
    assert held and not held & set(re.findall("[a-z]+", trained))


def test_held_out_episodes_have_held_out_values():
    for one in drawn(100, held_out=True, books=0.0):
        assert all(open_values.is_held_out(fact.value) for fact in one.facts)


@pytest.mark.parametrize("held_out", [False, True])
def test_values_keep_to_their_side(held_out):
    rng = random.Random(3)
    values = [open_values.value_of(rng, kind, held_out, SOURCE.rare)
              for kind in ("name", "word", "number", "any") for _ in range(100)]
    assert {open_values.is_held_out(value) for value in values} == {held_out}
    assert any(value.isdigit() for value in values) and any(" " in value for value in values)


def test_near_frames_differ_in_one_word_everywhere():
    rng = random.Random(5)
    for _ in range(100):
        frame = open_frames.grammar_frame(rng)
        near = open_frames.near(rng, frame)
        if near is not None:
            assert near != frame and len(near.ways) == len(frame.ways)
            assert [way.count(V) for way in near.ways] == [1] * len(frame.ways)


FRAME = Frame(("My cousin planted [v] behind the house.", "Behind the house my cousin planted [v]."),
              (("What did my cousin plant behind the house?", "She planted [v]."),))
WAY = FRAME.ways[0]


@pytest.mark.parametrize(("style", "lead", "tail"), [
    ("word", "My cousin planted", " behind the house."),
    ("other", "Behind the house my cousin planted", "."),
    ("front", "Behind the house my cousin planted", "."),
    ("turned", "Your cousin planted", " behind the house."),
    ("question", "She planted", "."),
])
def test_styles_by_hand(style, lead, tail):
    found = asking(FRAME, WAY, style, "seed")
    assert (found.lead, found.tail) == (lead, tail)
    assert bool(found.question) == (style == "question")


def test_a_sentence_that_cannot_be_asked_so_gives_none():
    short = Frame(("It is [v].",), ())
    assert [asking(short, short.ways[0], style, "s") for style in STYLES if style != "word"] == [None] * 6


def test_turned_speaks_to_the_one_who_spoke():
    assert open_asking.turned("My sister and I was here with our dog") == (
        "Your sister and you were here with your dog")


def test_book_facts_put_a_value_in_place_of_one_word():
    rng = random.Random(2)
    for _ in range(50):
        frame = open_facts.book_frame(rng, SOURCE)
        assert frame.ways[0].count(V) == 1 and len(frame.ways[0].split()) >= 4


def test_without_books_there_is_the_grammar():
    assert all(one.facts for one in drawn(50, Source()))


def test_held_out_words_are_one_in_eight():
    n = [sum(map(len, (listed[side] for listed in (
        grammar_words.THINGS, grammar_words.PEOPLE, grammar_words.ADJECTIVES)))) for side in (0, 1)]
    assert 0.08 < n[1] / sum(n) < 0.22 and words.is_held_out(grammar_words.THINGS[1][0])


def test_what_was_told_is_never_asked_as_untold():
    rng, plan, n = random.Random(11), OpenPlan(facts=(2, 4), rivals=0.6, books=0.0), 0
    for _ in range(400):
        topics = open_facts._topics(rng, plan, Source())
        told = [question.lower() for topic in topics for question, _ in topic.frame.asks]
        ask = open_facts._ask_untold(rng, plan, topics, Source())
        n += ask is None  # a near frame whose question is the told one's
        assert ask is None or not any(ask.question.lower().endswith(one) for one in told)
    assert 0 < n < 100


@pytest.mark.parametrize("value", ["Theory-Gumoo", "AX-204", "K7", "21", "the-water", "A 49 b"])
def test_a_value_is_held_out_by_each_of_its_parts(value):
    words_ = re.findall(r"[A-Za-z]+", value)
    held = any(words.is_held_out(word) for word in words_) or any(
        int(n) % 7 == 0 for n in re.findall(r"\d+", value))
    assert open_values.is_held_out(value) == held
    assert open_values.is_held_out("Theory-Gumoo") and not open_values.is_held_out("Gumoo-2")


def test_short_lists_keep_held_out_words_from_training():
    phrases = open_frames.Phrases(random.Random(1))
    drawn_ = {phrases.choose(open_frames._STATES) for _ in range(500)}
    assert "afraid of" not in drawn_ and words.is_held_out("afraid") and "famous for" in drawn_
    assert any("afraid" in phrases.choose(("afraid of",)) for phrases in [
        open_frames.Phrases(random.Random(1), held_out=True)])


@pytest.mark.parametrize(("entry", "past", "part"), [
    ("say", "said", "said"), ("speak of", "spoke", "spoken"), ("prefer", "preferred", "preferred"),
    ("ring", "rang", "rung"), ("carry", "carried", "carried"), ("bake", "baked", "baked")])
def test_verbs_have_their_forms(entry, past, part):
    verb = grammar_words.verb(entry)
    assert (verb.past, verb.part) == (past, part)


def test_where_nothing_is_told_nothing_is_known():
    one = open_facts.untold(random.Random(1))
    assert not one.prompts and not one.facts and one.answer == episodes.UNKNOWN
    assert episodes.text_of(one) == f"{one.question} {episodes.UNKNOWN}" and one.question.endswith("?")
