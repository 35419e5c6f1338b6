"""Recall against what makes it hard: distance, facts, slots, policy, contradiction, paraphrase.

Episodes are about the speaker, with values that were never trained on. Each question stands alone
with the first words of its answer ("Where do I live? You live in"); the value and the full stop
must be exactly right. As many other questions ask what was never told: the model must refuse, or it
is a false recall. `runs` measures; this file knows nothing of looks.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from transformers import PreTrainedTokenizerBase

from model.memory.eviction import NAMES
from model.memory.salience import SCORES
from model.memory.settings import Settings
from model.recall import episodes
from model.recall.episodes import ME, Fact, Plan
from model.recall.phrases import KINDS, Kind
from model.recall.trial import Curve, CurvePoint, Question, Trial
from model.run import tokens

DISTANCES = (0, 100, 1_000, 10_000)
FAR = (*DISTANCES, 100_000)
FACTS = (1, 2, 4, 8, 14)
SLOTS = (16, 32, 64, 128, 256, 512)
GAPS = (0, 50, 200)
TESTED = 128  # slots where the policy decides


def told(
    n: int,
    *,
    held_out: bool = False,
    ask_held_out: bool = False,
    stops: Sequence[int] = (0,),
    asked: int = 4,
    never: int = 4,
) -> Callable[..., Trial]:
    """A maker of trials: n facts about the speaker. `asked` of them are asked, and `never` facts
    that were not told (at most as many as were asked, and as kinds of fact allow)."""
    plan = Plan(facts=(n, n), others=(0, 0), fillers=(0, 0), asks=(1, 1), near=0.0, update=0.0,
                unknown=0.0, source="unseen", held_out_phrasing=held_out)
    return partial(
        _trial, plan=plan, held_out=ask_held_out, stops=stops, n_asked=asked, n_never=never
    )


def _trial(
    rng: random.Random,
    tokenizer: PreTrainedTokenizerBase,
    plan: Plan,
    held_out: bool,
    stops: Sequence[int],
    n_asked: int,
    n_never: int,
) -> Trial:
    one = episodes.episode(rng, plan)
    asked = rng.sample(one.facts, min(n_asked, len(one.facts)))
    never = [kind for kind in KINDS.values() if kind.name not in {f.kind for f in one.facts}]
    questions = [question_of(rng, fact, held_out) for fact in asked]
    never = rng.sample(never, min(n_never, len(asked) or n_never, len(never)))
    questions += [Question(_phrase(rng, kind, held_out), None) for kind in never]
    return Trial(one.prompts, tuple(questions), tuple(stops))


def question_of(rng: random.Random, fact: Fact, held_out: bool = False) -> Question:
    """The question for a fact about the speaker, with the first words of its answer."""
    kind = KINDS[fact.kind]
    lead = kind.lead_you
    if lead.endswith(" a") and fact.value[0] in "aeioAEIO":
        lead += "n"
    return Question(f"{_phrase(rng, kind, held_out)} {lead}", f" {fact.value}.")


def _phrase(rng: random.Random, kind: Kind, held_out: bool) -> str:
    return kind.asks[-1] if held_out else rng.choice(kind.asks[:-1])


def contradicted(gap: int) -> Callable[..., Trial]:
    """A maker of trials: a fact, `gap` tokens of other talk, then a fact that replaces it."""
    return partial(_contradiction, gap=gap)


def _contradiction(rng: random.Random, tokenizer: PreTrainedTokenizerBase, gap: int) -> Trial:
    kind = rng.choice(list(KINDS.values()))
    first = episodes.value_of(rng, kind, "unseen")
    latest = first
    while latest == first:
        latest = episodes.value_of(rng, kind, "unseen")
    said, changed = rng.choice(kind.says[:-1]), rng.choice(kind.changes[:-1])
    idle, n = [], 0
    while n < gap:
        idle.append(episodes.filler(rng))
        n += len(tokens.encode_part(tokenizer, idle[-1]))
    facts = [Fact(ME, kind.name, v, s.format(v=v)) for v, s in ((first, said), (latest, changed))]
    asked = question_of(rng, facts[1])
    tell = (facts[0].sentence, *idle, facts[1].sentence)
    return Trial(tell, (replace(asked, first=f" {first}."),))


def _distance(settings: Settings, stops: Sequence[int] = DISTANCES) -> list[CurvePoint]:
    return [CurvePoint("", 0, settings, told(4, stops=stops))]


def _facts(settings: Settings) -> list[CurvePoint]:
    return [CurvePoint(f"{n} fact{'s' * (n > 1)}", n, settings, told(n)) for n in FACTS]


def _slots(settings: Settings) -> list[CurvePoint]:
    return [
        CurvePoint(f"{n} slots", n, settings.with_slots(n), told(4, stops=(300,)))
        for n in SLOTS
    ]


def _policies(settings: Settings) -> list[CurvePoint]:
    """Every policy; every score is tried with `least salient`, the only policy that uses scores."""
    small = settings.with_slots(TESTED)
    scores = [score for score in SCORES if score != "everything"]
    kinds = [(policy, "everything") for policy in NAMES if policy != "least salient"]
    kinds += [("least salient", score) for score in scores]
    return [
        CurvePoint(
            policy if score == "everything" else f"{policy}: {score}", i,
            replace(small, policy=policy).with_fusion(score=score), told(4, stops=(500,)),
            reads=policy in ("least recently read", "least attended"),
        )
        for i, (policy, score) in enumerate(kinds)
    ]


def _contradictions(settings: Settings) -> list[CurvePoint]:
    return [CurvePoint(f"{gap} tokens apart", gap, settings, contradicted(gap)) for gap in GAPS]


def _paraphrases(settings: Settings) -> list[CurvePoint]:
    kinds = [("as trained", False, False), ("asked otherwise", False, True),
             ("told otherwise", True, False), ("both otherwise", True, True)]
    return [
        CurvePoint(name, i, settings, told(2, held_out=said, ask_held_out=asked))
        for i, (name, said, asked) in enumerate(kinds)
    ]


CURVES = {curve.name: curve for curve in (
    Curve("distance", "Four facts, then talk about other things: what is still recalled?",
          "tokens of distraction", _distance),
    Curve("far", "The same, up to a hundred thousand tokens; memory use does not grow.",
          "tokens of distraction", partial(_distance, stops=FAR)),
    Curve("facts", "How many facts fit, if asked at once?", "facts told", _facts),
    Curve("slots", "Four facts and 300 tokens of other talk, in memories of different size.",
          "slots", _slots),
    Curve("policy", f"Four facts and 500 tokens of other talk in {TESTED} slots: who leaves?",
          "policy", _policies),
    Curve("contradiction", "Two facts that contradict: does it say the latest, the first, or "
                           "neither?",
          "tokens between the two", _contradictions),
    Curve("paraphrase", "Told or asked in words that were never trained on.", "words",
          _paraphrases),
)}
