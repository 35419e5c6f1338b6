"""Many probes in a row: episodes from seeds, told, asked at every stop, kept as lines of JSON.

For pages and the command line:

  for step in measure(checkpoint, CURVES["distance"], "am", Path("distance.jsonl"), n=25): …
      step.share of the whole is done (stop iterating = cancel; what is whole is in the file)
  lines = read_lines(path)                  a record for an episode at a stop; torn ones are left out
  shares(lines)                             {(point, series): Share}, each with n and Wilson interval
  probe_of(checkpoint, curve, line, i)      the probe of one of its questions, to open it again

Called again with the same file it goes on where it was. Every episode is made from its seed alone.
Knows nothing of what is asked: curves and tasks are tables of points (recall_curves,
standard_tasks).
"""

import json
import os
import random
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from model import distraction, probe, probe_controls, tokens
from model.memory import recall
from model.memory.recall import Settings
from model.memory.state import MemoryState
from model.probe import Probe
from model.training.evaluate import Share
from model.trace import run

TELL_EVERY = 25  # prompts of distraction between two signs of life


@dataclass(frozen=True)
class Question:
    """ask, answer: as in a probe; answer None: it was never told. first: the value that was told
    before and replaced, None where there is none. labels: for bAbI's scoring, all that might be
    answered. scored: a key of SCORERS."""

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
class Point:
    """One setting of a curve: its name, where it lies on the x axis, the memory's settings and how
    an episode is made from a generator and the model's tokenizer. reads: every prompt of the
    distraction reads the memory before it is told, as in a conversation, and the reads count. y: where
    it lies on the other axis of a map (the needle's depth)."""

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
    points: Callable[[Settings], list[Point]]
    honest: str = ""


@dataclass(frozen=True)
class Step:
    """Progress: share (0 to 1) of everything; n_done of n_total episodes; seconds so far; lines: of
    the episode that was finished just now, else none."""

    share: float
    n_done: int
    n_total: int
    seconds: float
    lines: tuple[dict, ...] = field(default=())


def measure(
    checkpoint, curve: Curve, variant: str, path: Path | None, *, n: int = 25, seed: int = 0,
    settings: Settings = Settings(), text: str = "",
) -> Iterator[Step]:
    """n episodes of every point, seeds `seed` to seed + n - 1; the file `path` (None: no file) gets
    a line for each, a list of a record for each stop. text: where distraction is taken from; "": made up."""
    points = curve.points(probe.settings_for(variant, settings))
    done = {} if path is None else _whole(read_lines(path) if path.exists() else [])
    todo = [(point, s) for s in range(seed, seed + n) for point in points]
    start, others = time.perf_counter(), {}
    for i, (point, number) in enumerate(todo):
        mark = (curve.name, probe.long_name(variant), point.name, number)
        lines = done.get(mark)
        if lines is None:
            trial = point.make(_rng(curve, number), checkpoint.tokenizer)
            runner = _Runner(checkpoint, point, trial, number, text, others)
            for share in runner.run():
                yield Step((i + share) / len(todo), i, len(todo), time.perf_counter() - start)
            lines = [
                dict(zip(("curve", "variant", "point", "seed"), mark), x=point.x) | line
                for line in runner.lines
            ]
            _append(path, lines)
        yield Step((i + 1) / len(todo), i + 1, len(todo), time.perf_counter() - start, tuple(lines))


class _Runner:
    """One episode at one point. others: by point and stop, the memory of the episode before."""

    def __init__(self, checkpoint, point: Point, trial: Trial, seed: int, text: str, others: dict):
        self.checkpoint, self.point, self.trial, self.seed = checkpoint, point, trial, seed
        self.text, self.others, self.lines = text, others, []

    def run(self) -> Iterator[float]:
        """Shares of the episode that are done; at the end `lines` holds a line for each stop."""
        settings, last = self.point.settings, max(self.trial.stops)
        state, waited, prompts = recall.blank(self.checkpoint), 0, list(self.trial.tell)
        if settings.modules:
            for i, told in enumerate(prompts):
                state = recall.tell(self.checkpoint, state, told, settings).state
                if i % TELL_EVERY == TELL_EVERY - 1:
                    yield 0.5 * i / len(prompts) if not last else 0.0
        stream = distraction.prompts(self.checkpoint, last + 1000, self.text, self.seed)
        for stop in sorted(self.trial.stops):
            while waited < stop:
                prompt, size = next(stream)
                waited += size
                prompts = [*prompts, prompt] if waited < 2000 else []
                if settings.modules:
                    state = self._tell(state, prompt)
                if len(state.prompts) % TELL_EVERY == 0:
                    yield waited / (last + 1)
            self.lines.append(self._asked(state, stop, waited, prompts))

    def _tell(self, state: MemoryState, prompt: str) -> MemoryState:
        settings = self.point.settings
        if self.point.reads:
            ids = tokens.encode(self.checkpoint.tokenizer, prompt)
            found = recall.ask(self.checkpoint, state, ids, settings)
            state = recall.after_reading(self.checkpoint, state, found)
        return recall.tell(self.checkpoint, state, prompt, settings).state

    def _asked(self, state: MemoryState, stop: int, waited: int, prompts: list[str]) -> dict:
        other, other_seed = self.others.get((self.point.name, stop), (None, None))
        answers = [self._answer(q, state, other, prompts) for q in self.trial.questions]
        self.others[self.point.name, stop] = (state, self.seed)
        slots = len(state.bank) + (0 if state.external is None else len(state.external))
        return {
            "stop": stop, "n_stops": len(self.trial.stops), "distance": waited, "slots": slots,
            "bytes": state.nbytes, "other_seed": other_seed, "answers": answers,
        }

    def _answer(self, question: Question, state, other, prompts: list[str]) -> dict:
        tokenizer, settings = self.checkpoint.tokenizer, self.point.settings
        ids = tokens.encode(tokenizer, question.ask)
        found = {"ask": question.ask, "answer": question.answer}
        if question.answer is None:
            said = probe_controls.say(self.checkpoint, state, ids, settings)
            off = probe_controls.say(self.checkpoint, recall.blank(self.checkpoint), ids, settings)
            return found | {
                "said": said, "false": not probe_controls.refuses(said),
                "false_off": not probe_controls.refuses(off),
            }
        wanted = tokens.encode(tokenizer, question.answer)
        scores = {"": probe.score(self.checkpoint, state, ids, wanted, settings)}
        scores["_off"] = probe.score(
            self.checkpoint, recall.blank(self.checkpoint), ids, wanted, settings
        )
        if other is not None:
            scores["_other"] = probe.score(self.checkpoint, other, ids, wanted, settings)
        context = self._in_context(prompts, question.ask, wanted)
        if context is not None:
            scores["_context"] = context
        for name, score in scores.items():
            found |= {f"exact{name}": score.exact, f"p{name}": score.joint}
        found["rank"] = [int(rank) for rank in scores[""].rank]
        if question.first is not None:
            first = tokens.encode(tokenizer, question.first)
            found["first"] = probe.score(self.checkpoint, state, ids, first, settings).exact
        if question.scored != "exact":
            found |= self._scored_as_the_field_does(question, state, ids)
        return found

    def _scored_as_the_field_does(self, question: Question, state, ids) -> dict:
        said = probe_controls.say(self.checkpoint, state, ids, self.point.settings)
        return {"said": said, "right": SCORERS[question.scored](said, question)}

    def _in_context(self, prompts: list[str], ask: str, wanted) -> probe.Scored | None:
        """Everything in one text; None where it exceeds the window."""
        window = self.checkpoint.model.config.n_positions
        if not prompts or sum(map(len, prompts)) > 8 * window:
            return None
        told = " ".join(prompts) + ("" if ask[0].isspace() else " ")
        ids = tokens.encode(self.checkpoint.tokenizer, told + ask)
        if len(ids) + len(wanted) > window:
            return None
        start = np.r_[self.checkpoint.tokenizer.bos_token_id, ids]
        trace = run(self.checkpoint, np.r_[start, wanted[:-1]])
        return probe.scored_rows(self.checkpoint, trace, len(start) - 1, wanted)


def first_integer(said: str, question: Question) -> bool:
    """The first whole number said is the right one (passkey, Landmark Attention's test)."""
    found = re.search(r"\d+", said)
    return found is not None and found.group() == question.answer.strip().rstrip(".")


def contained(said: str, question: Question) -> bool:
    """The value stands in what is said (RULER's needles)."""
    return bool(probe.says(said, question.answer))


def only_label(said: str, question: Question) -> bool:
    """The right label is the only one in the first sentence, those that the question itself names
    left out (BABILong)."""
    first = re.split(r"[.\n]", said.lower())[0]
    asked = question.ask.lower()
    named = {label for label in question.labels
             if probe.says(first, label) and not probe.says(asked, label)}
    return named == {question.answer.strip().rstrip(".")}


SCORERS = {"first integer": first_integer, "contained": contained, "only label": only_label}

# What of an answer makes a series, and whether it counts as a hit.
SERIES = {
    "recalled": "exact", "memory off": "exact_off", "another's memory": "exact_other",
    "in context": "exact_context", "first value": "first", "as the field scores": "right",
    "false recall": "false", "false recall, memory off": "false_off",
}


def shares(lines: Iterable[dict]) -> dict[tuple[str, str], Share]:
    """(point, or "point @ stop" where there are several, series) -> hits of n questions, with the
    95 % interval. Questions of one episode are counted as independent, which they are not quite."""
    counts: dict[tuple[str, str], list[int]] = {}
    for line in lines:
        for answer in line["answers"]:
            for series, name in SERIES.items():
                if name in answer:
                    hits = counts.setdefault((point_of(line), series), [0, 0])
                    hits[0] += bool(answer[name])
                    hits[1] += 1
    return {key: Share(" · ".join(key), *hits) for key, hits in counts.items()}


def point_of(line: dict) -> str:
    """What a line's point is called in `shares`."""
    several = line["n_stops"] > 1
    return f"{line['point']} @ {line['stop']:,}".lstrip(" @") if several else line["point"]


def probe_of(checkpoint, curve: Curve, line: dict, question: int, text: str = "") -> Probe:
    """The probe of one question of a line: made again from the seed, waiting as long."""
    point = next(p for p in curve.points(Settings()) if p.name == line["point"])
    trial = point.make(_rng(curve, line["seed"]), checkpoint.tokenizer)
    asked = trial.questions[question]
    return Probe(trial.tell, asked.ask, asked.answer, line["distance"], text, line["seed"])


def settings_of(curve: Curve, line: dict, settings: Settings = Settings()) -> Settings:
    """The memory's settings that a line was measured with, from the same base settings."""
    wanted = probe.settings_for(line["variant"], settings)
    return next(p.settings for p in curve.points(wanted) if p.name == line["point"])


def read_lines(path: Path) -> list[dict]:
    """The records of all lines that are whole: a last one torn by a crash is left out."""
    raw = path.read_bytes()
    records = []
    for number, line in enumerate(raw[: raw.rfind(b"\n") + 1].splitlines(), 1):
        try:
            records += json.loads(line)
        except (ValueError, TypeError) as problem:
            raise ValueError(
                f"{path.name}, line {number} is no episode ({problem}); take it out, or measure anew"
            ) from problem
    return records


def _append(path: Path | None, lines: list[dict]) -> None:
    """An episode in one write, behind the last whole line."""
    if path is None:
        return
    with open(path, "a+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1 if size else 0)
        file.write(json.dumps(lines, ensure_ascii=False).encode() + b"\n")
        file.flush()


def _whole(lines: list[dict]) -> dict[tuple, list[dict]]:
    """(curve, variant, point, seed) -> its records."""
    found: dict[tuple, list[dict]] = {}
    for line in lines:
        mark = tuple(line[name] for name in ("curve", "variant", "point", "seed"))
        found.setdefault(mark, []).append(line)
    return found


def _rng(curve: Curve, seed: int) -> random.Random:
    return random.Random(f"{curve.name} {seed}")
