"""One episode at one point: told, then asked at every stop by each variant.

Knows nothing of curves and of files.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from model.memory import asking, fusion, telling
from model.memory.state import MemoryState, blank
from model.memory.variants import VARIANTS
from model.recall import distraction, probe, probe_controls
from model.recall.plain_runs import PlainRuns
from model.recall.scorers import SCORERS
from model.recall.trial import CurvePoint, Question, Trial
from model.run import borders, tokens
from model.run.checkpoint import Checkpoint
from model.run.tokens import Ids
from model.run.trace import Trace, run

TELL_EVERY = 25  # prompts between two signs of life
ASKED = 48  # tokens of the window that one text leaves for the question and its answer


@dataclass(frozen=True, eq=False)
class Episode:
    """What one episode gave by itself: a line for each stop and variant, and the memory at each stop."""

    seed: int
    lines: list[dict[str, Any]]
    states: dict[int, MemoryState]


class Runner:
    """One episode at one point, for variants that share what is told. runs: the plain model's, which
    points of one seed share."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        point: CurvePoint,
        trial: Trial,
        seed: int,
        names: list[str],
        text: str,
        runs: PlainRuns,
    ) -> None:
        self.checkpoint, self.point, self.trial, self.seed = checkpoint, point, trial, seed
        self.names, self.text, self.runs = names, text, runs
        self.episode = Episode(seed, [], {})
        modules = frozenset().union(*(VARIANTS[name] for name in names))
        self.settings = replace(point.settings, modules=modules)
        self.room = checkpoint.model.config.n_positions - ASKED
        self.recent, self.n_told = np.zeros(0, dtype=np.int64), 0

    def run(self) -> Iterator[float]:
        """Shares of the episode that are done; at the end `episode` is whole."""
        last, state, waited = max(self.trial.stops), blank(self.checkpoint), 0
        total = len(self.trial.tell) + last / distraction.PROMPT_TOKENS + 1
        for prompt in self.trial.tell:
            state = self._tell(state, prompt)
            if len(state.prompts) % TELL_EVERY == 0:
                yield min(1.0, len(state.prompts) / total)
        stream = distraction.prompts(self.checkpoint, last + 1000, self.text, self.seed)
        for stop in sorted(self.trial.stops):
            while waited < stop:
                prompt, size = next(stream)
                waited += size
                state = self._tell(self._read(state, prompt), prompt)
                if len(state.prompts) % TELL_EVERY == 0:
                    yield min(1.0, len(state.prompts) / total)
            self.episode.lines.extend(self._asked(state, stop, waited))
            self.episode.states[stop] = state

    def _tell(self, state: MemoryState, prompt: str) -> MemoryState:
        ids = tokens.encode_part(self.checkpoint.tokenizer, (" " if self.n_told else "") + prompt)
        self.recent, self.n_told = np.r_[self.recent, ids][-self.room :], self.n_told + len(ids)
        if not self.settings.modules:
            return state
        return telling.tell(self.checkpoint, state, prompt, self.settings, heard=self.runs).state

    def _read(self, state: MemoryState, prompt: str) -> MemoryState:
        if not self.point.reads:
            return state
        ids = tokens.encode_part(self.checkpoint.tokenizer, prompt)
        return asking.after_reading(
            self.checkpoint, state, asking.ask(self.checkpoint, state, ids, self.settings)
        )

    def _in_context(self) -> Trace:
        """The latest told prompts as one text, read once for all variants."""
        key = ("in context", self.recent.tobytes())
        if key not in self.runs:
            begun = borders.with_start(self.checkpoint, self.recent)
            self.runs[key] = run(self.checkpoint, begun)
        plain: Trace = self.runs[key]
        return plain

    def _asked(self, state: MemoryState, stop: int, waited: int) -> list[dict[str, Any]]:
        told = self._in_context()
        shared = [self._without(question, told) for question in self.trial.questions]
        return [
            {
                "variant": name, "point": self.point.name, "seed": self.seed, "x": self.point.x,
                "y": self.point.y, "stop": stop, "n_stops": len(self.trial.stops),
                "distance": waited, "bytes": bytes_of(state, VARIANTS[name]),
                "other_seed": None,
                "answers": [
                    same | self._answer(question, state, name)
                    for question, same in zip(self.trial.questions, shared)
                ],
            } for name in self.names
        ]

    def _without(self, question: Question, told: Trace) -> dict[str, Any]:
        """Results that all variants share: without memory, and with everything as one text."""
        ids = tokens.encode_part(self.checkpoint.tokenizer, question.ask)
        found = {"ask": question.ask, "answer": question.answer}
        nothing = blank(self.checkpoint)
        if question.answer is None:
            said = probe_controls.say(self.checkpoint, nothing, ids, self.settings)
            return found | {"false_off": not probe_controls.refuses(said)}
        wanted = tokens.encode_part(self.checkpoint.tokenizer, question.answer)
        off = probe.score(self.checkpoint, nothing, ids, wanted, self.settings)
        context = self._as_one_text(told, question.ask, wanted)
        name = "context" if self.n_told <= self.room else "window"
        return found | _scores({"_off": off, f"_{name}": context})

    def _answer(self, question: Question, state: MemoryState, name: str) -> dict[str, Any]:
        """What one variant says to one question."""
        settings = replace(self.settings, modules=VARIANTS[name])
        ids = tokens.encode_part(self.checkpoint.tokenizer, question.ask)
        asked = asking.ask(self.checkpoint, state, ids, settings)
        if question.answer is None:
            said = probe_controls.said_on(self.checkpoint, state, asked, ids, settings)
            return {"said": said, "false": not probe_controls.refuses(said)}
        wanted = tokens.encode_part(self.checkpoint.tokenizer, question.answer)
        score = probe.score_on(self.checkpoint, asked, wanted)
        found = _scores({"": score}) | {"rank": [int(rank) for rank in score.rank]}
        if question.first is not None:
            first = tokens.encode_part(self.checkpoint.tokenizer, question.first)
            found["first"] = probe.score_on(self.checkpoint, asked, first).exact
        if question.scored != "exact":
            said = probe_controls.said_on(self.checkpoint, state, asked, ids, settings)
            found |= {"said": said, "right": SCORERS[question.scored](said, question)}
        return found

    def _as_one_text(self, told: Trace, ask: str, wanted: Ids) -> probe.Scored:
        """Everything told in one text with the question, cut at its start to fit the window."""
        ids = tokens.encode_part(self.checkpoint.tokenizer, ask if ask[0].isspace() else " " + ask)
        start = np.r_[told.ids, ids]
        start = start[-(self.checkpoint.model.config.n_positions - len(wanted) + 1) :]
        trace = run(self.checkpoint, np.r_[start, wanted[:-1]], prefix=told)
        return probe.scored_rows(self.checkpoint, trace, len(start) - 1, wanted)


def beside(
    checkpoint: Checkpoint, point: CurvePoint, own: Episode, other: Episode | None
) -> list[dict[str, Any]]:
    """The episode's lines; with what is recalled of it from the memory of the episode before, the same
    variants' at the same point."""
    if other is None:
        return own.lines
    return [line | {"other_seed": other.seed, "answers": [
        answer | _from_other(checkpoint, point, line["variant"], answer, other.states[line["stop"]])
        for answer in line["answers"]]} for line in own.lines]


def _from_other(
    checkpoint: Checkpoint, point: CurvePoint, name: str, answer: dict[str, Any], other: MemoryState
) -> dict[str, Any]:
    """What is recalled of an answer from the memory of another episode."""
    if answer["answer"] is None:
        return {}
    settings = replace(point.settings, modules=VARIANTS[name])
    ask, wanted = (tokens.encode_part(checkpoint.tokenizer, answer[what]) for what in ("ask", "answer"))
    return _scores({"_other": probe.score(checkpoint, other, ask, wanted, settings)})


def _scores(by_name: dict[str, probe.Scored]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, score in by_name.items():
        found |= {f"exact{name}": score.exact, f"p{name}": score.joint}
    return found


def bytes_of(state: MemoryState, modules: frozenset[str]) -> int:
    """Bytes that a variant with these modules keeps of a state."""
    kept = replace(
        state,
        bank=state.bank if "am" in modules else fusion.select(state.bank, np.zeros(0, np.int64)),
        external=state.external if "edm" in modules else None,
        carried=state.carried if modules & {"early", "late"} else None,
    )
    return kept.nbytes
