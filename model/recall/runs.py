"""Many probes in a row: episodes from seeds, told, asked at every stop, kept as lines of JSON.

For pages and the command line:

  for step in measure(checkpoint, CURVES["distance"], "am", Path("distance.jsonl"), n=25): …
      step.share of the whole is done (stop iterating = cancel; what is whole is in the file)
  lines = read_lines(path)                  a record for each stop; torn lines are left out
  shares(lines)                             {(point, series): Share}, with n, Wilson interval
  summed(lines)                             a row for each variant, point and stop, to be kept
  probe_of(checkpoint, curve, line, i)      the probe of one of its questions, to open it again

With the same file, a stopped measurement continues. Every episode is made from its seed alone.
Knows nothing of the questions: curves and tasks are tables of points (recall.curves,
standard_tasks).
"""

import hashlib
import json
import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from model.disk.lines import append, whole_lines
from model.disk.schema import checked, from_json
from model.memory import asking, fusion, telling
from model.memory.settings import Settings
from model.memory.state import MemoryState, blank
from model.memory.variants import VARIANTS
from model.recall import distraction, probe, probe_controls
from model.recall.board_files import EpisodeTold
from model.recall.plain_runs import PlainRuns, of_process
from model.recall.probe import USUAL, Probe
from model.recall.share import Share
from model.recall.spread import Spread
from model.run import borders, tokens
from model.run.checkpoint import Checkpoint
from model.run.tokens import Ids
from model.run.trace import Trace, run

RULES = 7  # of telling and asking: raised when model.memory answers otherwise than before
TELL_EVERY = 25  # prompts between two signs of life
ASKED = 48  # tokens of the window that one text leaves for the question and its answer


@dataclass(frozen=True)
class Question:
    """ask, answer: as in a probe; answer None: it was never told. first: the value that was told
    before and replaced, None if there is none. labels: for bAbI's scoring, all possible answers.
    scored: a key of SCORERS."""

    ask: str
    answer: str | None
    first: str | None = None
    labels: tuple[str, ...] = ()
    scored: str = "exact"


@dataclass(frozen=True)
class Trial:
    """One episode: prompts told in order, then distraction; asked at each stop (tokens of it)."""

    tell: tuple[str, ...]
    questions: tuple[Question, ...]
    stops: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class CurvePoint:
    """One setting of a curve: its name, its place on the x axis, the memory's settings, and a
    function that makes an episode from a generator and the model's tokenizer. reads: every prompt
    of the distraction reads the memory before it is told, as in a conversation, and the reads
    count. y: its place on the other axis of a map (the needle's depth)."""

    name: str
    x: float
    settings: Settings
    make: Callable[[random.Random, object], Trial]
    reads: bool = False
    y: float | None = None


@dataclass(frozen=True)
class Curve:
    """name; what it measures; the x axis; honest: what a model of this size can honestly show;
    points: a function of the memory's settings."""

    name: str
    what: str
    x_label: str
    points: Callable[[Settings], list[CurvePoint]]
    honest: str = ""


@dataclass(frozen=True)
class CurveProgress:
    """Progress: share (0 to 1) of everything; n_done of n_total episodes; seconds so far; lines: of
    the episode that was finished just now, else none; is_new: whether it was measured just now."""

    share: float
    n_done: int
    n_total: int
    seconds: float
    lines: tuple[dict[str, Any], ...] = field(default=())
    is_new: bool = True


@dataclass(frozen=True, eq=False)
class Episode:
    """What one episode gave by itself: a line for each stop and variant, and the memory at each stop."""

    seed: int
    lines: list[dict[str, Any]]
    states: dict[int, MemoryState]


def measure(
    checkpoint: Checkpoint,
    curve: Curve,
    variant: str | Sequence[str],
    path: Path | None,
    *,
    n: int = 25,
    seed: int = 0,
    settings: Settings = USUAL,
    text: str = "",
    spread: Spread | None = None,
) -> Iterator[CurveProgress]:
    """n episodes of every point, seeds `seed` to seed + n - 1; the file `path` (None: no file) gets
    a line for each: a list with a record for each stop and variant. text: the source of
    distraction; "": made up. spread: a cluster whose workers measure the episodes; the lines are the
    same, and in the same order.

    Several variants share the telling (every module writes what the plain model computed from a
    prompt, so it is the same for all variants with that module) and are asked one after the other.
    """
    names = [probe.long_name(v) for v in ([variant] if isinstance(variant, str) else variant)]
    together = replace(settings, modules=frozenset().union(*(VARIANTS[name] for name in names)))
    mark = made_with(checkpoint, together, text)
    done = {} if path is None else _whole(read_lines(path), mark)
    points = [point for point in curve.points(together) if _can(checkpoint, point)]
    todo = [(point, s) for s in range(seed, seed + n) for point in points]
    kept = {(point.name, s): [name for name in names if (curve.name, name, point.name, s) in done]
            for point, s in todo}
    start, runs, before = time.perf_counter(), PlainRuns(), dict[tuple[str, ...], Episode]()
    elsewhere = spread and _elsewhere(spread, checkpoint, curve, text, [
        (point, s, group) for point, s in todo for group in _groups(point, names, kept[point.name, s])])
    for i, (point, number) in enumerate(todo):
        found = {name: done.get((curve.name, name, point.name, number)) for name in names}
        groups = _groups(point, names, kept[point.name, number])
        for group in groups:
            if elsewhere:
                lines = next(elsewhere)
            else:
                trial = point.make(_rng(curve.name, number), checkpoint.tokenizer)
                runner = _Runner(checkpoint, point, trial, number, group, text, runs)
                for share in runner.run():
                    yield CurveProgress(
                        (i + share) / len(todo), i, len(todo), time.perf_counter() - start
                    )
                key, own = (point.name, *group), runner.episode
                lines = _beside(checkpoint, point, own, before.get(key))
                before[key] = own
            lines = [{"curve": curve.name, "made_with": mark} | line for line in lines]
            found |= {name: [line for line in lines if line["variant"] == name] for name in group}
            if path is not None:
                append(path, lines)
        every = tuple(line for name in names for line in found[name] or ())
        seconds = time.perf_counter() - start
        yield CurveProgress((i + 1) / len(todo), i + 1, len(todo), seconds, every, bool(groups))


def _groups(point: CurvePoint, names: Sequence[str], kept: Sequence[str]) -> list[list[str]]:
    """The variants that are still to be measured at this point: all are told at once, each for itself
    where prompts read the memory."""
    missing = [name for name in names if name not in kept]
    return [[name] for name in missing] if point.reads else [missing] if missing else []


def _elsewhere(
    spread: Spread, checkpoint: Checkpoint, curve: Curve, text: str,
    wanted: Iterable[tuple[CurvePoint, int, list[str]]],
) -> Iterator[list[dict[str, Any]]]:
    """The lines of each episode, measured on a cluster: told by itself, then set beside the one
    before."""
    before: dict[tuple[str, ...], Any] = {}

    def begun() -> Iterator[Any]:
        for point, number, group in wanted:
            own = spread.begin(_episode, checkpoint, curve.name, point, number, group, text)
            key = (point.name, *group)
            yield spread.begin(_beside, checkpoint, point, own, before.get(key))
            before[key] = own

    return spread.in_order(begun())


def _episode(
    checkpoint: Checkpoint, curve: str, point: CurvePoint, number: int, group: list[str], text: str
) -> Episode:
    """An episode on a worker, which keeps the plain model's runs for the next one."""
    trial = point.make(_rng(curve, number), checkpoint.tokenizer)
    runner = _Runner(checkpoint, point, trial, number, group, text, of_process(checkpoint))
    for _ in runner.run():
        pass
    return runner.episode


def _beside(
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
    if answer["answer"] is None:
        return {}
    settings = replace(point.settings, modules=VARIANTS[name])
    ask, wanted = (tokens.encode_part(checkpoint.tokenizer, answer[what]) for what in ("ask", "answer"))
    return _scores({"_other": probe.score(checkpoint, other, ask, wanted, settings)})


def made_with(checkpoint: Checkpoint, settings: Settings, text: str) -> str:
    """Everything, besides its seed, that an episode's results depend on: the rules, model, trained
    memory, settings (but not which modules are asked), text. If any of it differs, the episode is
    measured again."""
    memory = checkpoint.memory.fingerprint if checkpoint.memory is not None else None
    own = sorted((name, str(value)) for name, value in settings.saved().items() if name != "modules")
    said = json.dumps([RULES, checkpoint.fingerprint, memory, own, text])
    return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()[:12]


def _can(checkpoint: Checkpoint, point: CurvePoint) -> bool:
    """Whether this model has what the point needs: the learned gate must have been trained."""
    trained = checkpoint.memory is not None and "edm" in checkpoint.memory.parts
    return trained or point.settings.fusion.score != "learned gate"


class _Runner:
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


def first_integer(said: str, question: Question) -> bool:
    """Whether the first whole number of the reply is the right one (passkey, Landmark
    Attention)."""
    found = re.search(r"\d+", said)
    assert question.answer is not None, "only questions with an answer are scored"
    return found is not None and found.group() == question.answer.strip().rstrip(".")


def contained(said: str, question: Question) -> bool:
    """Whether the reply contains the value (RULER's needles)."""
    return bool(probe.says(said, question.answer))


def only_label(said: str, question: Question) -> bool:
    """Whether the right label is the only one in the first sentence, not counting labels that the
    question names (BABILong)."""
    first = re.split(r"[.\n]", said.lower())[0]
    asked = question.ask.lower()
    named = {label for label in question.labels
             if probe.says(first, label) and not probe.says(asked, label)}
    assert question.answer is not None, "only questions with an answer are scored"
    return named == {question.answer.strip().rstrip(".")}


SCORERS = {"first integer": first_integer, "contained": contained, "only label": only_label}

# What of an answer makes a series, and whether it counts as a hit.
SERIES = {
    "recalled": "exact", "memory off": "exact_off", "another's memory": "exact_other",
    "in context": "exact_context", "last window": "exact_window", "first value": "first",
    "as the field scores": "right",
    "false recall": "false", "false recall, memory off": "false_off",
}


def shares(lines: Iterable[dict[str, Any]]) -> dict[tuple[str, str], Share]:
    """(point, or "point @ stop" where there are several, series) -> hits of n questions, with the
    95 % interval. Questions of one episode are counted as independent; that is an approximation."""
    counts: dict[tuple[str, str], list[int]] = {}
    for line in lines:
        for answer in line["answers"]:
            for series, name in SERIES.items():
                if name in answer:
                    hits = counts.setdefault((point_of(line), series), [0, 0])
                    hits[0] += bool(answer[name])
                    hits[1] += 1
    return {key: Share(" · ".join(key), *hits) for key, hits in counts.items()}


def summed(lines: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each variant, point and stop: variant, point, x, y, stop, n_stops, the number of
    episodes, and under "series" the hits and n of each series. Small enough to be shipped."""
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for line in lines:
        place = {name: line[name] for name in ("variant", "point", "x", "y", "stop", "n_stops")}
        new = place | {"episodes": 0, "series": {}}
        row = rows.setdefault((line["variant"], line["point"], line["stop"]), new)
        row["episodes"] += 1
        for answer in line["answers"]:
            for series, name in SERIES.items():
                if name in answer:
                    hits, n = row["series"].get(series, (0, 0))
                    row["series"][series] = [hits + bool(answer[name]), n + 1]
    return list(rows.values())


def point_of(line: dict[str, Any]) -> str:
    """What a line's point is called in `shares`."""
    several = line["n_stops"] > 1
    return f"{line['point']} @ {line['stop']:,}".lstrip(" @") if several else line["point"]


def probe_of(
    checkpoint: Checkpoint, curve: Curve, line: dict[str, Any], question: int, text: str = ""
) -> Probe:
    """The probe of one question of a line: made again from the seed, with the same distance. (If
    the distraction read the memory, `reads`, the probe's distraction does not.)"""
    point = next(p for p in curve.points(Settings()) if p.name == line["point"])
    trial = point.make(_rng(curve.name, line["seed"]), checkpoint.tokenizer)
    asked = trial.questions[question]
    return Probe(trial.tell, asked.ask, asked.answer, line["distance"], text, line["seed"])


def settings_of(curve: Curve, line: dict[str, Any], settings: Settings = USUAL) -> Settings:
    """The memory's settings that a line was measured with, from the same base settings."""
    wanted = probe.settings_for(line["variant"], settings)
    return next(p.settings for p in curve.points(wanted) if p.name == line["point"])


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The records of all lines that are whole, none without a file; a last one torn by a crash is
    left out."""
    records = []
    for number, line in enumerate(whole_lines(path), 1):
        try:
            found = from_json(line)
            if not isinstance(found, list):
                raise ValueError(f"it is a {type(found).__name__}")
            for record in found:
                checked(EpisodeTold, record)
            records += found
        except ValueError as problem:
            raise ValueError(
                f"Line {number} of {path.name} is no episode ({problem}). Delete this line."
            ) from problem
    return records


def _whole(lines: list[dict[str, Any]], made: str) -> dict[tuple[Any, ...], list[dict[str, Any]]]:
    """(curve, variant, point, seed) -> its records, of those that were made with the same."""
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for line in lines:
        if line.get("made_with") != made:
            continue
        mark = tuple(line[name] for name in ("curve", "variant", "point", "seed"))
        found.setdefault(mark, []).append(line)
    return found


def _rng(curve: str, seed: int) -> random.Random:
    return random.Random(f"{curve} {seed}")
