"""What is still recalled when a memory is far over its budget, for every pair of score and policy.

A memory is first filled with WARM tokens of a book. Then TOGETHER facts are told, each followed by
a prompt of the book, and the book goes on. Each fact is asked at every stop, a number of tokens
after the last fact. The plain model reads each prompt of the book once for all facts and pairs;
what depends on the memory (novelty, eviction, answers) is computed anew each time.

Knows nothing of where probes and books come from.
"""

import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from model.memory import asking, telling
from model.memory.heard import Heard
from model.memory.salience import SCORES
from model.memory.settings import Settings
from model.memory.state import MemoryState, blank
from model.recall import distraction, probe
from model.recall.probe import Probe, ProbePlan
from model.recall.share import Share
from model.run import tokens
from model.run.checkpoint import Checkpoint

STOPS = (0, 1_000, 10_000)  # tokens behind the last fact; 0: the facts can be recalled at all
WARM = 600  # tokens told before: 512 slots are full
TOGETHER = 5  # facts in one memory
READING = ("least recently read", "least attended")  # policies that go by what prompts read


@dataclass(frozen=True)
class Pair:
    """A score of salience and the policy that decides who leaves."""

    score: str
    policy: str


@dataclass(frozen=True)
class PairResult:
    """The result of one pair at one stop. kept: facts whose tokens all still have their own slots;
    recalled: facts whose answer greedy decoding says exactly."""

    pair: Pair
    stop: int
    kept: Share
    recalled: Share


@dataclass(frozen=True)
class EvictionProgress:
    """The share of everything that is done (0 to 1), seconds so far, and the results of the pair that was
    finished just now, else none."""

    share: float
    seconds: float
    results: tuple[PairResult, ...] = ()


def pairs(
    checkpoint: Checkpoint, score: str | None = None, policy: str | None = None
) -> list[Pair]:
    """All pairs, or those with this score or policy. A policy that does not use scores is measured
    with one. Slow policies are measured only if they are named: those that use reads (every prompt
    of the book must be asked first), and merging."""
    trained = checkpoint.memory is not None and "edm" in checkpoint.memory.parts
    scores = [name for name in SCORES if name != "learned gate" or trained]
    own = {"least salient": scores[1:], "summarise": ["everything", "surprisal in context"]}
    quick = ("fifo", "random", "summarise", "least salient")
    pairs = [
        Pair(name, chosen)
        for chosen in ([policy] if policy else quick)
        for name in own.get(chosen, ["everything"])
        if score in (None, name)
    ]
    return pairs if pairs or score is None else [Pair(score, policy or "least salient")]


def measure(
    checkpoint: Checkpoint, probes: Sequence[Probe], books: Sequence[str], which: Sequence[Pair],
    settings: Settings, stops: Sequence[int],
) -> Iterator[EvictionProgress]:
    """How far it is, and the results of each pair, one for every stop, as they are known. books: texts,
    taken in turns.

    Raises ValueError, one line, for a probe that cannot be run.
    """
    groups = _groups([probe.prepare(checkpoint, one) for one in probes])
    told = [_Book(checkpoint, text) for text in books]
    heard: Heard = {}
    began, done = time.perf_counter(), itertools.count(1)
    for pair in which:
        chosen = replace(settings, policy=pair.policy).with_fusion(score=pair.score)
        hits: dict[int, list[tuple[bool, bool]]] = {stop: [] for stop in stops}
        for number, plans in enumerate(groups):
            one = _Stream(checkpoint, chosen, told[number % len(told)], heard)
            for stop, found in one.run(plans, stops):
                hits[stop] += found
            share, is_last = next(done) / len(groups) / len(which), plans is groups[-1]
            rows = tuple(_row(pair, stop, found) for stop, found in hits.items()) if is_last else ()
            yield EvictionProgress(share, time.perf_counter() - began, rows)


def _row(pair: Pair, stop: int, found: list[tuple[bool, bool]]) -> PairResult:
    kept, recalled = (sum(column) for column in zip(*found))
    return PairResult(
        pair, stop, Share("kept", kept, len(found)), Share("recalled", recalled, len(found))
    )


def _groups(plans: list[ProbePlan]) -> list[list[ProbePlan]]:
    """Plans with an answer in groups of TOGETHER; no two of a group ask the same."""
    groups: list[list[ProbePlan]] = []
    for plan in (plan for plan in plans if len(plan.answer_ids)):
        for group in groups:
            same = any(plan.probe.ask == other.probe.ask for other in group)
            if len(group) < TOGETHER and not same:
                group.append(plan)
                break
        else:
            groups.append([plan])
    if not groups:
        raise ValueError("Nothing to ask: no probe has an answer. Give at least one line with an "
                         "answer.")
    return groups


class _Book:
    """A text as prompts with their numbers of tokens; cut only once, and only as far as it is
    read."""

    def __init__(self, checkpoint: Checkpoint, text: str) -> None:
        self._cut = distraction.prompts(checkpoint, probe.FARTHEST, text)
        self._done: list[tuple[str, int]] = []

    def __iter__(self) -> Iterator[tuple[str, int]]:
        for i in itertools.count():
            if i == len(self._done):
                self._done.append(next(self._cut))
            yield self._done[i]


class _Stream:
    """One memory that is told a book, with facts in it."""

    def __init__(
        self, checkpoint: Checkpoint, settings: Settings, book: _Book, heard: Heard
    ) -> None:
        self.checkpoint, self.settings, self.heard = checkpoint, settings, heard
        self.book, self.state = iter(book), blank(checkpoint)

    def run(self, plans: list[ProbePlan], stops: Sequence[int]) -> Iterator[tuple[int, list[Any]]]:
        """(stop, (kept, recalled) of every fact) at each stop."""
        self._go_on(WARM)
        placed = []
        for plan in plans:
            first = len(self.state.prompts)
            for text in plan.probe.tell:
                self._tell(text)
            placed.append((plan, range(first + 1, len(self.state.prompts) + 1)))
            if plan is not plans[-1]:
                self._go_on(1)
        waited = 0
        for stop in sorted(stops):
            waited += self._go_on(stop - waited)
            yield stop, [self._asked(plan, numbers) for plan, numbers in placed]

    def _go_on(self, n_tokens: int) -> int:
        """Tell n tokens of the book, or a few more -> how many were told."""
        n = 0
        while n < n_tokens:
            text, size = next(self.book)
            self._tell(text)
            n += size
        return n

    def _tell(self, text: str) -> None:
        if self.settings.policy in READING:
            ids = tokens.encode_part(self.checkpoint.tokenizer, text)
            asked = asking.ask(self.checkpoint, self.state, ids, self.settings)
            self.state = asking.after_reading(self.checkpoint, self.state, asked)
        told = telling.tell(self.checkpoint, self.state, text, self.settings, heard=self.heard)
        self.state = told.state

    def _asked(self, plan: ProbePlan, numbers: range) -> tuple[bool, bool]:
        scored = probe.score(
            self.checkpoint, self.state, plan.ask_ids, plan.answer_ids, self.settings
        )
        return _is_kept(self.checkpoint, self.state, numbers), scored.exact


def _is_kept(checkpoint: Checkpoint, state: MemoryState, numbers: range) -> bool:
    """Whether every token of these prompts has a slot of its own."""
    table = state.bank.slots
    n_held = int((np.isin(table.prompt, numbers) & (table.n_tokens == 1)).sum())
    texts = [state.prompts[number - 1] for number in numbers]
    return n_held == sum(len(tokens.encode_part(checkpoint.tokenizer, text)) for text in texts)
