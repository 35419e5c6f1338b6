"""Probes of open facts that were never trained on: held-out values in frames of held-out words.

Made from a seed, so that anyone measures on the same ones. What is asked for may stand anywhere among
what was told. Knows nothing of models.
"""

import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from model.recall import open_facts
from model.recall.episodes import Episode
from model.recall.open_facts import OpenPlan, Source
from model.recall.probe import Probe

PLAN = OpenPlan(facts=(1, 1), rivals=0.0, update=0.0, twice=0.0, unknown=0.0, fillers=(0, 0), long=0.0,
                asks=(1, 1), books=0.0, held_out=True)
WORDS, QUESTION = {"word": 1.0}, {"question": 1.0}
OTHER = {"other": 0.5, "thin": 0.2, "front": 0.2, "turned": 0.1}
PLANS = {
    "word for word": replace(PLAN, mix=WORDS), "question": replace(PLAN, mix=QUESTION),
    "other words": replace(PLAN, mix=OTHER),
    "near miss told too": replace(PLAN, mix=QUESTION, rivals=1.0),
}


def held_out(n: int, seed: int = 0) -> list[Probe]:
    """n probes, of the four labels in turn."""
    streams = [_of(label, plan, seed) for label, plan in PLANS.items()]
    turns = (next(streams[i % len(streams)]) for i in range(n))
    return list(islice(turns, n))


def _of(label: str, plan: OpenPlan, seed: int) -> Iterator[Probe]:
    rng = random.Random(f"open probes {label} {seed}")
    while True:
        one = open_facts.episode(rng, plan, Source())
        made = _probe(rng, label, one)
        if made is not None:
            yield made


def _probe(rng: random.Random, label: str, one: Episode) -> Probe | None:
    """The episode's only question; None where it was not asked as the label says."""
    ask, told = one.asks[-1], [fact.sentence for fact in one.facts]
    is_question, is_again = bool(ask.question), ask.lead and told[0].startswith(ask.lead)
    wanted = {"word for word": is_again and not is_question, "question": is_question,
              "other words": not is_again and not is_question,
              "near miss told too": is_question and len(told) > 1}[label]
    if not wanted or ask.fact is None:
        return None
    others = [fact for fact in one.facts if fact.value != ask.answer]
    if label == "near miss told too":
        told = [fact.sentence for fact in (*others[:1], ask.fact)]
        rng.shuffle(told)
    return Probe(tuple(told), f"{ask.question} {ask.lead}".strip(), f" {ask.answer}", label=label,
                 wrong=others[0].value if others else "")
