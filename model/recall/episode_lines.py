"""Measured episodes as lines of JSON, and their sums.

  lines = read_lines(path)                  a record for each stop; torn lines are left out
  shares(lines)                             {(point, series): Share}, with n, Wilson interval
  summed(lines)                             a row for each variant, point and stop, to be kept
  probe_of(checkpoint, curve, line, i)      the probe of one of its questions, to open it again

Knows nothing of how they were measured.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from model.disk.lines import whole_lines
from model.disk.schema import checked, from_json
from model.memory.settings import Settings
from model.recall import probe
from model.recall.board_files import EpisodeTold
from model.recall.probe import USUAL, Probe
from model.recall.share import Share
from model.recall.trial import Curve, rng_of
from model.run.checkpoint import Checkpoint

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
    trial = point.make(rng_of(curve.name, line["seed"]), checkpoint.tokenizer)
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
                f"Line {number} of {path.name} is no episode ({problem}). Delete this line, or choose another "
                "file."
            ) from problem
    return records
