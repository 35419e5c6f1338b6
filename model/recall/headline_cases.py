"""The cases of the headline figures: each turns a probe into the same probe under one condition.

A probe is a told fact, a question and its answer (`model.recall.probe.Probe`), from any source: a
file, a generator. Knows nothing of how a case is measured.
"""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from model.memory.exchanged import names_more
from model.recall import distraction, episodes
from model.recall.probe import Probe
from model.run.checkpoint import Checkpoint

RECALLED, FALSE, WRONG = "recalled", "false recall", "another's value"
AROUND = 300  # tokens of other talk around a fact, or before a question
NEAR_BY = 60  # following probes among which one of another kind is looked for


@dataclass(frozen=True)
class Case:
    """name; title: in words; counted: RECALLED, FALSE or WRONG, what counts as a hit; make:
    (probes, number of one of them, talk) -> its case, None if this probe has none."""

    name: str
    title: str
    counted: str
    make: Callable[[Sequence[Probe], int, "Talk"], Probe | None]


class Talk:
    """Other talk from a text, or made up if that is empty; different for each probe number."""

    def __init__(self, checkpoint: Checkpoint, text: str) -> None:
        self.checkpoint, self.text = checkpoint, text

    def prompts(self, number: int, n_tokens: int) -> list[str]:
        """Prompts of about 64 tokens, n_tokens in all; every number begins at another place."""
        text = self.text
        if text:
            at = random.Random(f"talk {number}").randrange(len(text))
            at = text.find(". ", at) + 1
            text = text[at:] + text[:at]
        stream = distraction.prompts(self.checkpoint, n_tokens, text, number)
        return [prompt for prompt, _ in stream]


def _next(probes: Sequence[Probe], number: int, talk: Talk) -> Probe | None:
    one = probes[number]
    return replace(one, distance=0) if one.answer else None


def _eight(probes: Sequence[Probe], number: int, talk: Talk) -> Probe | None:
    one = _next(probes, number, talk)
    between = islice(talk.prompts(number, 1_000), 8)
    return one and replace(one, tell=(*one.tell, *between))


def _never(probes: Sequence[Probe], number: int, talk: Talk) -> Probe | None:
    """The bare question, after a fact of another kind was told."""
    one = probes[number]
    if one.answer is None:
        return None if one.wrong else replace(one, ask=bare(one.ask), distance=0)
    others = (probes[(number + i) % len(probes)] for i in range(1, min(NEAR_BY, len(probes))))
    other = min(others, key=lambda other: _shared(one, other), default=None)
    if other is None or not bare(one.ask) or _shared(one, other):
        return None
    return replace(other, ask=bare(one.ask), answer=None, distance=0, label=one.label)


def bare(ask: str) -> str:
    """The question without the first words of its answer; "" where it has no question mark."""
    return ask[: ask.rfind("?") + 1]


def _shared(one: Probe, other: Probe) -> int:
    """Words of at least four letters that a question shares with what another probe tells."""
    asked, told = (set(re.findall(r"\w{4,}", text.lower())) - {"what", "where", "which", "when"}
                   for text in (one.ask, " ".join(other.tell)))
    return len(asked & told)


def _near_miss(probes: Sequence[Probe], number: int, talk: Talk) -> Probe | None:
    """The bare question after only the other's fact was told; None where that fact answers it
    ("What stops at noon?", when the train was told and the bus is meant)."""
    one = near_miss_of(probes[number])
    if one is None or not bare(one.ask):
        return None
    told = one.tell[0].replace(one.wrong or "", "")
    return replace(one, ask=bare(one.ask)) if names_more(bare(one.ask), told) else None


def _near_miss_led(probes: Sequence[Probe], number: int, talk: Talk) -> Probe | None:
    return near_miss_of(probes[number])


def near_miss_of(one: Probe) -> Probe | None:
    """For a probe that tells two facts of one form: tell only the other one; `wrong` is its
    value."""
    if one.wrong and one.answer is None:
        return replace(one, distance=0)
    answer = (one.answer or "").strip()
    kept = [text for text in one.tell if answer and answer not in text]
    own = [text for text in one.tell if answer and answer in text]
    if len(kept) != 1 or len(own) != 1:
        return None
    wrong = one.wrong or _same_place(own[0], answer, kept[0])
    return replace(one, tell=tuple(kept), answer=None, wrong=wrong, distance=0) if wrong else None


def _same_place(own: str, answer: str, other: str) -> str:
    """The words in `other` at the place of `answer` in `own`: after the same word, before the same
    rest; "" if there are none."""
    before, _, after = own.partition(answer)
    word = before.split()[-1:] or [""]
    start = other.rfind(f"{word[0]} ")
    if start < 0 or not other.endswith(after):
        return ""
    return other[start + len(word[0]) : len(other) - len(after)].strip()


def _middle(probes: Sequence[Probe], number: int, talk: Talk) -> Probe | None:
    """The fact in the middle of one long prompt."""
    one = _next(probes, number, talk)
    around = talk.prompts(number, AROUND)
    half = len(around) // 2
    parts = [*around[:half], *(one.tell if one else ()), *around[half:]]
    return one and replace(one, tell=(" ".join(parts),))


def _end(probes: Sequence[Probe], number: int, talk: Talk) -> Probe | None:
    """The question at the end of one long prompt."""
    one = _next(probes, number, talk)
    return one and replace(one, ask=" ".join([*talk.prompts(number, AROUND), one.ask]))


CASES = {case.name: case for case in (
    Case("next", "asked in the next prompt", RECALLED, _next),
    Case("eight", "8 prompts between", RECALLED, _eight),
    Case("people", "four facts about many people", RECALLED, _next),
    Case("middle", f"told in the middle of {AROUND} tokens of other talk", RECALLED, _middle),
    Case("end", f"asked at the end of {AROUND} tokens of other talk", RECALLED, _end),
    Case("never", "never told, asked all the same: false recall", FALSE, _never),
    Case("near miss", "only a near miss told, asked: says the other's value", WRONG, _near_miss),
    Case("near miss, led", "the same, asked with the first words of the answer", WRONG,
         _near_miss_led),
)}


def many_people(n: int) -> list[Probe]:
    """Probes of four facts about four people, in the generator's own fourteen kinds, with values
    that were never trained on."""
    plan = episodes.Plan(facts=(0, 0), others=(4, 4), fillers=(0, 2), asks=(1, 1), near=0.3,
                         update=0.0, unknown=0.0, source="unseen")
    drawn = (episodes.episode(random.Random(f"headline people {i}"), plan) for i in range(n))
    return [_as_probe(one) for one in drawn]


def _as_probe(one: episodes.Episode) -> Probe:
    ask = one.asks[0]
    return Probe(one.prompts, " ".join(filter(None, (ask.question, ask.lead))),
                 f" {ask.answer.removesuffix('.')}", label="four people")

