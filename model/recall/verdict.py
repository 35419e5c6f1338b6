"""The verdict on one probe, in words, with its measurements.

Knows nothing of looks. Every sentence is made from measured numbers: the answer's probability with
memory, with memory off, and without each slot that was read.
"""

import math
from dataclasses import dataclass
from typing import Any

from model.recall import causal
from model.recall.causal import Effect
from model.recall.probe import ONLY_GPT2, Outcome
from model.recall.reads import Place, SlotRead
from model.run.checkpoint import Checkpoint

RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
HALF = 0.5  # a slot matters when without it the answer's probability is at most this share
KINDS = (
    "recalled",  # said with memory, not without; removing the most read token loses it
    "another slot",  # so too, but removing the most read changes little, removing another loses it
    "many slots",  # so too, but no single token matters: several hold it
    "carried",  # so too, and removing what the recurrent memories carry loses it, no slot does
    "already likely",  # said without memory as well
    "said otherwise",  # its words are said, but not in just these tokens
    "not recalled",  # not said
    "no memory",  # nothing was read: the variant has none, or holds nothing
    "no answer",  # no answer was given to judge: what it says, and what it read for it
)


@dataclass(frozen=True, eq=False)
class Verdict:
    """kind: one of KINDS; sentence: in words, with its numbers.

    p, p_off: joint probability of the scored tokens with memory and with memory off. most: the most
    read slot; without_most: the effect of removing it; causal: the effect of the most costly
    removal; alone: the effects of all removals that were tried, most read first; without_carried:
    the effect of removing what the recurrent memories carry. None, (): nothing to measure.
    """

    kind: str
    sentence: str
    p: float
    p_off: float
    most: SlotRead | None = None
    without_most: Effect | None = None
    causal: Effect | None = None
    alone: tuple[Effect, ...] = ()
    without_carried: Effect | None = None


def judge(checkpoint: Checkpoint, one: Outcome, n: int = 32) -> Verdict:
    """The verdict, from removing each of the n most read tokens, one at a time."""
    alone = tuple(causal.each_alone(checkpoint, one, causal.candidates(one, n)))
    most = one.read[0] if one.read and one.read[0].kept else None
    without_most = next((e for e in alone if most and e.gone == (most.place,)), None)
    worst = max(alone, key=lambda e: e.drop, default=None)
    carried = _without_carried(checkpoint, one)
    kind = _kind(one, without_most, worst, carried)
    cause = carried if kind == "carried" else worst
    sentence = _SENTENCES[kind](one, most, without_most, cause) + _behind(one)
    return Verdict(
        kind, sentence, one.scored.joint, one.base.joint, most, without_most, worst, alone, carried
    )


def _without_carried(checkpoint: Checkpoint, one: Outcome) -> Effect | None:
    graft = one.asked.trace.graft
    if graft is None or (graft.early is None and graft.late is None):
        return None
    return causal.effect(checkpoint, one, causal.without_carried(one.state))


def _kind(
    one: Outcome, without_most: Effect | None, worst: Effect | None, carried: Effect | None
) -> str:
    is_read = one.asked.trace.reading or one.asked.trace.graft
    if not is_read and one.asked.moved is None:  # else it was looked at, and moved too little
        return "no memory"
    if one.exact is None:
        return "no answer"
    if not one.whole:
        return "said otherwise" if one.said else "not recalled"
    if one.base.exact:
        return "already likely"
    if worst is None or not matters(one, worst):
        return "carried" if carried is not None and matters(one, carried) else "many slots"
    assert without_most is not None, "slots were removed, but not the one read most"
    return "recalled" if matters(one, without_most) else "another slot"


def matters(one: Outcome, removed: Effect) -> bool:
    """Whether the removal loses the answer or at least halves its probability."""
    return removed.lost or removed.scored.joint <= HALF * one.scored.joint


def _recalled(one: Outcome, most: Any, without_most: Any, worst: Any) -> str:
    further = "" if worst.gone == without_most.gone else (
        f"; it falls furthest, to {p(worst.scored.joint)}, without "
        f"{where_place(one, worst.gone[0])}"
    )
    return (
        f"recalled from {where(most)}: {weight(most)}; without that slot p falls from "
        f"{p(one.scored.joint)} to {p(without_most.scored.joint)}; with memory off it is "
        f"{p(one.base.joint)}{further}"
    )


def _another(one: Outcome, most: Any, without_most: Any, worst: Any) -> str:
    cause = next(read for read in one.read if read.place == worst.gone[0])
    return (
        f"recalled, but another slot than the most read one matters: without {where(cause)} "
        f"({weight(cause)}) p falls from {p(one.scored.joint)} to {p(worst.scored.joint)}; without "
        f"the most read, {where(most)} ({weight(most)}), it is {p(without_most.scored.joint)}"
    )


def _many(one: Outcome, most: Any, without_most: Any, worst: Any) -> str:
    least = "" if worst is None else (
        f": the removal that costs most, of {where_place(one, worst.gone[0])}, leaves p at "
        f"{p(worst.scored.joint)}"
    )
    return (
        f"recalled (p {p(one.scored.joint)}, with memory off {p(one.base.joint)}), but no single "
        f"slot is needed{least}; several hold it, see the smallest set"
    )


def _carried(one: Outcome, most: Any, without_most: Any, worst: Any) -> str:
    return (
        f"recalled from the carried state, which has no slots: without it p falls "
        f"from {p(one.scored.joint)} to {p(worst.scored.joint)}; with memory off it is "
        f"{p(one.base.joint)}"
    )


def _likely(one: Outcome, most: Any, without_most: Any, worst: Any) -> str:
    return (
        f"said without memory as well, so no recall is shown: p {p(one.base.joint)} with memory "
        f"off, {p(one.scored.joint)} with it"
    )


def _not(one: Outcome, most: Any, without_most: Any, worst: Any) -> str:
    read = "" if most is None else f"; the most read slot is {where(most)} ({weight(most)})"
    return (
        f"not recalled: it says “{one.continuation.strip()}”; the answer has p "
        f"{p(one.scored.joint)} ({ranks(one)}), with memory off {p(one.base.joint)}{read}"
    )


def _otherwise(one: Outcome, most: Any, without_most: Any, worst: Any) -> str:
    return (
        f"it says “{one.continuation.strip()}”: the answer's words, but not letter for letter "
        f"{pieces(one)}, which has p {p(one.scored.joint)} ({ranks(one)}); write the answer as the "
        "model says it"
    )


def _none(one: Outcome, most: Any, without_most: Any, worst: Any) -> str:
    why = next((note for note in one.notes if note.endswith(ONLY_GPT2)), "no memory")
    if one.exact is None:
        return f"{why}: it says “{one.continuation.strip()}” from its weights alone"
    return (
        f"{why}: it says “{one.continuation.strip()}”; the answer has p {p(one.scored.joint)} "
        f"({ranks(one)}) from the weights alone"
    )


def _open(one: Outcome, most: Any, without_most: Any, worst: Any) -> str:
    says = f"no answer was given to judge; it says “{one.continuation.strip()}”"
    if most is None:
        return f"{says}, and reads no slot"
    fell = "" if without_most is None else (
        f"; without that slot its p falls from {p(one.scored.joint)} to "
        f"{p(without_most.scored.joint)}" if without_most.drop > 0 else
        f"; without that slot its p is {p(without_most.scored.joint)}, with it "
        f"{p(one.scored.joint)}"
    )
    return f"{says}; most read is {where(most)}: {weight(most)}{fell}"


_SENTENCES = dict(zip(KINDS, (_recalled, _another, _many, _carried, _likely, _otherwise, _not,
                             _none, _open)))


def _behind(one: Outcome) -> str:
    return f" (scored after its own words, “{one.lead.strip()}”)" if one.lead else ""


def where(read: SlotRead) -> str:
    """"prompt 1, token 13 “·York”"."""
    return f"prompt {read.place.prompt}, token {read.place.position} “{read.text}”"


def where_place(one: Outcome, place: Place) -> str:
    """The same of a place that was read."""
    return where(next(read for read in one.read if read.place == place))


def weight(read: SlotRead) -> str:
    """The read weight in words: the mean over all layers and heads, and the strongest head."""
    return (
        f"read weight {read.peak:.2f} in its strongest head (layer {read.layer}, head "
        f"{read.head}), {read.weight:.3f} in the mean over all"
    )


def pieces(one: Outcome) -> str:
    """The scored tokens: "“·New|·York”"."""
    return "“" + "|".join(one.scored.texts) + "”"


def ranks(one: Outcome) -> str:
    """"rank 3", or of each token: "ranks 1, 40"."""
    each = ", ".join(f"{rank:,}" for rank in one.scored.rank)
    return f"rank{'s' if len(one.scored.rank) > 1 else ''} {each}"


def p(probability: float) -> str:
    """At least two digits, never rounded to 0 or 1, never in e-notation: 1.4 × 10⁻⁶."""
    if 0 < probability < 1e-4:
        mantissa, power = f"{probability:.1e}".split("e-")
        return f"{mantissa} × 10⁻{power.lstrip('0').translate(RAISED)}"
    if probability < 0.01 or probability >= 1:
        return f"{probability:.2g}"
    return f"{probability:.{max(2, math.ceil(-math.log10(1 - probability)))}f}"
