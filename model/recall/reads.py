"""The read weight of each slot for an answer's tokens. Knows nothing of probes and verdicts.

A remembered token is a `Place`: prompt and position. Each memory module that stored it has a slot
for it: attention with memory ("am") and the external memory ("edm").
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from model.memory import asking, fusion, held
from model.memory.slots import Slots
from model.memory.state import MemoryState
from model.run.checkpoint import Checkpoint
from model.run.trace import Trace


class Place(NamedTuple):
    """A token that was told: number of its prompt, from 1; position in it, from 0."""

    prompt: int
    position: int


@dataclass(frozen=True, eq=False)
class SlotRead:
    """One slot, and what the answer's A tokens read from it.

    part: "am" or "edm" (one layer, the block before which it sits); index: in that part's table.
    text, around: the token and its sentence. mean (A,): read weight of each answer token, mean over
    the layers and heads that read; peak: the largest single weight, and the layer and head it was
    found at.
    kept: False if the slot was not retrieved (nothing was read from it). held: for a summary, the
    places of all its tokens; `place` and `text` are those of the most salient one.
    """

    part: str
    index: int
    place: Place
    text: str
    around: str
    mean: np.ndarray
    peak: float
    layer: int
    head: int
    kept: bool
    held: tuple[Place, ...] = ()

    @property
    def weight(self) -> float:
        """The largest mean weight that one of the answer's tokens read."""
        return float(self.mean.max(initial=0))


def tables(state: MemoryState) -> dict[str, Slots]:
    """Every part that has slots -> their table."""
    external = state.external
    return {"am": state.bank.slots} | ({} if external is None else {"edm": external.slots})


def places_of(slots: Slots) -> list[Place]:
    """The place of each slot of a table, M of them."""
    return [Place(int(p), int(i)) for p, i in zip(slots.prompt, slots.position)]


def read_by(
    checkpoint: Checkpoint, state: MemoryState, asked: asking.Recalled, trace: Trace, first: int
) -> tuple[SlotRead, ...]:
    """Rows first, first + 1, … of the trace (each predicts a token of the answer) -> every slot,
    most read first."""
    weights = fusion.read_weights(checkpoint, trace)[:, :, first:]  # (L,H,A,kept)
    rows = _rows("am", state.bank.slots, asked.kept, weights)
    if trace.external_query() is not None:
        assert state.external is not None and trace.graft is not None, "an EDM was read, but is not there"
        weights = held.read_weights(trace)[None, :, first:, 1:]  # (1,H,A,M): it has one layer
        table, layer = state.external.slots, trace.graft.modules.external.layer
        rows += _rows("edm", table, np.arange(len(table)), weights, layer)
    return tuple(sorted(rows, key=lambda read: (-read.weight, read.place)))


def _rows(
    part: str, slots: Slots, kept: np.ndarray, weights: np.ndarray, first_layer: int = 0
) -> list[SlotRead]:
    column = {int(slot): i for i, slot in enumerate(kept)}
    nothing = np.zeros((*weights.shape[:3], 1), weights.dtype)
    rows, every = [], slots.places
    for index, place in enumerate(places_of(slots)):
        i = column.get(index)
        own = (nothing if i is None else weights[..., i : i + 1])[..., 0]  # (L,H,A)
        layer, head, _ = np.unravel_index(own.argmax(), own.shape) if own.size else (0, 0, 0)
        rows.append(SlotRead(
            part, index, place, str(slots.text[index]), str(slots.around[index]),
            mean=own.mean((0, 1)), peak=float(own.max(initial=0)), layer=first_layer + int(layer),
            head=int(head), kept=i is not None,
            held=tuple(Place(*p) for p in every[index]) if slots.origins[index] else (),
        ))
    return rows
