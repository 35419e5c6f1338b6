"""The numbers of one probe on the recall page, computed by model/ and cached.

The probe is told once, with every module on. Each variant then reads its own part of what was
written: the same that it would have written alone. Nothing is stored on the model.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

import streamlit as st

from components.frame import links, visit
from model.memory import variants
from model.memory.settings import Settings
from model.memory.state import MemoryState, blank
from model.recall import causal, probe, probe_controls, told_facts, verdict
from model.recall.causal import Effect
from model.recall.chain import Chain
from model.recall.near_miss import NearMiss
from model.recall.probe import Outcome, Plan, Probe
from model.recall.reads import Place
from model.recall.verdict import Verdict
from model.run import tokens

KEPT = 12  # told memories that are kept ready
MOST_TRIED = 32  # words that are removed one at a time for a verdict
SHOWN_FROM = 1_500  # tokens told; fewer are told before a visitor could read the bar


@dataclass(frozen=True, eq=False)
class Looked:
    """One variant and what it did; missing: its modules that nothing was trained for."""

    variant: str
    one: Outcome
    verdict: Verdict
    missing: frozenset[str]

    @property
    def holds_slots(self) -> bool:
        return any(read.kept for read in self.one.read)


@dataclass(frozen=True, eq=False)
class Changed:
    """The answer's tokens with another memory, and what is said then."""

    effect: Effect
    said: str


def plan(wanted: Probe) -> Plan:
    """The probe cut into tokens. Raises ValueError, one line: what is wrong with it."""
    return _plan(_key(wanted), visit.checkpoint(), wanted)


def told(
    wanted: Plan, settings: Settings, on_progress: Callable[[int], None] = lambda n: None
) -> MemoryState:
    """The memory after telling everything, with every module on; on_progress gets the number of
    tokens told so far and may stop the telling by an exception."""
    kept, key = _told(), (_key(wanted.probe), settings)
    if key not in kept:
        steps = probe.tell(visit.checkpoint(), wanted, probe.settings_for("gpt2-m", settings))
        while True:
            with _lock():
                step = next(steps, None)
            if step is None:
                break
            state = step.state
            on_progress(step.n_tokens)
        kept[key] = state
    kept.move_to_end(key)
    while len(kept) > KEPT:
        kept.popitem(last=False)
    return kept[key]


def look(wanted: Plan, state: MemoryState, settings: Settings, variant: str) -> Looked:
    """What a variant does with the probe; state: as `told` gave it."""
    key = (_key(wanted.probe), settings)
    return _look(key, variant, visit.checkpoint(), wanted, state, settings)


def controls(looked: Looked) -> probe_controls.Controls:
    """The controls of what a variant did."""
    return _controls(_key_of(looked), visit.checkpoint(), looked.one)


def chain(looked: Looked) -> Chain | None:
    """How far the told answer came; None without an answer, without slots, or if no told sentence
    holds it."""
    return links.of_outcome(looked.one, (*_key_of(looked), looked.variant))


def near_miss(looked: Looked, without: str) -> NearMiss | None:
    """Whether what the variant says was told of something else than what is asked; without: what
    GPT-2 says without memory."""
    one = looked.one
    told = [fact for number, text in enumerate(one.plan.probe.tell, 1)
            for fact in told_facts.sentences(visit.checkpoint(), text, number)]
    return links.near_miss_of(one.state, one.asked, told, one.plan.probe.ask, one.continuation,
                              without)


def removed(looked: Looked, gone: tuple[Place, ...], is_only: bool = False) -> Changed:
    """Without these words, or with them alone."""
    return _changed(_key_of(looked), "only" if is_only else "without", gone, "", visit.checkpoint(),
                    looked.one)


def swapped(looked: Looked, words: tuple[Place, ...]) -> Changed:
    """The values of the first and second word change places, of the third and fourth, …"""
    return _changed(_key_of(looked), "swap", words, "", visit.checkpoint(), looked.one)


def edited(looked: Looked, place: Place, text: str) -> Changed:
    """The word's value becomes that of `text`. Raises ValueError where that is not one token."""
    return _changed(_key_of(looked), "edit", (place,), text, visit.checkpoint(), looked.one)


def without_part(looked: Looked, part: str) -> Changed:
    """Without what one kind of memory holds: "am", "edm" or "carried"."""
    return _changed(_key_of(looked), part, (), "", visit.checkpoint(), looked.one)


def smallest(looked: Looked) -> Effect | None:
    """The few words whose removal loses the answer; None where there are none."""
    return _smallest(_key_of(looked), visit.checkpoint(), looked.one, looked.verdict)


def show(text: str) -> list[str]:
    """A text's tokens as visible strings."""
    chosen = visit.checkpoint()
    return tokens.display(chosen.tokenizer, tokens.encode(chosen.tokenizer, text))


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


def _key(wanted: Probe) -> tuple:
    text = hashlib.sha1(wanted.distraction.encode("utf-8", "replace")).hexdigest()
    place = str(visit.checkpoint().placement)
    return (visit.mark(), place, wanted.tell, wanted.ask, wanted.answer, wanted.distance, text,
            wanted.seed)


def _key_of(looked: Looked) -> tuple:
    return (_key(looked.one.plan.probe), looked.one.settings)


@st.cache_resource(show_spinner=False)
def _told() -> OrderedDict:
    return OrderedDict()


@st.cache_resource(show_spinner=False)
def _lock() -> threading.Lock:
    return threading.Lock()


@st.cache_resource(show_spinner=False, max_entries=32)
def _plan(key, _checkpoint, _wanted) -> Plan:
    return probe.prepare(_checkpoint, _wanted)


@st.cache_resource(show_spinner=False, max_entries=64)
def _look(key, variant, _checkpoint, _plan, _state, _settings) -> Looked:
    own = probe.settings_for(variant, _settings)
    with _lock():
        one = probe.outcome(_checkpoint, _plan, _seen_by(_state, own, _checkpoint), own)
        judged = verdict.judge(_checkpoint, one, MOST_TRIED)
    return Looked(variant, one, judged, probe.missing(_checkpoint, own))


@st.cache_resource(show_spinner=False, max_entries=32)
def _controls(key, _checkpoint, _one) -> probe_controls.Controls:
    with _lock():
        return probe_controls.run_controls(_checkpoint, _one)


@st.cache_resource(show_spinner=False, max_entries=64)
def _changed(key, how, places, text, _checkpoint, _one) -> Changed:
    with _lock():
        state = _other_state(_checkpoint, _one, how, places, text)
        found = causal.effect(_checkpoint, _one, state, places)
        said = probe_controls.say(_checkpoint, state, _one.ids, _one.settings)
    return Changed(found, said)


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


@st.cache_resource(show_spinner=False, max_entries=32)
def _smallest(key, _checkpoint, _one, _verdict) -> Effect | None:
    with _lock():
        return causal.smallest_set(_checkpoint, _one, list(_verdict.alone))
