"""A memory under the knife: cut the read of a told token, give its slots another value, change what
the recurrent memories carry; and how much of what a token does is left, prompts later.

What the prompt retrieved stays retrieved: only what is read of it changes, so that an effect is the
read's and not another retrieval's. (model.recall.causal asks anew, as if a token had never been
told.) Nothing is stored on the model; states stay as they are. Knows nothing of looks.
W told tokens, M slots, V vocabulary.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from model.analysis import ablation, alignment
from model.analysis.ablation import AblationChange
from model.memory import asking, fusion, held
from model.memory.asking import Recalled
from model.memory.settings import Settings
from model.memory.slots import Slots
from model.memory.state import MemoryState
from model.recall.reads import Place, places_of, tables
from model.run import tokens, turn
from model.run.checkpoint import Checkpoint
from model.run.trace import Trace, run


def cut(
    checkpoint: Checkpoint, state: MemoryState, recalled: Recalled, gone: Iterable[Place],
    settings: Settings,
) -> Trace:
    """The asked prompt again without reading these tokens, in either store; all else is read as it
    was, what the recurrent memories carry too. A summary is not read where it holds one of them."""
    lost = set(gone)
    stays = {part: np.array([lost.isdisjoint(places) for places in table.places], dtype=bool)
             for part, table in tables(state).items()}
    kept = recalled.kept[stays["am"][recalled.kept]]
    hidden = np.zeros(0, dtype=bool)
    if state.external is not None:
        known = recalled.not_asked.external
        hidden = ~stays["edm"] | (known if len(known) else False)
    return _read_again(checkpoint, state, recalled, kept, hidden, settings)


def again(
    checkpoint: Checkpoint, changed: MemoryState, recalled: Recalled, settings: Settings
) -> Trace:
    """The asked prompt again with the same slots of a changed state: other values, or another
    recurrent state. The slots are in the same order. Raises ValueError with positions `replay`, which
    read no stored value."""
    if settings.fusion.positions == "replay" and len(recalled.kept):
        raise ValueError("With positions `replay` stored values are not read: the tokens are run again. "
                         "Choose other positions.")
    hidden = recalled.not_asked.external
    return _read_again(checkpoint, changed, recalled, recalled.kept, hidden, settings)


def _read_again(
    checkpoint: Checkpoint, state: MemoryState, recalled: Recalled, kept: np.ndarray,
    hidden: np.ndarray, settings: Settings,
) -> Trace:
    reading = asking.reading(checkpoint, state.bank, kept, settings)
    graft = asking.graft_of(checkpoint, state, settings, hidden)
    return run(checkpoint, recalled.trace.ids, reading=reading, graft=graft)


def effect(checkpoint: Checkpoint, recalled: Recalled, changed: Trace, k: int = 8) -> AblationChange:
    """The next token as memory is read, and in the changed run."""
    return ablation.compare(checkpoint, recalled.trace.next_logits, changed.next_logits, k)


# -- what is changed -------------------------------------------------------------------------------


def with_value(
    state: MemoryState, place: Place, other: MemoryState, source: Place
) -> MemoryState:
    """The slots of `place` with the values that another conversation stored for `source`, in every
    store, layer and head; keys stay. Raises ValueError where a store that holds the one does not hold
    the other alone, or where the two are of different models."""
    if (state.fingerprint, state.memory) != (other.fingerprint, other.memory):
        raise ValueError("The two conversations are of different models or trained memories: their "
                         "values do not fit each other. Tell both to one model.")
    held_there = tables(other)
    found = {part: own for part, table in tables(state).items() if (own := _slot(table, place)) is not None}
    if not found:
        raise ValueError(f"{_name(place)} is not in memory, or only in a summary. Choose another.")
    for part, own in found.items():
        new = _slot(held_there[part], source) if part in held_there else None
        if new is None:
            store = "the attention bank" if part == "am" else "the EDM"
            raise ValueError(f"{_name(source)} of the other conversation has no slot in {store}. Choose "
                             "a token that both conversations stored.")
        state = _put(state, part, own, other, new)
    return state


def _slot(table: Slots, place: Place) -> int | None:
    """The slot that holds this token alone."""
    found = [i for i, places in enumerate(table.places) if places == (tuple(place),)]
    return found[0] if found else None


def _put(state: MemoryState, part: str, own: int, other: MemoryState, new: int) -> MemoryState:
    if part == "am":
        values = state.bank.values.clone()
        values[:, :, own] = other.bank.values[:, :, new]
        return replace(state, bank=replace(state.bank, values=values))
    assert state.external is not None and other.external is not None, "slots of no EDM"
    values = state.external.values.clone()
    values[own] = other.external.values[new]
    return replace(state, external=replace(state.external, values=values))


def with_carried(state: MemoryState, other: MemoryState | None) -> MemoryState:
    """The state with what the recurrent memories of another conversation carry; None: with nothing,
    as before the first prompt. Raises ValueError where no recurrent memory carries anything."""
    if state.carried is None:
        raise ValueError("No recurrent memory carries anything here. Switch one on and tell it a prompt.")
    if other is not None and other.carried is None:
        raise ValueError("The other conversation carries nothing. Type what it was told.")
    return replace(state, carried=None if other is None else other.carried)


def counterpart(
    checkpoint: Checkpoint, state: MemoryState, place: Place, other: MemoryState
) -> Place:
    """The token of another conversation that stands for a told token: in the prompt of the same
    number, aligned by their longest common subsequence; where the two differ, the first stands for the
    first, and so on. Raises ValueError where there is none."""
    prompt, position = place
    if prompt > len(other.prompts):
        raise ValueError(f"The other conversation has {len(other.prompts)} prompts, so prompt {prompt} "
                         "has no counterpart. Type one line for each prompt told.")
    own, new = (tokens.encode_part(checkpoint.tokenizer, one.prompts[prompt - 1]) for one in (state, other))
    found = _standing_for(alignment.by_subsequence(own, new), position, len(new))
    if found == alignment.NONE:
        raise ValueError(f"{_name(place)} has no counterpart in the other conversation. Word both alike.")
    return Place(prompt, found)


def _standing_for(pairs: np.ndarray, position: int, n: int) -> int:
    """pairs (T,) as of model.analysis.alignment, with a text of n tokens -> the partner of a token."""
    if pairs[position] != alignment.NONE:
        return int(pairs[position])
    known = np.flatnonzero(pairs != alignment.NONE)
    before, after = known[known < position], known[known > position]
    start = int(pairs[before[-1]]) - int(before[-1]) if len(before) else 0
    end = int(pairs[after[0]]) if len(after) else n
    return position + start if position + start < end else alignment.NONE


def _name(place: Place) -> str:
    return f"Token {place.position} of prompt {place.prompt}"


# -- what is left ----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Told:
    """A told token: its place, and its visible string."""

    place: Place
    text: str


def told(states: Sequence[MemoryState]) -> list[Told]:
    """Every token that one of these memories holds in a slot of its own, in the order told."""
    found: dict[Place, str] = {}
    for state in states:
        for table in tables(state).values():
            found |= dict(zip(places_of(table), table.text.tolist()))
    return [Told(place, found[place]) for place in sorted(found)]


def weights(checkpoint: Checkpoint, state: MemoryState, recalled: Recalled, places: Sequence[Place]
            ) -> dict[str, np.ndarray]:
    """What the prompt's last token reads of each told token: "am", mean over layers and heads, and
    "edm", mean over its heads, (W,) each; 0 where it is not stored, or not read."""
    found = {"am": np.zeros(len(state.bank))}
    if len(recalled.kept):
        found["am"][recalled.kept] = fusion.read_weights(checkpoint, recalled.trace)[:, :, -1].mean((0, 1))
    if state.external is not None and recalled.trace.external_query() is not None:
        found["edm"] = held.read_weights(recalled.trace, len(recalled.trace) - 1)[:, -1, 1:].mean(0)
    every = tables(state)
    return {
        part: np.array([sum(read[i] for i, of in enumerate(every[part].places) if place in of)
                        for place in places], dtype=np.float64)
        for part, read in found.items()
    }


def effects(
    checkpoint: Checkpoint, state: MemoryState, recalled: Recalled, settings: Settings,
    places: Sequence[Place],
) -> np.ndarray:
    """How far the next token's distribution moves when the read of each told token alone is cut: KL
    in nats, (W,) float64; 0 where it is not stored. Lets others run in between."""
    stored = {place for table in tables(state).values() for of in table.places for place in of}
    before = recalled.trace.next_logits.double().log_softmax(-1)
    found = np.zeros(len(places))
    for i, place in enumerate(places):
        if place in stored:
            turn.give_way()
            after = cut(checkpoint, state, recalled, [place], settings).next_logits
            found[i] = ablation.kl(before, after.double().log_softmax(-1))
    return found
