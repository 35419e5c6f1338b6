"""The controls of a recall probe: would the model say the answer anyway, and does memory decide?

Prior: the plain model. Empty: the same question with an empty memory. Another person: the same
prompts with another value. Never told: without the sentences that hold the answer. In context:
everything in one text, which attention alone can read. Knows nothing of looks.
"""

import random
import re
from dataclasses import dataclass, replace

import numpy as np

from model.memory import asking
from model.memory.settings import Settings
from model.memory.state import MemoryState, blank
from model.recall import distraction, episodes, probe, words
from model.recall.phrases import UNKNOWN
from model.recall.probe import Outcome, Probe, ProbePlan, Scored
from model.run import borders, tokens
from model.run.checkpoint import Checkpoint
from model.run.tokens import Ids
from model.run.trace import run

LISTS = (words.CITY, words.FIRST, words.LAST, words.JOB, words.FOOD, words.DRINK, words.ANIMAL,
         words.PET_NAME, words.COLOUR, words.LANGUAGE, words.HOBBY, words.INSTRUMENT)


@dataclass(frozen=True, eq=False)
class OtherPerson:
    """The same question to another person's memory. value: what that person told in the answer's
    place, "" if the answer was never told and the memory holds other facts; right: scores of the
    answer's tokens; own: of the other value's tokens, None without one; continuation: the reply."""

    probe: Probe
    value: str
    continuation: str
    right: Scored
    own: Scored | None


@dataclass(frozen=True, eq=False)
class NeverTold:
    """The same memory without the sentences that hold the answer, and the question without words
    after its question mark. left_out: whether there was such a sentence; if not, the reply shows
    nothing. refused: it says that it does not know; base, base_refused: the reply with memory off.
    A false recall is a reply to a question never told that is no refusal."""

    probe: Probe
    left_out: bool
    continuation: str
    base: str
    refused: bool
    base_refused: bool


@dataclass(frozen=True, eq=False)
class Controls:
    """prior, empty, in_context: the outcome's tokens scored without memory, with an empty memory,
    and after everything as one text (None if that exceeds the window)."""

    prior: Scored
    empty: Scored
    in_context: Scored | None
    other: OtherPerson
    never: NeverTold


def run_controls(checkpoint: Checkpoint, one: Outcome) -> Controls:
    """All controls of an outcome. Tells the probe's prompts two more times."""
    return Controls(
        prior(checkpoint, one), empty(checkpoint, one), in_context(checkpoint, one),
        other_person(checkpoint, one), never_told(checkpoint, one),
    )


def prior(checkpoint: Checkpoint, one: Outcome) -> Scored:
    """The probability of the tokens in the plain model, without any memory."""
    return _plain(checkpoint, one, one.ids)


def empty(checkpoint: Checkpoint, one: Outcome) -> Scored:
    """The same variant with an empty memory; bit for bit the prior."""
    nothing = blank(checkpoint)
    return probe.score(
        checkpoint, nothing, one.ids, one.scored.ids, one.settings, one.lead_ids
    )


def in_context(checkpoint: Checkpoint, one: Outcome) -> Scored | None:
    """Everything told, distraction included, and the question as one text; None: too long."""
    plan = one.plan
    window = checkpoint.model.config.n_positions
    if plan.n_tokens + len(one.ids) + len(one.scored.ids) + len(one.lead_ids) >= window:
        return None
    given = plan.probe
    waited = distraction.prompts(checkpoint, given.distance, given.distraction, given.seed)
    text = " ".join([*given.tell, *(prompt for prompt, _ in waited), given.ask])
    ids = tokens.encode_part(checkpoint.tokenizer, text)
    if len(ids) + len(one.scored.ids) + len(one.lead_ids) >= window:
        return None
    return _plain(checkpoint, one, ids)


def other_person(checkpoint: Checkpoint, one: Outcome) -> OtherPerson:
    """The question to a memory of the same shape with another value in the answer's place."""
    given = one.plan.probe
    value, changed = another(given)
    _, state = _told(checkpoint, changed, one)
    wanted = tokens.encode_part(checkpoint.tokenizer, " " + value) if value else None
    own = None if wanted is None else probe.score(
        checkpoint, state, one.ids, wanted, one.settings, one.lead_ids
    )
    right = probe.score(
        checkpoint, state, one.ids, one.scored.ids, one.settings, one.lead_ids
    )
    return OtherPerson(changed, value, say(checkpoint, state, one.ids, one.settings), right, own)


def never_told(checkpoint: Checkpoint, one: Outcome) -> NeverTold:
    """The question after everything but its answer was told."""
    changed = untold(one.plan.probe)
    left_out = changed.tell != one.plan.probe.tell
    plan, state = _told(checkpoint, changed, one)
    ids, _ = probe.fitting(checkpoint, plan, state, one.settings, 0)
    said = say(checkpoint, state, ids, one.settings)
    base = say(checkpoint, blank(checkpoint), ids, one.settings)
    return NeverTold(changed, left_out, said, base, refuses(said), refuses(base))


def say(checkpoint: Checkpoint, state: MemoryState, ids: Ids, settings: Settings) -> str:
    """What is said, greedily, up to a sentence's end."""
    asked = asking.ask(checkpoint, state, ids, settings)
    return said_on(checkpoint, state, asked, ids, settings)


def said_on(
    checkpoint: Checkpoint, state: MemoryState, asked: asking.Recalled, ids: Ids, settings: Settings
) -> str:
    """The same after an ask that has been run."""
    room = asking.room(checkpoint, state, settings) - len(ids) + 1
    return tokens.decode(checkpoint.tokenizer, probe.follow(checkpoint, asked, max(1, room)))


def refuses(said: str) -> bool:
    """Whether the reply is that it does not know, in the embedded model's own words."""
    return said.strip() == UNKNOWN


def another(given: Probe) -> tuple[str, Probe]:
    """Another value of the answer's kind, and the probe that tells it instead; if the answer was
    not told, "" and an episode of other facts."""
    old = _value(given)
    if not old:
        rng = random.Random(f"another {given.seed}")
        one = episodes.episode(rng, episodes.Plan(facts=(2, 2), others=(0, 1), fillers=(0, 1)))
        return "", replace(given, tell=one.prompts)
    value = _alike(old, " ".join(given.tell), random.Random(f"another {given.seed} {old}"))
    tell = tuple(_word(old).sub(lambda _: value, text) for text in given.tell)
    return value, replace(given, tell=tell)


def untold(given: Probe) -> Probe:
    """The probe without the sentences that hold the answer, and its bare question. A prompt that
    held only such a sentence becomes one sentence without a fact."""
    old, rng = _value(given), random.Random(f"untold {given.seed}")
    tell = given.tell
    if old:
        word = _word(old)
        left = (" ".join(s for s in _sentences(text) if not word.search(s)) for text in tell)
        tell = tuple(text or episodes.filler(rng) for text in left)
    end = given.ask.rfind("?") + 1
    return replace(given, tell=tell, ask=given.ask[:end] or given.ask, answer=None)


def _value(given: Probe) -> str:
    """The answer's words as they were told, else ""; capital letters make no difference."""
    value = (given.answer or "").strip().rstrip(".")
    found = _word(value).search("\n".join(given.tell)) if value else None
    return found.group() if found else ""


def _word(text: str) -> re.Pattern[str]:
    """The text as whole words, whatever its capitals."""
    return re.compile(rf"(?<!\w){re.escape(text)}(?!\w)", re.IGNORECASE)


def _alike(old: str, told: str, rng: random.Random) -> str:
    """Another value: of the same list, a number, or an ordinary word in the same case; none of its
    words were told, and it does not hold the old one."""
    if old.isdecimal():
        sizes = [len(old)] * 5 + [len(old) + 2] * 5
        pool = [str(rng.randrange(10**digits)) for digits in sizes]
    else:
        lists = [found for known, held in LISTS if old in (found := known + held)]
        pool = [value for one in lists[:1] for value in one] or [
            value.capitalize() if old[0].isupper() else value for value in words.PLAIN[0]
        ]
    free = [v for v in pool if not _word(v).search(told) and not _word(old).search(v)]
    return rng.choice(free) if free else words.made_up(rng, True)


def _sentences(text: str) -> list[str]:
    return [s for s in re.split(r"(?<=[.!?])\s+", text) if s]


def _told(checkpoint: Checkpoint, changed: Probe, one: Outcome) -> tuple[ProbePlan, MemoryState]:
    plan = probe.prepare(checkpoint, changed)
    return plan, probe.told(checkpoint, plan, one.settings)


def _plain(checkpoint: Checkpoint, one: Outcome, ids: Ids) -> Scored:
    """The outcome's tokens scored after ids (T,), without any memory."""
    start = borders.with_start(checkpoint, ids)
    asked = run(checkpoint, start)
    trace = probe.along(checkpoint, asked, np.r_[one.lead_ids, one.scored.ids])
    first = len(start) - 1 + len(one.lead_ids)
    return probe.scored_rows(checkpoint, trace, first, one.scored.ids)
