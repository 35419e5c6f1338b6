"""Episodes: what is asked was told (or is unknown); what is held out stays out of training."""

import random
import re
from dataclasses import replace

import pytest

from model.recall import episodes, words
from model.recall.episodes import ME, Plan, episode, text_of
from model.recall.phrases import KINDS, UNKNOWN

PLANS = {
    "training": Plan(),
    "known": Plan(source="known"),
    "unseen": Plan(source="unseen"),
    "long": Plan(facts=(4, 14), others=(2, 6), fillers=(6, 30), asks=(3, 10), update=0.5),
    "alone": Plan(facts=(0, 0), others=(0, 0), near=0.0, fillers=(0, 0)),
}


def many(plan: Plan, n: int = 400, seed: str = "test") -> list[episodes.Episode]:
    rng = random.Random(seed)
    return [episode(rng, plan) for _ in range(n)]


def has_word(text: str, word: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE) is not None


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_same_seed_same_episodes_other_seed_others(plan):
    assert many(plan, 50) == many(plan, 50)
    assert many(plan, 50) != many(plan, 50, "another seed")


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_every_answer_was_told_or_is_unknown(plan):
    for one in many(plan):
        for ask in one.asks:
            if ask.fact is None:
                assert (ask.answer, ask.lead) == (UNKNOWN, "")
            else:
                assert ask.answer == ask.fact.value and ask.fact in one.facts
                assert any(ask.fact.sentence in prompt for prompt in one.prompts)
                assert has_word(ask.fact.sentence, ask.answer)


def test_the_latest_value_wins():
    replaced = 0
    for one in many(replace(PLANS["long"], unknown=0.0)):
        told = " ".join(one.prompts)
        latest = {(fact.subject, fact.kind): fact for fact in one.facts}
        for ask in one.asks:
            if ask.fact is None:
                continue
            topic = ask.fact.subject, ask.fact.kind
            earlier = [f for f in one.facts if (f.subject, f.kind) == topic and f is not ask.fact]
            assert ask.fact is latest[topic]
            replaced += len(earlier)
            assert all(told.index(f.sentence) < told.rindex(ask.fact.sentence) for f in earlier)
    assert replaced > 50


def test_what_was_never_told_is_not_in_the_facts():
    for one in many(replace(PLANS["known"], unknown=1.0)):
        topics = {(fact.subject, fact.kind) for fact in one.facts}
        for ask in one.asks:
            subject_kinds = [(subject, kind.name) for kind in KINDS.values()
                             for subject, asks in ((ME, kind.asks),) if ask.question in asks]
            assert not topics.intersection(subject_kinds)


@pytest.mark.parametrize("plan", [PLANS["training"], PLANS["long"], PLANS["known"]])
def test_held_out_words_never_occur_in_training_text(plan):
    lists = [entry for name in dir(words) for entry in [getattr(words, name)]
             if name.isupper() and isinstance(entry, tuple) and len(entry) == 2
             and isinstance(entry[0], tuple)]
    held_out = {w.lower() for _, pool in lists for w in pool} | {"theory"}
    for one in many(plan, 1500):
        text = text_of(one).lower()
        found = {word for word in held_out if word in text and has_word(text, word)}
        assert not found, (found, text)
        assert "james theory" not in text
        assert not one.held_out


def test_held_out_phrasings_never_occur_in_training_text():
    held_out = {phrases[-1] for kind in KINDS.values()
                for phrases in (kind.says, kind.changes, kind.asks, kind.says_of, kind.asks_of)
                if phrases}
    patterns = [re.compile("^" + re.escape(p).replace(r"\{v\}", "[^.?]+")
                           .replace(r"\{s\}", "(my )?[A-Za-z]+") + "$", re.IGNORECASE)
                for p in held_out]
    for one in many(PLANS["training"], 300):
        said = [fact.sentence for fact in one.facts] + [ask.question for ask in one.asks]
        assert not [s for s in said for pattern in patterns if pattern.match(s)]


def test_no_phrasing_stands_twice_in_a_tuple():
    for kind in KINDS.values():
        for phrases in (kind.says, kind.changes, kind.asks, kind.says_of, kind.asks_of):
            assert len(set(phrases)) == len(phrases) and len(phrases) != 1


def test_unseen_values_are_held_out_and_say_so():
    for one in many(PLANS["unseen"]):
        assert "values" in one.held_out
        for fact in one.facts:
            if fact.kind == "number":
                assert int(fact.value) % 7 == 0
            elif fact.kind != "birthday":
                assert words.is_held_out(fact.value), fact


def test_days_and_numbers_do_not_cross_the_split():
    def values(source):
        rng = random.Random(source)
        return {kind: {episodes.value_of(rng, KINDS[kind], source) for _ in range(3000)}
                for kind in ("birthday", "number")}
    seen, unseen = values("training"), values("unseen")
    assert not seen["birthday"] & unseen["birthday"] and not seen["number"] & unseen["number"]


def test_demo_strings_are_held_out_and_new_york_is_trained():
    assert words.is_held_out("James Theory") and words.is_held_out("Theory")
    assert not words.is_held_out("New York") and "New York" in words.CITY[0]


def test_made_up_words_keep_to_their_side():
    rng = random.Random(0)
    for held_out in (False, True):
        made = [words.made_up(rng, held_out) for _ in range(300)]
        assert all(words.is_held_out(word) == held_out for word in made)
        assert len(set(made)) > 200


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_pieces_join_to_the_text_and_hold_the_answers(plan):
    for one in many(plan, 100):
        pieces = list(episodes.pieces(one))
        answers = [text.strip() for text, role in pieces if role == "answer"]
        assert answers == [ask.answer.removesuffix(".") for ask in one.asks]
        assert text_of(one).endswith(one.answer.removesuffix(".") + ".")
        assert all(prompt in text_of(one) for prompt in one.prompts)
        assert "  " not in text_of(one)


def test_both_answer_forms_occur_for_the_founding_question():
    leads = {ask.lead for one in many(PLANS["known"], 3000) for ask in one.asks
             if ask.question == "Where do I live?" and ask.fact}
    assert leads == {"You live in", "I live in"}


def test_unknown_source_is_refused():
    with pytest.raises(ValueError, match="'nowhere'.*known, unseen, training"):
        episodes.value_of(random.Random(0), KINDS["city"], "nowhere")
