"""Probes from a file of JSON lines: each run for every variant, counted as it goes.

A line: {"tell": ["…"], "ask": "…", "answer": " New York", "distance": 500}; if the answer is null
or missing, only "I do not know." is right. Also "distraction" (a text) and "seed". The file is read
line by line, so it may be of any length; a line that cannot be run is named and skipped.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import tee
from pathlib import Path
from typing import Any

import numpy as np

from model.disk.lines import append, whole_lines
from model.disk.schema import checked, from_json
from model.memory.settings import Settings
from model.memory.variants import VARIANTS
from model.recall import probe, probe_controls
from model.recall.board_files import ProbeResultTold
from model.recall.probe import Probe
from model.recall.runs import made_with
from model.recall.share import wilson
from model.recall.spread import Spread, each
from model.run.checkpoint import Checkpoint

KEYS = {"tell", "ask", "answer", "distance", "distraction", "seed", "label", "wrong"}

KINDS = {list: "a list", str: "a text", int: "a number", float: "a number", bool: "true or false",
         type(None): "null"}  # what JSON calls them


@dataclass
class Tally:
    """What one variant did with all lines so far. n: lines with an answer; n_open: without.

    exact, said, false: hits; log: the answers' joint log probabilities, summed, nats; reciprocal:
    one over the worst rank of an answer's tokens, summed.
    """

    n: int = 0
    n_open: int = 0
    exact: int = 0
    said: int = 0
    false: int = 0
    log: float = 0.0
    reciprocal: float = 0.0
    notes: set[str] = field(default_factory=set)

    def add(self, found: dict[str, Any]) -> None:
        """Count one line's result."""
        if found["exact"] is None:
            self.n_open += 1
            self.false += found["false_recall"]
            return
        self.n += 1
        self.exact += found["exact"]
        self.said += found["said"]
        self.log += found["log_probability"]
        self.reciprocal += 1 / max(found["ranks"])

    def report(self) -> dict[str, Any]:
        """Shares with n and 95 % intervals; means over the lines with an answer, None without."""
        return {
            "n": self.n, "n_without_answer": self.n_open,
            "exact": _share(self.exact, self.n), "said": _share(self.said, self.n),
            "false_recall": _share(self.false, self.n_open),
            "probability_geometric_mean": float(np.exp(self.log / self.n)) if self.n else None,
            "reciprocal_rank": self.reciprocal / self.n if self.n else None,
        }


class Tallies:
    """The tallies of a file: of all lines, and of the lines of each label, for every variant."""

    def __init__(self, variants: Iterable[str]) -> None:
        self._names = list(variants)
        self.every = self._new()
        self.labelled: dict[str, dict[str, Tally]] = {}

    def add(self, label: str, found: dict[str, dict[str, Any]]) -> None:
        """Count one line: variant -> its result. label "": the line has none."""
        groups = [self.every]
        if label:
            groups.append(self.labelled.setdefault(label, self._new()))
        for group in groups:
            for name, result in found.items():
                group[name].add(result)

    def report(self) -> dict[str, dict[str, Any]]:
        """Variant -> report of all lines."""
        return _reports(self.every)

    def labels(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Label -> variant -> report, in the order in which the file names them."""
        return {label: _reports(group) for label, group in self.labelled.items()}

    def _new(self) -> dict[str, Tally]:
        return {name: Tally() for name in self._names}


def _reports(group: dict[str, Tally]) -> dict[str, dict[str, Any]]:
    return {name: tally.report() for name, tally in group.items()}


def read_probes(path: Path) -> Iterator[tuple[int, Probe | ValueError]]:
    """Number of each line, from 1, and its probe or what is wrong with it; empty lines left out."""
    with open(path, "rb") as file:
        for number, raw in enumerate(file, 1):
            if raw.strip():
                try:
                    yield number, parsed(raw)
                except ValueError as problem:
                    yield number, problem


def parsed(raw: bytes) -> Probe:
    """One line -> its probe. ValueError, one line: what is wrong and what to write."""
    try:
        given = json.loads(raw.decode("utf-8-sig"))  # Windows begins files with a mark
    except (ValueError, RecursionError) as problem:
        what = f"Not one JSON object in UTF-8: {problem}. Write one JSON object a line."
        raise ValueError(what) from None
    if not isinstance(given, dict):
        raise ValueError("No JSON object with tell and ask: this line holds "
                         f"{KINDS[type(given)]}.")
    _check_letters(given)
    unknown = ", ".join(sorted(given.keys() - KEYS))
    if unknown:
        raise ValueError(f"Unknown key {unknown!r}. A line may have {', '.join(sorted(KEYS))}.")
    tell = given.get("tell", [])
    tell = [tell] if isinstance(tell, str) else tell
    if not isinstance(tell, list) or not all(isinstance(text, str) for text in tell):
        raise ValueError('Write "tell" as a list of texts.')
    for name in ("answer", "label"):
        if not isinstance(given.get(name), str | None):
            raise ValueError(f'Write "{name}" as a text or null.')
    for name, kind in (
        ("ask", str), ("distraction", str), ("wrong", str), ("distance", int), ("seed", int),
    ):
        found = given.get(name, kind())
        if not isinstance(found, kind) or isinstance(found, bool):
            what = "a text" if kind is str else "a whole number"
            raise ValueError(f'Write "{name}" as {what}; this line has {found!r}.')
    return Probe(
        tuple(tell), given.get("ask", ""), given.get("answer"), given.get("distance", 0),
        given.get("distraction", ""), given.get("seed", 0), _label(given.get("label")),
        given.get("wrong", ""),
    )


def _check_letters(given: dict[str, Any]) -> None:
    """Refuse half an emoji: JSON can hold it, but no file and no screen can show it."""
    try:
        json.dumps(given, ensure_ascii=False).encode()
    except UnicodeEncodeError as problem:
        half = ascii(problem.object[problem.start : problem.end])
        raise ValueError(f"This line holds half of a letter, {half}. Write the letter "
                         "whole.") from None


def _label(given: str | None) -> str:
    """A label on one line, without white space round it."""
    return " ".join((given or "").split())


def measure(
    checkpoint: Checkpoint, path: Path, variants: Sequence[str], settings: Settings,
    out: Path | None = None, spread: Spread | None = None,
) -> Iterator[tuple[int, str, dict[str, dict[str, Any]] | str]]:
    """(number, label, what `run_line` gives, or in a sentence what is wrong) of each line of a file.

    out: a file that keeps the results; a line that is in it is not run again. spread: a cluster whose
    workers run the lines.
    """
    mark = f"{made_with(checkpoint, settings, '')} {','.join(sorted(variants))}"
    kept = {} if out is None else _results(out)
    lines, again = tee((n, one, f"{mark} {_key(one)}") for n, one in read_probes(path))
    found = each(_found, checkpoint, (
        (one, variants, settings) for _, one, key in again if key not in kept), spread)
    for number, one, key in lines:
        result = kept[key] if key in kept else next(found)
        if key not in kept and out is not None:
            append(out, {"key": key, "found": result})
        yield number, one.label if isinstance(one, Probe) else "", result


def _key(one: Probe | ValueError) -> str:
    said = repr(replace(one, label="") if isinstance(one, Probe) else one)  # a label changes no result
    return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()[:12]


def _found(
    checkpoint: Checkpoint, given: tuple[Probe | ValueError, Sequence[str], Settings]
) -> dict[str, dict[str, Any]] | str:
    one, variants, settings = given
    try:
        if isinstance(one, ValueError):
            raise one
        return run_line(checkpoint, one, variants, settings)
    except ValueError as problem:  # named, and the others run
        return " ".join(str(problem).split())


def _results(path: Path) -> dict[str, dict[str, dict[str, Any]] | str]:
    """Key -> result of the lines that are kept; ValueError names one that is no result."""
    kept = {}
    for number, line in enumerate(whole_lines(path), 1):
        try:
            told = from_json(line)
            checked(ProbeResultTold, told)
        except ValueError as problem:
            raise ValueError(f"Line {number} of {path} is no result of a probe: {problem}. Delete "
                             "this line, or choose another --out.") from problem
        kept[told["key"]] = told["found"]
    return kept


def run_line(
    checkpoint: Checkpoint,
    given: Probe,
    variants: Sequence[str],
    settings: Settings,
    on_told: Callable[[], None] | None = None,
) -> dict[str, dict[str, Any]]:
    """Variant (long name) -> what it did with a probe: exact, said, continuation, probability
    (joint), log_probability (nats), its difference to memory off, probabilities and ranks of the
    answer's tokens; without an answer, false_recall.

    The probe is told once with the modules of all variants and asked by each with its own. on_told:
    called after every prompt; an exception ends the line.
    """
    plan = probe.prepare(checkpoint, given)
    together = frozenset().union(*(VARIANTS[name] for name in variants))
    for step in probe.tell(checkpoint, plan, replace(settings, modules=together)):
        state = step.state
        if on_told is not None:
            on_told()
    own = {name: probe.settings_for(name, settings) for name in variants}
    return {
        name: _result(probe.outcome(checkpoint, plan, state, own[name], "")) for name in variants
    }


def _result(one: probe.Outcome) -> dict[str, Any]:
    found: dict[str, Any] = {"exact": one.exact, "said": one.said, "continuation": one.continuation}
    if one.exact is None:
        found["false_recall"] = not probe_controls.refuses(one.continuation)
    else:
        found |= {
            "probability": one.scored.joint, "log_probability": one.scored.joint_log,
            "delta_nats": one.delta, "probabilities": one.scored.probability.tolist(),
            "ranks": one.scored.rank.tolist(), "tokens": list(one.scored.texts),
        }
    return found | {"notes": list(one.notes)}


def _share(hits: int, n: int) -> dict[str, Any] | None:
    if not n:
        return None
    low, high = wilson(hits, n)
    return {"hits": hits, "n": n, "share": hits / n, "low": low, "high": high}
