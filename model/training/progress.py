"""The measurements that a memory training writes while it runs, read back as points of curves.

progress.jsonl holds one line per measurement. The reader never waits for the writer: a line that is
incomplete (still being written, or cut by a kill) is left out. If a resumed training repeats steps,
the later line counts. Knows nothing of processes.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Measurement:
    """One measurement, as the trainer gave it; None: it gave none.

    seconds: of training so far; loss and kl: nats a token; recall: share of newly made
    episodes with values never trained on, by variant, "gpt2" being the frozen base; recall_n: how
    many episodes; recall_known: the same with values of the lists; refused: share of questions never
    told that are answered "I do not know."; gates: how far each module is open.
    """

    step: int
    steps: int
    seconds: float
    seconds_left: float | None
    stage: str
    tokens: int | None
    tokens_per_second: float | None
    loss: float | None
    kl: float | None
    recall: dict[str, float]
    recall_n: int | None
    recall_known: dict[str, float]
    recall_known_n: int | None
    refused: dict[str, float]
    refused_n: int | None
    gates: dict[str, float]


def read(path: Path) -> list[Measurement]:
    """The points of a progress.jsonl in the order of their steps; empty if there is no file."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except FileNotFoundError:
        return []
    return _in_order(filter(None, map(_point_of_line, lines)))


def read_curves(path: Path) -> list[Measurement]:
    """The points of a JSON list, as a finished training ships it; empty if there is no file.

    Raises ValueError if the file is not such a list.
    """
    if not path.is_file():
        return []
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"No JSON list of measurements in {path}: {error}. Train it again, or "
                         "restore a copy.") from error
    return _in_order(filter(None, map(point, rows)))


def point(row: dict) -> Measurement | None:
    """A measurement from its JSON; None if it is not one."""
    try:
        return Measurement(
            step=int(row["step"]),
            steps=int(row["steps"]),
            seconds=float(row["seconds"]),
            seconds_left=_number(row.get("seconds_left")),
            stage=str(row.get("stage", "")),
            tokens=_count(row.get("tokens")),
            tokens_per_second=_number(row.get("tokens_per_second")),
            loss=_number(row.get("loss")),
            kl=_number(row.get("kl")),
            recall=_numbers(row.get("recall")),
            recall_n=_count(row.get("recall_n")),
            recall_known=_numbers(row.get("recall_known")),
            recall_known_n=_count(row.get("recall_known_n")),
            refused=_numbers(row.get("refused")),
            refused_n=_count(row.get("refused_n")),
            gates=_numbers(row.get("gates")),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _point_of_line(line: str) -> Measurement | None:
    try:
        return point(json.loads(line))
    except ValueError:
        return None


def _in_order(points: Iterable[Measurement]) -> list[Measurement]:
    """If a step occurs again, drop the later points measured before: they were measured again."""
    kept: list[Measurement] = []
    for now in points:
        while kept and kept[-1].step >= now.step:
            kept.pop()
        kept.append(now)
    return kept


def _count(value: Any) -> int | None:
    return None if value is None else int(value)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _numbers(values: Any) -> dict[str, float]:
    return {str(k): float(v) for k, v in (values or {}).items() if v is not None}
