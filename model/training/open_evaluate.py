"""How well a model copies from any sentence: frames, words and values that were never trained on.

Every share is of newly made open facts (recall/open_facts.py), told and asked for in one text. This file
does not know how the model was trained.
"""

import random
from collections.abc import Iterator
from dataclasses import replace

from tokenizers import Tokenizer
from transformers import GPT2LMHeadModel

from model.recall import open_facts
from model.recall.episodes import Episode
from model.recall.open_facts import OpenPlan, Source
from model.recall.open_probes import OTHER, QUESTION, WORDS
from model.recall.phrases import UNKNOWN
from model.recall.share import Share
from model.training.evaluate import Wanted, question_alone, reply, share_of

HELD_OUT = OpenPlan(facts=(1, 3), rivals=0.0, update=0.0, twice=0.0, unknown=0.0, fillers=(0, 4),
                    long=0.0, asks=(1, 1), books=0.0, held_out=True)
ALONE = "question alone, the value in the sentence that is said"


def settings() -> dict[str, tuple[OpenPlan, Wanted]]:
    """Name of a measurement -> the episodes drawn for it, and which of them count."""
    plan, words, asks = HELD_OUT, WORDS, QUESTION
    return {
        "the sentence again, word for word": (replace(plan, mix=words), _again),
        "a sentence of a book, word for word": (replace(plan, mix=words, books=1.0), _again),
        "question and the beginning of its answer": (replace(plan, mix=asks), _with_question),
        "other words than were told": (replace(plan, mix=OTHER), _in_other_words),
        "near miss told too, question": (replace(plan, mix=asks, rivals=0.7, facts=(1, 1)), _near),
        "near miss told too, other words": (
            replace(plan, mix=OTHER, rivals=0.7, facts=(1, 1)),
            lambda one, size: _near(one, size) and _in_other_words(one, size)),
        "replaced later, the latest wins": (replace(plan, mix=asks, update=1.0), _replaced),
        "behind a passage of a book": (replace(plan, mix=asks, long=1.0), _with_question),
        "never told: \"I do not know.\"": (replace(plan, unknown=1.0, lead=0.0), _never),
        "never told, the answer begun: \"I do not know.\"": (replace(plan, unknown=1.0, lead=1.0), _never),
    }


def shares(
    model: GPT2LMHeadModel, tokenizer: Tokenizer, left_out: str, n: int
) -> list[Share]:
    """A share for each of the settings, n episodes each; books: the one that was left out."""
    source, found = open_facts.source_of([left_out]), []
    for name, (plan, wanted) in settings().items():
        drawn = _drawn(name, plan, source, 100 * n)
        found.append(share_of(model, tokenizer, name, drawn, n, wanted))
    return [share for share in (*found, replied(model, tokenizer, source, n)) if share.n]


def replied(model: GPT2LMHeadModel, tokenizer: Tokenizer, source: Source, n: int) -> Share:
    """The question alone: whether the value stands in the sentence that the model then says."""
    plan, right = replace(HELD_OUT, mix=QUESTION), 0
    for one in _drawn(ALONE, plan, source, n):
        text = question_alone(one) if one.question else ""
        right += bool(text) and f" {one.answer}" in reply(model, tokenizer, text)
    return Share(ALONE, right, n)


def quick(
    model: GPT2LMHeadModel, tokenizer: Tokenizer, left_out: str, n: int = 96
) -> float:
    """Share of n open facts, asked in every style, that are continued exactly; for curves."""
    plan = OpenPlan(facts=(1, 3), asks=(1, 1), unknown=0.0, held_out=True)
    drawn = _drawn("quick", plan, open_facts.source_of([left_out]), 2 * n)
    return share_of(model, tokenizer, "quick", drawn, n, lambda one, size: True).value


def _drawn(name: str, plan: OpenPlan, source: Source, n: int) -> Iterator[Episode]:
    rng = random.Random(f"open {name}")
    return (open_facts.episode(rng, plan, source) for _ in range(n))


def _again(one: Episode, size: int) -> bool:
    told = one.asks[-1].fact
    return not one.question and told is not None and one.lead.lower() in told.sentence.lower()


def _with_question(one: Episode, size: int) -> bool:
    return bool(one.question) and one.answer != UNKNOWN


def _in_other_words(one: Episode, size: int) -> bool:
    told = one.asks[-1].fact
    return not one.question and told is not None and one.lead.lower() not in told.sentence.lower()


def _near(one: Episode, size: int) -> bool:
    return len(one.facts) > 1 and one.answer != UNKNOWN


def _replaced(one: Episode, size: int) -> bool:
    asked = one.asks[-1].fact
    return asked is not None and sum(fact.subject == asked.subject for fact in one.facts) > 1


def _never(one: Episode, size: int) -> bool:
    return one.answer == UNKNOWN
