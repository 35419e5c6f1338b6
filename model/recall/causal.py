"""What a memory's slots cause: change some of them, and see which answer the changed state gives.

First pure functions: a MemoryState in, a new one out, the old one untouched. Then their use: the
effect of every slot, and the smallest set without which the answer is lost. A `Place` (prompt,
position) names slots: a token that several modules remember is one place, and is removed or changed
in all of them. The new state is asked with a new retrieval, so removing a slot is as if it had
never been written.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from model.memory import cuts, fusion, held
from model.memory.settings import Settings
from model.memory.state import MemoryState
from model.recall import probe
from model.recall.probe import Outcome, Scored
from model.recall.reads import Place, places_of, tables
from model.run import borders, tokens
from model.run.checkpoint import Checkpoint
from model.run.trace import Trace, run


@dataclass(frozen=True, eq=False)
class Effect:
    """The effect of removing `gone` on the scored tokens. drop: how much their joint log
    probability falls, in nats; lost: greedy decoding no longer says them."""

    gone: tuple[Place, ...]
    scored: Scored
    drop: float

    @property
    def lost(self) -> bool:
        return not self.scored.exact


def places(state: MemoryState) -> list[Place]:
    """Every remembered token, in the order told."""
    return sorted({place for table in tables(state).values() for place in places_of(table)})


def without(state: MemoryState, gone: Iterable[Place]) -> MemoryState:
    """The state as if these tokens had not been stored. A summary cannot be split: it is removed
    with any of its tokens."""
    gone = set(gone)
    return _selected(state, lambda held: gone.isdisjoint(held))


def only(state: MemoryState, kept: Iterable[Place]) -> MemoryState:
    """The state with these tokens alone, and with summaries of any of them; what a recurrent memory
    carries stays."""
    kept = set(kept)
    return _selected(state, lambda held: not kept.isdisjoint(held))


def without_prompt(state: MemoryState, prompt: int) -> MemoryState:
    """The state without any slot of that prompt, counted from 1. A recurrent state stays: it cannot
    be split by prompt."""
    return _selected(state, lambda held: all(place[0] != prompt for place in held))


def without_slots(state: MemoryState) -> MemoryState:
    """No slot at all; what a recurrent memory carries stays."""
    return _selected(state, lambda held: False)


def without_carried(state: MemoryState) -> MemoryState:
    """The state without what the recurrent memories carry; slots stay."""
    return replace(state, carried=None)


def swap_values(state: MemoryState, pairs: Iterable[tuple[Place, Place]]) -> MemoryState:
    """Swap the values of the two tokens of every pair, in all layers and heads of all modules. Keys
    stay, and so retrieval stays. ValueError if a module holds only one of the two."""
    for one, other in pairs:
        for part, slots in tables(state).items():
            found = [i for i, place in enumerate(places_of(slots)) if place in (one, other)]
            if len(found) == 1 and one != other:
                raise ValueError(
                    f"Cannot swap: {part} holds only one of {_name(one)} and {_name(other)}. "
                    "Choose two stored tokens that are both in memory."
                )
            if len(found) == 2:
                order = np.arange(len(slots))
                order[found] = found[::-1]
                state = _reordered(state, part, order)
        if {one, other} - set(places(state)):
            raise ValueError(f"{_name(one)} or {_name(other)} is not in memory. Choose stored "
                             "ones.")
    return state


def edit(
    checkpoint: Checkpoint, state: MemoryState, place: Place, text: str, settings: Settings
) -> MemoryState:
    """Give one stored token the value of `text`: the prompt is run again with that token in its
    place, and the value vectors of this position are taken from that run, in all layers and heads.
    Its key, and all other slots, stay.

    Raises ValueError if `text` is not one token, if the token is not in memory, and for positions
    `continue`: then a prompt cannot be read again without the memory it was told with.
    """
    ids = tokens.encode_part(checkpoint.tokenizer, text)
    if len(ids) != 1:
        shown = probe.pieces(checkpoint.tokenizer, ids)
        raise ValueError(f"Not one token: {text!r} is {len(ids)}: {shown}. Choose another word.")
    if place not in places(state):
        raise ValueError(f"{_name(place)} is not in memory. Choose a token that is stored.")
    if settings.fusion.positions == "continue":
        raise ValueError("A prompt told with positions `continue` cannot be read again alone. "
                         "Choose other positions.")
    if any(len(held) > 1 and place in held for t in tables(state).values() for held in t.places):
        raise ValueError(f"{_name(place)} is in a summary. Choose a token with a slot of its own.")
    again, row = _told_with(checkpoint, state, place, int(ids[0]))
    for part, slots in tables(state).items():
        for index in [i for i, own in enumerate(places_of(slots)) if own == place]:
            state = _PUT[part](checkpoint, state, index, again, row)
    return state


def effect(
    checkpoint: Checkpoint, one: Outcome, state: MemoryState, gone: Sequence[Place] = ()
) -> Effect:
    """The outcome's tokens scored with another state."""
    scored = probe.score(
        checkpoint, state, one.ids, one.scored.ids, one.settings, one.lead_ids
    )
    return Effect(tuple(gone), scored, one.scored.joint_log - scored.joint_log)


def candidates(one: Outcome, n: int = 64) -> list[Place]:
    """The n most read places, most read first; only retrieved slots were read at all."""
    ranked = dict.fromkeys(read.place for read in one.read if read.kept)
    return list(ranked)[:n]


def each_alone(checkpoint: Checkpoint, one: Outcome, which: Iterable[Place]) -> Iterator[Effect]:
    """The effect of removing each of these places, one at a time."""
    for place in which:
        yield effect(checkpoint, one, without(one.state, [place]), [place])


def smallest_set(checkpoint: Checkpoint, one: Outcome, alone: list[Effect]) -> Effect | None:
    """The few places whose joint removal loses the answer; None if removing all of `alone` does not
    lose it, or if it is not said at all.

    The search is greedy, so the set may not be the smallest. It removes the places of `alone` in
    the order of their single effects until greedy decoding no longer says the tokens. Then it puts
    each one back, and leaves it there if the answer is still lost.
    """
    if not one.scored.exact:
        return None
    gone: list[Place] = []
    for single in sorted(alone, key=lambda e: -e.drop):
        gone += single.gone
        last = effect(checkpoint, one, without(one.state, gone), gone)
        if last.lost:
            return _minimised(checkpoint, one, last)
    return None


def _minimised(checkpoint: Checkpoint, one: Outcome, found: Effect) -> Effect:
    for place in found.gone[:-1]:
        fewer = [other for other in found.gone if other != place]
        if not fewer:
            break
        tried = effect(checkpoint, one, without(one.state, fewer), fewer)
        found = tried if tried.lost else found
    return found


def _selected(
    state: MemoryState, stays: Callable[[tuple[tuple[int, int], ...]], bool]
) -> MemoryState:
    """The slots for which stays((prompt, position) of every token that one holds) is true."""
    kept = {
        part: np.flatnonzero([stays(held) for held in slots.places])
        for part, slots in tables(state).items()
    }
    external = None if state.external is None else state.external.select(kept["edm"])
    return replace(state, bank=fusion.select(state.bank, kept["am"]), external=external)


def _reordered(state: MemoryState, part: str, order: np.ndarray) -> MemoryState:
    """The values of a part in another order; everything else stays where it is."""
    index = torch.as_tensor(order, device=state.bank.values.device)
    if part == "am":
        values = state.bank.values.index_select(2, index)
        return replace(state, bank=replace(state.bank, values=values))
    assert state.external is not None, "an EDM without slots has no order"
    values = state.external.values[index]
    return replace(state, external=replace(state.external, values=values))


def _put_in_bank(
    checkpoint: Checkpoint, state: MemoryState, index: int, again: Trace, row: int
) -> MemoryState:
    values = state.bank.values.clone()
    values[:, :, index] = again.v[:, :, row]
    return replace(state, bank=replace(state.bank, values=values))


@torch.inference_mode()
def _put_in_slots(
    checkpoint: Checkpoint, state: MemoryState, index: int, again: Trace, row: int
) -> MemoryState:
    assert state.external is not None and checkpoint.memory is not None, "no EDM to put into"
    values = state.external.values.clone()
    values[index] = held.keys_and_values(checkpoint.memory, again)[1][row]
    return replace(state, external=replace(state.external, values=values))


_PUT = {"am": _put_in_bank, "edm": _put_in_slots}


def _told_with(
    checkpoint: Checkpoint, state: MemoryState, place: Place, token: int
) -> tuple[Trace, int]:
    """That window of the prompt, run as it was told with another token there, and its row."""
    ids = tokens.encode_part(checkpoint.tokenizer, state.prompts[place.prompt - 1])
    window = next(w for w in cuts.windows(checkpoint, ids) if place.position < w.stop)
    part = borders.with_start(checkpoint, ids[window])
    row = len(part) - len(ids[window]) + place.position - window.start
    part[row] = token
    return run(checkpoint, part), row


def _name(place: Place) -> str:
    return f"prompt {place.prompt}, token {place.position}"
