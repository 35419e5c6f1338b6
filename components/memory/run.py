"""Which request of the Memory page goes to the engine, and under which key its result is kept.

A visitor's memory is an argument; results are cached under the memory's key, which changes with
every change of the memory. While a visitor types, an ask goes on with the rows of the one before.
Knows nothing of how a question is composed (model.memory.question).
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import streamlit as st

from components.frame import results, visit
from components.memory.edges import SlotEdge
from model.analysis import cutting
from model.analysis.ablation import AblationChange
from model.memory import added, alone, asking, cuts, effect, question, telling, ways_in
from model.memory import state as states
from model.memory.alone import EachAlone
from model.memory.question import AskedPrompt
from model.memory.settings import Settings
from model.memory.state import MemoryState
from model.memory.ways_in import WaysIn
from model.recall import interventions, left_out
from model.run import tokens
from model.run.cut_edges import CutEdge
from model.run.store import RunKey
from model.run.trace import Trace

STEPS_S = 0.05  # how long a visitor's answer grows before others have their turn
_LATEST = "memory:asked"  # session key: under which key the latest ask is kept
LATEST_B = "memory:asked of B"  # session key: the same of the prompt B beside it
_ALONE = "memory:each alone"  # session key: the same of what its modules did alone


def blank() -> MemoryState:
    """A memory of the chosen model that holds nothing."""
    return states.blank(visit.checkpoint())


def encode(text: str) -> np.ndarray:
    """Text -> ids of the chosen model, (T,)."""
    return visit.encode_part(text)


def show(text: str) -> list[str]:
    """A text's tokens as visible strings."""
    return tokens.display(visit.checkpoint().tokenizer, encode(text))


def can_preview(text: str) -> bool:
    """Whether the prompt is short enough to be asked and told on trial at every key."""
    return len(encode(text)) <= most()


def most() -> int:
    """The most tokens that are asked and told on trial at every key."""
    return question.most(visit.checkpoint())


# -- asking and telling ----------------------------------------------------------------------------


def ask(
    key: str, state: MemoryState, text: str, settings: Settings, writing: Settings,
    latest: str = _LATEST,
) -> AskedPrompt | None:
    """The prompt's run with this memory; None for an empty prompt. If the prompt is too long, all
    but its end is told first, on trial, with the settings `writing`. latest: the session key of the
    ask that this one goes on with.

    Raises ValueError if the prompt does not fit after the memory.
    """
    ids = encode(text)
    if not len(ids):
        return None
    chosen, front, n = visit.checkpoint(), None, 0
    if len(ids) > asking.room(chosen, state, settings):
        n = cuts.n_front(chosen, ids)
        front = _computed("front", ids[:n], (key, writing, text), telling.behind_front, state, text,
                          writing)
    if front is None:
        question.check_room(chosen, state, settings, len(ids), len(ids))
        return _asked(key, state, ids, settings, latest)
    told = hashlib.sha256(ids[:n].tobytes() + repr(writing).encode()).hexdigest()
    question.check_room(chosen, front.state, settings, len(ids) - n, len(ids))
    return _asked(f"{key}:{told}", front.state, ids[n:], settings, latest, front, n)


def tell(key: str, state: MemoryState, text: str, settings: Settings, asked: AskedPrompt | None):
    """What telling the prompt would do (telling.Written); its reads are counted first."""
    question.check_told_fits(visit.checkpoint(), state, settings, len(encode(text)))
    was_read = asked is not None and bool(len(asked.kept) or asked.n_external)
    read = asked if was_read else None
    by = (read.key, read.settings, read.recalled.trace.ids.tobytes()) if read is not None else None
    return _computed("told", (), (key, settings, text, by), question.tell, state, text, settings,
                     read)


def next_steps(steps: Iterator) -> list:
    """The next steps of a long work, as many as end within STEPS_S, at least one; none at its end."""
    return results.computed(None, partial(_some, steps), adds=True)


def _some(steps: Iterator) -> list:
    found, end = [], time.monotonic() + STEPS_S
    for one in steps:
        found.append(one)
        if time.monotonic() > end:
            break
    return found


def measured_off(asked: AskedPrompt) -> float | None:
    """`off_difference` where it was measured before; None where it was not."""
    return results.kept(_off(asked))


def off_difference(asked: AskedPrompt) -> float:
    """How far memory switched off is from transformers' own GPT-2; two full passes."""
    work = partial(effect.off_difference, visit.checkpoint(), asked.plain.ids)
    return results.computed(_off(asked), work)


# -- what an asked prompt read ---------------------------------------------------------------------


def weights(key: str, asked: AskedPrompt, head: tuple[int, int] | None) -> np.ndarray:
    """(T,K+T): memory's columns, then the prompt's own; one head's, or the mean of all (None)."""
    if head is None:
        return asked.mean
    return _computed("one head", asked.recalled.trace.ids, (asked.key, asked.settings, *head),
                     question.head_weights, asked, *head)


def best_head(asked: AskedPrompt, column: int) -> tuple[int, int, float]:
    """(layer, head, weight) that reads a retrieved slot most, over the tokens behind the start."""
    where = (asked.key, asked.settings, column)
    return _computed("best head", asked.recalled.trace.ids, where, question.best_head, asked, column)


def without(key: str, state: MemoryState, asked: AskedPrompt, gone, settings: Settings):
    """The next token with everything retrieved, and without the slots `gone` (effect.Compared)."""
    gone = np.asarray(gone, dtype=np.int64)
    return _computed("without", asked.recalled.trace.ids,
                     (key, settings, gone.tobytes()), left_out.of_bank, state, asked, gone, settings)


def without_external(key: str, state: MemoryState, asked: AskedPrompt, gone, settings: Settings):
    """The next token with everything that was read, and without the EDM's slots `gone`."""
    gone = np.asarray(gone, dtype=np.int64)
    return _computed("without external", asked.recalled.trace.ids, (key, settings, gone.tobytes()),
                     left_out.of_external, state, asked, gone, settings)


def forgotten(
    key: str, state: MemoryState, asked: AskedPrompt, gone: frozenset, settings: Settings
):
    """The next token with everything that was read, and, asked anew, as if the tokens `gone`
    (prompt, position) had never been stored."""
    return _computed("forgotten", asked.ids, (key, settings, gone), left_out.never_told, state, asked,
                     gone, settings)


# -- interventions ---------------------------------------------------------------------------------


def left_weights(key: str, state: MemoryState, asked: AskedPrompt, settings: Settings, places: tuple):
    """What the prompt's last token reads of each told token in this memory: store -> (W,)."""
    recalled = _recalled(key, state, asked, settings)
    return _computed("left weights", asked.ids, (key, settings, places), interventions.weights, state,
                     recalled, places)


def left_effects(key: str, state: MemoryState, asked: AskedPrompt, settings: Settings, places: tuple):
    """How far the next token moves when the read of each told token alone is cut, KL in nats, (W,)."""
    recalled = _recalled(key, state, asked, settings)
    return _computed("left effects", asked.ids, (key, settings, places), interventions.effects, state,
                     recalled, settings, places)


def left_effects_kept(key: str, asked: AskedPrompt, settings: Settings, places: tuple):
    """`left_effects` where it was computed before; None where it was not."""
    return results.kept(_key("left effects", asked.ids, key, settings, places))


def intervened(
    key: str, state: MemoryState, asked: AskedPrompt, settings: Settings, kind: str, place, other: str
) -> tuple[AblationChange, str]:
    """The next token with memory as it is and under an intervention (choice.KNIVES), and the token of
    the other conversation that took part. Raises ValueError where it cannot be."""
    told = _lines(other)
    return _computed("intervened", asked.ids, (key, settings, kind, place, told), _intervened, state,
                     asked.recalled, settings, kind, place, told)


def edges_cut(key: str, state: MemoryState, asked: AskedPrompt, settings: Settings, edges: tuple):
    """The next token with memory as it is, and with these SlotEdges cut. Raises ValueError for an edge
    that does not exist, and where a token would read nothing."""
    return _computed("edges cut", asked.recalled.trace.ids, (key, settings, edges), cutting.effect,
                     asked.recalled.trace, in_run(state, asked, edges), 8)


def in_run(state: MemoryState, asked: AskedPrompt, edges: tuple) -> list[CutEdge]:
    """SlotEdges as edges of the run. Raises ValueError for one that does not exist."""
    return [_in_run(state, asked, edge) for edge in edges]


def _in_run(state: MemoryState, asked: AskedPrompt, edge: SlotEdge) -> CutEdge:
    """The edge in the run: the told token's place among the slots that were retrieved."""
    read = [state.bank.slots.places[i] for i in asked.kept]
    found = next((i for i, places in enumerate(read) if edge.place in places), None)
    if found is None:
        raise ValueError(f"Attention reads no slot of token {edge.place[1]} of prompt {edge.place[0]} now, "
                         "so no edge leads to it. Choose a token that the prompt retrieves.")
    return CutEdge(edge.query + asked.n_start, found, edge.layer, edge.head, slot=True)


def changed(
    key: str, state: MemoryState, asked: AskedPrompt, settings: Settings, kind: str, place, other: str
) -> Trace:
    """The run under an intervention, for a notebook; as `intervened`."""
    told = _lines(other)
    return _computed("changed", asked.ids, (key, settings, kind, place, told), _changed, state,
                     asked.recalled, settings, kind, place, told)[0]


def _lines(other: str) -> tuple[str, ...]:
    return tuple(line for line in other.splitlines() if line.strip())


def _recalled(key: str, state: MemoryState, asked: AskedPrompt, settings: Settings) -> asking.Recalled:
    if key == asked.key:
        return asked.recalled
    return _computed("recalled", asked.ids, (key, settings), asking.ask, state, asked.ids, settings)


def _intervened(
    chosen, state: MemoryState, recalled: asking.Recalled, settings: Settings, kind: str, place,
    told: tuple[str, ...],
) -> tuple[AblationChange, str]:
    run, name = _changed(chosen, state, recalled, settings, kind, place, told)
    return interventions.effect(chosen, recalled, run), name


def _changed(
    chosen, state: MemoryState, recalled: asking.Recalled, settings: Settings, kind: str, place,
    told: tuple[str, ...],
) -> tuple[Trace, str]:
    other, name = _told_elsewhere(chosen, told, settings), ""
    if kind in ("empty", "state", "off") and (kind != "off" or state.carried is not None):
        state = interventions.with_carried(state, other if kind == "state" else None)
    if kind == "value":
        source = interventions.counterpart(chosen, state, place, other)
        state = interventions.with_value(state, place, other, source)
        name = next(one.text for one in interventions.told([other]) if one.place == source)
    if kind in ("cut", "all", "off"):
        gone = [place] if kind == "cut" else [one.place for one in interventions.told([state])]
        return interventions.cut(chosen, state, recalled, gone, settings), name
    return interventions.again(chosen, state, recalled, settings), name


def _told_elsewhere(chosen, told: tuple[str, ...], settings: Settings) -> MemoryState:
    state = states.blank(chosen)
    writing = replace(settings, modules=frozenset({"am", *(chosen.memory.parts if chosen.memory else ())}))
    for text in told:
        state = telling.tell(chosen, state, text, writing).state
    return state


# -- module by module ------------------------------------------------------------------------------


def each_alone(
    key: str, state: MemoryState, asked: AskedPrompt, settings: Settings, k: int
) -> EachAlone:
    """The k first tokens of `asked.compared` with none of the modules, each alone, and all."""
    mark = _of_each(key, asked, settings, k)
    found = results.computed(mark, partial(
        alone.each, visit.checkpoint(), state, asked, settings, k, _before(_ALONE, mark)))
    st.session_state[_ALONE] = mark
    return found


def each_alone_kept(key: str, asked: AskedPrompt, settings: Settings, k: int) -> EachAlone | None:
    """`each_alone` where it was computed before; None where it was not."""
    return results.kept(_of_each(key, asked, settings, k))


def ways(key: str, asked: AskedPrompt, settings: Settings) -> WaysIn:
    """What each module added at each token, and how far its way in was open."""
    return _computed("ways", asked.recalled.trace.ids, (key, settings), ways_in.ways, asked)


def paths(key: str, state: MemoryState, text: str) -> tuple[dict[str, added.Path], int]:
    """The recurrent states while this prompt is told, and how many tokens at its end are left out
    (a long prompt is told in windows, and this is the first)."""
    chosen, ids = visit.checkpoint(), encode(text)
    if chosen.memory is None or not len(ids):
        return {}, 0
    first = ids[cuts.windows(chosen, ids)[0]]
    found = _computed("paths", first, (key,), added.paths, state.carried, first)
    return found, len(ids) - len(first)


def told_plain(text: str) -> Trace | None:
    """The plain run of a prompt that is told; of a long one, of its first window. None for no token."""
    chosen, ids = visit.checkpoint(), encode(text)
    if not len(ids):
        return None
    first = ids[cuts.windows(chosen, ids)[0]]
    return results.computed(None, partial(asking.plain, chosen, first))


def state_changes(before: MemoryState, after: MemoryState) -> dict[str, tuple[float, float]]:
    """Recurrent module -> (length of its state, cosine to the one before) of a prompt told."""
    return added.changes(visit.checkpoint().memory, before.carried, after.carried)


# -- one slot --------------------------------------------------------------------------------------


def vectors(stored, slot: int, layer: int, head: int) -> tuple[np.ndarray, np.ndarray]:
    """A slot's key and value of one head, (D,) float32 each; stored: a bank, or what a run read."""
    return tuple(x[layer, head, slot].float().cpu().numpy() for x in (stored.keys, stored.values))


def external_vectors(state: MemoryState, slot: int) -> tuple[np.ndarray, np.ndarray]:
    """A slot's key and value in the EDM, (C,) float32 each."""
    external = state.external
    return tuple(x[slot].float().cpu().numpy() for x in (external.keys, external.values))


def value_points_to(stored, slot: int, layer: int, head: int):
    """The tokens a slot's value raises most on the direct path, and their scores."""
    work = partial(effect.value_points_to, visit.checkpoint(), stored.values, slot, layer, head)
    return results.computed(None, work)


def external_points_to(state: MemoryState, slot: int):
    """The tokens an EDM slot's value raises most on the direct path, and their scores."""
    return results.computed(
        None, partial(effect.external_points_to, visit.checkpoint(), state.external.values[slot])
    )


# -- keys ------------------------------------------------------------------------------------------


def _asked(key: str, state: MemoryState, ids: np.ndarray, settings: Settings, latest: str, front=None,
           n_front: int = 0) -> AskedPrompt:
    """From the store, or gone on with where this visitor's latest ask stands."""
    mark = _key("asked", ids, key, settings)
    found = results.computed(mark, partial(
        question.ask, visit.checkpoint(), state, ids, settings, _before(latest, mark), key, front,
        n_front))
    st.session_state[latest] = mark
    return found


def _computed(what: str, ids, settings: tuple, compute: Callable, *given):
    """compute(checkpoint, *given), which visitors share who ask this memory the same; settings:
    the memory's key and all that changes the result."""
    work = partial(compute, visit.checkpoint(), *given)
    return results.computed(_key(what, ids, *settings), work)


def _key(what: str, ids, *settings) -> RunKey:
    return RunKey.with_memory(visit.checkpoint(), f"memory: {what}", ids, *settings)


def _off(asked: AskedPrompt) -> RunKey:
    return RunKey.of(visit.checkpoint(), visit.named(effect.off_difference), asked.plain.ids)


def _of_each(key: str, asked: AskedPrompt, settings: Settings, k: int) -> RunKey:
    return _key("each alone", asked.ids, key, settings, k)


def _before(name: str, mark: RunKey):
    """This visitor's latest result of this session key, of the same model: from the store, and None
    where it no longer has it."""
    latest = st.session_state.get(name)
    same = latest is not None and (latest.placed_model, latest.memory) == (
        mark.placed_model, mark.memory)
    return results.kept(latest) if same else None
