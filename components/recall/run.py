"""The numbers of one probe on the recall page, computed by model/ and cached.

The probe is told once, with every module on. Each variant then reads its own part of what was
written: the same that it would have written alone. Nothing is stored on the model.
"""

import hashlib
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from functools import partial

from components.frame import links, results, visit
from model.memory import asking, variants
from model.memory.settings import Settings
from model.memory.state import MemoryState, blank
from model.recall import causal, probe, probe_controls, told_facts, verdict
from model.recall.causal import Effect
from model.recall.chain import Chain
from model.recall.near_miss import NearMiss
from model.recall.probe import Outcome, Probe, ProbePlan
from model.recall.reads import Place
from model.recall.verdict import Verdict
from model.run.store import RunKey
from model.run.trace import Trace

MOST_TRIED = 32  # words that are removed one at a time for a verdict
SHOWN_FROM = 1_500  # tokens told; fewer are told before a visitor could read the bar


@dataclass(frozen=True, eq=False)
class VariantOutcome:
    """One variant and what it did; missing: its modules that nothing was trained for."""

    variant: str
    one: Outcome
    verdict: Verdict
    missing: frozenset[str]

    @property
    def holds_slots(self) -> bool:
        return any(read.kept for read in self.one.read)


@dataclass(frozen=True, eq=False)
class ChangedAnswer:
    """The answer's tokens with another memory, and what is said then."""

    effect: Effect
    said: str


def plan(wanted: Probe) -> ProbePlan:
    """The probe cut into tokens. Raises ValueError, one line: what is wrong with it."""
    return results.made(_key("plan", wanted), partial(probe.prepare, visit.checkpoint(), wanted))


def told(
    wanted: ProbePlan, settings: Settings, on_progress: Callable[[int], None] = lambda n: None
) -> MemoryState:
    """The memory after telling everything, with every module on; on_progress gets the number of
    tokens told so far."""
    every = probe.settings_for("gpt2-m", settings)
    work = partial(probe.told, visit.checkpoint(), wanted, every)
    return results.computed(_key("told", wanted.probe, settings), work, on_progress=on_progress)


def look(wanted: ProbePlan, state: MemoryState, settings: Settings, variant: str) -> VariantOutcome:
    """What a variant does with the probe; state: as `told` gave it."""
    key = _key("looked at", wanted.probe, settings, variant)
    return results.computed(
        key, partial(_looked, visit.checkpoint(), wanted, state, settings, variant)
    )


def controls(looked: VariantOutcome) -> probe_controls.Controls:
    """The controls of what a variant did."""
    return _of(looked, "controls", (), probe_controls.run_controls, looked.one)


def chain(looked: VariantOutcome) -> Chain | None:
    """How far the told answer came; None without an answer, without slots, or if no told sentence
    holds it."""
    one = looked.one
    return links.of_outcome(one, (_key("chain", one.plan.probe, one.settings, looked.variant),))


def near_miss(looked: VariantOutcome, without: str) -> NearMiss | None:
    """Whether what the variant says was told of something else than what is asked; without: what
    GPT-2 says without memory."""
    one = looked.one
    told = [fact for number, text in enumerate(one.plan.probe.tell, 1)
            for fact in told_facts.sentences(visit.checkpoint(), text, number)]
    return links.near_miss_of(one.state, one.asked, told, one.plan.probe.ask, one.continuation,
                              without)


def removed(
    looked: VariantOutcome, gone: tuple[Place, ...], is_only: bool = False
) -> ChangedAnswer:
    """Without these words, or with them alone."""
    return _change(looked, "only" if is_only else "without", gone)


def swapped(looked: VariantOutcome, words: tuple[Place, ...]) -> ChangedAnswer:
    """The values of the first and second word change places, of the third and fourth, …"""
    return _change(looked, "swap", words)


def edited(looked: VariantOutcome, place: Place, text: str) -> ChangedAnswer:
    """The word's value becomes that of `text`. Raises ValueError where that is not one token."""
    return _change(looked, "edit", (place,), text)


def without_part(looked: VariantOutcome, part: str) -> ChangedAnswer:
    """Without what one kind of memory holds: "am", "edm" or "carried"."""
    return _change(looked, part)


def asked(
    wanted: Probe, settings: Settings, variant: str, how: str = "",
    places: tuple[Place, ...] = (), text: str = "",
) -> tuple[Trace, str]:
    """The question's run as this variant reads it, and its text; how: "" or a way of changing the
    memory, with places and text as in `removed`, `swapped`, `edited`."""
    cut = plan(wanted)
    one = look(cut, told(cut, settings), settings, variant).one
    if not how:
        return one.asked.trace, wanted.ask
    work = partial(_asked_with, visit.checkpoint(), one, how, places, text)
    return results.computed(None, work), wanted.ask


def smallest(looked: VariantOutcome) -> Effect | None:
    """The few words whose removal loses the answer; None where there are none."""
    alone = list(looked.verdict.alone)
    return _of(looked, "smallest set", (), causal.smallest_set, looked.one, alone)


def show(text: str) -> list[str]:
    """A text's tokens as visible strings."""
    return visit.show_tokens(visit.encode_part(text))


def untrained() -> list[str]:
    """Variants that are exactly GPT-2 here, because nothing was trained for this model."""
    chosen = visit.checkpoint()
    return [
        name for name, modules in variants.VARIANTS.items()
        if modules and modules == probe.missing(chosen, probe.settings_for(name))
    ]


def _seen_by(state: MemoryState, settings: Settings, checkpoint) -> MemoryState:
    """The part of a memory that these modules write and read."""
    on = settings.modules
    return replace(
        state,
        bank=state.bank if "am" in on else blank(checkpoint).bank,
        external=state.external if "edm" in on else None,
        carried=state.carried if on & {"early", "late"} else None,
    )


def _key(what: str, wanted: Probe, *settings: Hashable) -> RunKey:
    text = hashlib.sha1(wanted.distraction.encode("utf-8", "replace")).hexdigest()
    asked = (wanted.tell, wanted.ask, wanted.answer, wanted.distance, text, wanted.seed)
    return RunKey.with_memory(visit.checkpoint(), f"recall: {what}", (), asked, *settings)


def _of(looked: VariantOutcome, what: str, chosen: tuple, compute: Callable, *given):
    """compute(checkpoint, *given) of what a variant did; chosen: what else the result depends on."""
    key = _key(what, looked.one.plan.probe, looked.one.settings, *chosen)
    return results.computed(key, partial(compute, visit.checkpoint(), *given))


def _change(
    looked: VariantOutcome, how: str, places: tuple[Place, ...] = (), text: str = ""
) -> ChangedAnswer:
    return _of(looked, "changed", (how, places, text), _changed, looked.one, how, places, text)


def _looked(
    checkpoint, plan: ProbePlan, state: MemoryState, settings: Settings, variant: str
) -> VariantOutcome:
    own = probe.settings_for(variant, settings)
    one = probe.outcome(checkpoint, plan, _seen_by(state, own, checkpoint), own)
    judged = verdict.judge(checkpoint, one, MOST_TRIED)
    return VariantOutcome(variant, one, judged, probe.missing(checkpoint, own))


def _changed(checkpoint, one: Outcome, how: str, places, text: str) -> ChangedAnswer:
    state = _other_state(checkpoint, one, how, places, text)
    found = causal.effect(checkpoint, one, state, places)
    return ChangedAnswer(found, probe_controls.say(checkpoint, state, one.ids, one.settings))


def _asked_with(checkpoint, one: Outcome, how: str, places, text: str) -> Trace:
    state = _other_state(checkpoint, one, how, places, text)
    return asking.ask(checkpoint, state, one.ids, one.settings).trace


def _other_state(checkpoint, one: Outcome, how: str, places, text: str) -> MemoryState:
    if how in ("am", "edm", "carried"):
        parts = {"am": {"am"}, "edm": {"edm"}, "carried": {"early", "late"}}[how]
        fewer = replace(one.settings, modules=one.settings.modules - parts)
        return _seen_by(one.state, fewer, checkpoint)
    if how == "swap":
        return causal.swap_values(one.state, list(zip(places[::2], places[1::2])))
    if how == "edit":
        return causal.edit(checkpoint, one.state, places[0], text, one.settings)
    return (causal.only if how == "only" else causal.without)(one.state, places)
