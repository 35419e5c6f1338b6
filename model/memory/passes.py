"""The runs that lead to one answer, each of which takes over the rows of the same run of the prompt
before: while one types, only what was typed is run.

A row changes only with what is read beside it. So a run is gone on with where it reads the very
same slots and trained memory. Where a key changes what is read (retrieval chose other slots, a near
miss came or went), that run starts anew, and the old one is kept: typing often goes back to it.
Where only the EDM is read otherwise, it starts anew from the EDM's block on.
Knows nothing of what is retrieved, and why.
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
from model.run.above import can_take, run_above
from model.run.checkpoint import Checkpoint
from model.run.together import can_join, run_together
from model.run.trace import Trace, common_prefix, run

MOST_KEPT = 8  # runs that are kept to go on with; an ask uses at most four
MOST_TRAINED = 3  # different choices of the EDM's slots that are kept


@dataclass(frozen=True, eq=False)
class Trained:
    """The trained memory that an ask reads: graft, and others: the same without the EDM. hidden: the
    EDM's slots (N,) bool that are left out, as bytes; b"" for none."""

    hidden: bytes
    graft: Graft | None
    others: Graft | None


@dataclass(frozen=True, eq=False)
class Drawn:
    """weights (T,M): what each token of a run over the whole bank read of each slot, mean over layers
    and heads."""

    trace: Trace
    weights: np.ndarray


@dataclass(frozen=True, eq=False)
class Passes:
    """The runs of one ask, and some of the asks before it.

    state, settings: what was asked; trained: what its runs read of trained memory, the latest last.
    whole: the whole bank, as the first pass reads it. runs: those that the ask used; kept: those to
    go on with, the latest used last. No two of these read the same. drawn: of runs over the whole bank.
    """

    state: MemoryState
    settings: Settings
    trained: tuple[Trained, ...]
    whole: Reading | None = None
    runs: tuple[Trace, ...] = ()
    kept: tuple[Trace, ...] = ()
    drawn: tuple[Drawn, ...] = ()

    def fits(self, state: MemoryState, settings: Settings) -> bool:
        """Whether an ask of this state with these settings may go on with these runs."""
        return self.state is state and self.settings == settings

    def run_of(self, reading: Reading | None, graft: Graft | None) -> Trace | None:
        """The kept run that read this; None: none is kept."""
        same = (t for t in self.kept if t.reading is reading and t.graft is graft)
        return next(same, None)

    def read_of(self, slots: np.ndarray) -> Reading | None:
        """What a kept run read of exactly these slots (K,), the first pass apart."""
        reads = (t.reading for t in self.kept if t.reading is not None and t.reading is not self.whole)
        return next((r for r in reads if np.array_equal(r.kept, slots)), None)

    def with_run(self, trace: Trace) -> "Passes":
        """The same, and one more run that the ask used; it replaces the one that it goes on with."""
        others = (t for t in self.kept if t.reading is not trace.reading or t.graft is not trace.graft)
        used = (t for t in self.runs if t is not trace)
        return replace(self, runs=(*used, trace), kept=(*others, trace)[-MOST_KEPT:])

    def with_trained(self, trained: Trained) -> "Passes":
        """The same, reading this of trained memory from now on."""
        others = (t for t in self.trained if t is not trained)
        return replace(self, trained=(*others, trained)[-MOST_TRAINED:])

    def advanced(self, made: dict[int, Trace]) -> "Passes":
        """The same with runs that were made ahead, by the id of the run each goes on with."""
        return replace(self, kept=tuple(made.get(id(t), t) for t in self.kept))


@dataclass(eq=False)
class Runner:
    """Makes the runs of one prompt, ids (T,) as they are run; `passes` grows with them."""

    checkpoint: Checkpoint
    ids: np.ndarray
    passes: Passes

    def __post_init__(self) -> None:
        self._keep(runs=())

    def first(self, everything: Reading) -> Drawn:
        """The run over the whole bank, and what its tokens drew of it."""
        self._keep(whole=self.passes.whole or everything)
        trace = self._run(self.passes.whole, self._trained.graft)
        known = next((d for d in self.passes.drawn if d.trace.graft is trace.graft), None)
        drawn = self._drawn(trace, known)
        others = (d for d in self.passes.drawn if d is not known)
        self._keep(drawn=(*others, drawn)[-MOST_TRAINED:])
        return drawn

    def reading(
        self, reading_of: Callable[[np.ndarray], Reading | None], kept: np.ndarray
    ) -> Reading | None:
        """What is read of the slots `kept` (K,): as an earlier run of these slots read it, else by
        reading_of."""
        return self.passes.read_of(kept) or reading_of(kept)

    def found(self, reading: Reading | None) -> Trace:
        """The run that reads these slots of the bank."""
        return self._run(reading, self._trained.graft)

    def without(self) -> Trace:
        """The run without anything that is stored in slots."""
        return self._run(None, self._trained.others)

    def alone(self, reading: Reading | None) -> Trace:
        """The run that reads these slots of the bank, and no EDM."""
        return self._run(reading, self._trained.others)

    def left_out(self) -> Trace:
        """The run that reads trained memory, the EDM too, and no bank."""
        return self._run(None, self._trained.graft)

    @property
    def _trained(self) -> Trained:
        return self.passes.trained[-1]

    def _run(self, reading: Reading | None, graft: Graft | None) -> Trace:
        before = self.passes.run_of(reading, graft)
        trace = before
        if before is None and (below := self._below(reading)) is not None and can_take(below, graft):
            trace = run_above(self.checkpoint, below, graft)
        elif before is None or not np.array_equal(before.ids, self.ids):  # not made ahead, or by this ask
            trace = run(self.checkpoint, self.ids, before, reading, graft)
        assert trace is not None, "a run that was made before"
        self.passes = self.passes.with_run(trace)
        return trace

    def _below(self, reading: Reading | None) -> Trace | None:
        """A run of this prompt that reads all but the EDM alike."""
        alike = [graft for t in self.passes.trained if t.others is self._trained.others
                 for graft in (t.graft, t.others)]
        same = (t for t in self.passes.kept if t.reading is reading
                and any(t.graft is graft for graft in alike) and np.array_equal(t.ids, self.ids))
        return next(same, None)

    def _drawn(self, trace: Trace, known: Drawn | None) -> Drawn:
        start = 0 if known is None else shared_rows(trace, known.trace)
        rows = fusion.read_weights(self.checkpoint, trace, start).mean((0, 1))  # (t,M)
        if known is None or not start:
            return Drawn(trace, rows)
        return Drawn(trace, np.concatenate([known.weights[:start], rows]))

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
    return [p.advanced(made) for p in every], made.get(id(plain), plain)


def shared_rows(trace: Trace, before: Trace | None) -> int:
    """How many leading rows of a run are those of another: of the same tokens, with the same read."""
    if before is None or before.reading is not trace.reading or before.graft is not trace.graft:
        return 0
    return common_prefix(trace.ids, before.ids)
