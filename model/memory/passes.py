"""The runs that lead to one answer, each of which takes over the rows of the same run of the prompt
before: while one types, only what was typed is run.

A row changes only with what is read beside it. So a run is gone on with where it reads the very
same slots and trained memory; where retrieval chose other slots, that run starts anew. Knows
nothing of what is retrieved, and why.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from model.grafts.graft import Graft
from model.grafts.reading import Reading
from model.memory import fusion
from model.memory.settings import Settings
from model.memory.state import MemoryState
from model.run.checkpoint import Checkpoint
from model.run.together import can_join, run_together
from model.run.trace import Trace, common_prefix, run

MOST_FOUND = 2  # different choices of slots whose runs are kept: typing often goes back to the last


@dataclass(frozen=True, eq=False)
class Passes:
    """The runs of one ask, or of one before it where this one did not need it.

    state, settings: what was asked; graft: the trained memory read; others: the same without the
    EDM. runs: those that the ask used. readings: what was retrieved, the latest last.
    first: over the whole bank; drawn (T,M): what each of its tokens read of each slot, mean
    over layers and heads. found: over what was retrieved, the latest last; without: with `others`
    and no bank; left_out: with `graft` and no bank; alone: with `others`, over what was retrieved;
    hidden: the EDM's slots that `graft` leaves out, as bytes.
    """

    state: MemoryState
    settings: Settings
    graft: Graft | None
    others: Graft | None
    runs: tuple[Trace, ...] = ()
    readings: tuple[Reading, ...] = ()
    first: Trace | None = None
    drawn: np.ndarray | None = None
    found: tuple[Trace, ...] = ()
    without: Trace | None = None
    left_out: Trace | None = None
    alone: Trace | None = None
    hidden: bytes = b""

    def fits(self, state: MemoryState, settings: Settings) -> bool:
        """Whether an ask of this state with these settings may go on with these runs."""
        return self.state is state and self.settings == settings

    def advanced(self, made: dict[int, Trace], n_old: int) -> "Passes":
        """The same with runs that were made ahead, by the id of the run each goes on with; of what
        tokens drew, the first n_old rows hold."""
        first, without, left_out, alone = (
            made.get(id(t), t) for t in (self.first, self.without, self.left_out, self.alone)
        )
        drawn = self.drawn if first is self.first or self.drawn is None else self.drawn[:n_old]
        found = tuple(made.get(id(t), t) for t in self.found)
        return replace(self, first=first, drawn=drawn, found=found, without=without, left_out=left_out,
                       alone=alone)


@dataclass(eq=False)
class Runner:
    """Makes the runs of one prompt, ids (T,) as they are run; `passes` grows with them."""

    checkpoint: Checkpoint
    ids: np.ndarray
    passes: Passes

    def __post_init__(self) -> None:
        self._keep(runs=())

    def first(self, everything: Reading) -> Trace:
        """The run over the whole bank."""
        before = self.passes.first
        same = everything if before is None or before.reading is None else before.reading
        trace = self._run(before, same, self.passes.graft)
        self._keep(first=trace, drawn=self._drawn(trace, before))
        return trace

    def reading(
        self, reading_of: Callable[[np.ndarray], Reading | None], kept: np.ndarray
    ) -> Reading | None:
        """What is read of the slots `kept` (K,): as an earlier run of these slots read it, else by
        reading_of."""
        known = self.passes.readings
        read = next((r for r in known if np.array_equal(r.kept, kept)), None) or reading_of(kept)
        if read is not None:
            self._keep(readings=(*(r for r in known if r is not read), read)[-MOST_FOUND:])
        return read

    def found(self, reading: Reading | None) -> Trace:
        """The run that reads these slots of the bank."""
        first = self.passes.first
        if first is not None and first.reading is reading:
            return first
        others = [t for t in self.passes.found if t.reading is not reading]
        before = next((t for t in self.passes.found if t.reading is reading), None)
        trace = self._run(before, reading, self.passes.graft)
        self._keep(found=(*others, trace)[-MOST_FOUND:])
        return trace

    def without(self) -> Trace:
        """The run without anything that is stored in slots."""
        trace = self._run(self.passes.without, None, self.passes.others)
        self._keep(without=trace)
        return trace

    def alone(self, reading: Reading | None) -> Trace:
        """The run that reads these slots of the bank, and no EDM."""
        if self.passes.graft is self.passes.others:
            return self.found(reading)
        before = self.passes.alone
        if before is not None and before.reading is not reading:
            before = None
        trace = self._run(before, reading, self.passes.others)
        self._keep(alone=trace)
        return trace

    def left_out(self) -> Trace:
        """The run that reads trained memory, the EDM too, and no bank."""
        if self.passes.graft is self.passes.others and self.passes.without is not None:
            return self.without()
        trace = self._run(self.passes.left_out, None, self.passes.graft)
        self._keep(left_out=trace)
        return trace

    def _run(self, before: Trace | None, reading: Reading | None, graft: Graft | None) -> Trace:
        is_made = (  # ahead
            before is not None and before.reading is reading and before.graft is graft
            and np.array_equal(before.ids, self.ids)
        )
        trace = before if is_made else run(self.checkpoint, self.ids, before, reading, graft)
        assert trace is not None, "a run that was made ahead"
        self._keep(runs=(*self.passes.runs, trace))
        return trace

    def _drawn(self, trace: Trace, before: Trace | None) -> np.ndarray:
        known = self.passes.drawn
        start = 0 if known is None else min(shared_rows(trace, before), len(known))
        rows = fusion.read_weights(self.checkpoint, trace, start).mean((0, 1))  # (t,M)
        return rows if known is None or not start else np.concatenate([known[:start], rows])

    def _keep(self, **made: Any) -> None:
        self.passes = replace(self.passes, **made)


def ahead(
    checkpoint: Checkpoint, ids: np.ndarray, every: Sequence[Passes],
    plain: Trace | None = None,
) -> tuple[list[Passes], Trace | None]:
    """The runs that asks of ids (T,), as they are run, will need if they retrieve what the asks
    before them did, made in one batch -> the asks' runs to go on with, and the plain one.

    What cannot go on stays as it is, and is run when it is needed."""
    wanted = [t for passes in every for t in passes.runs] + ([] if plain is None else [plain])
    able = list({id(t): t for t in wanted if can_join(ids, t)}.values())
    n_old = max((common_prefix(ids, t.ids) for t in able), default=0)
    able = [t for t in able if common_prefix(ids, t.ids) == n_old]
    if len(able) < 2:
        return list(every), plain
    made = dict(zip(map(id, able), run_together(checkpoint, ids, able)))
    return [p.advanced(made, n_old) for p in every], made.get(id(plain), plain)


def shared_rows(trace: Trace, before: Trace | None) -> int:
    """How many leading rows of a run are those of another: of the same tokens, with the same read."""
    if before is None or before.reading is not trace.reading or before.graft is not trace.graft:
        return 0
    return common_prefix(trace.ids, before.ids)
