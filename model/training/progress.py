"""The measurements that a memory training writes while it runs, read back as points of curves.

progress.jsonl holds one line per measurement. The reader never waits for the writer: a line that is
incomplete (still being written, or cut by a kill) is left out. If a resumed training repeats steps,
the later line counts. Knows nothing of processes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field

from model.disk.schema import Count, Told, checked, from_json


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


Finite = Annotated[float, Field(ge=0, lt=1e12)]
Shares = dict[str, float | None] | None


class MeasurementTold(Told):
    """A line of progress.jsonl. A training that went astray has a loss that is no number."""

    model_config = ConfigDict(allow_inf_nan=True)

    step: Count
    steps: Count
    seconds: Finite
    seconds_left: Finite | None = None
    stage: str = ""
    tokens: Count | None = None
    tokens_per_second: float | None = None
    loss: float | None = None
    kl: float | None = None
    recall: Shares = None
    recall_n: Count | None = None
    recall_known: Shares = None
    recall_known_n: Count | None = None
    refused: Shares = None
    refused_n: Count | None = None
    gates: Shares = None


def read(path: Path) -> list[Measurement]:
    """The points of a progress.jsonl in the order of their steps; empty if there is no file."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:  # none yet, or none that may be read
        return []
    return _in_order(filter(None, map(_point_of_line, lines)))


def read_curves(path: Path) -> list[Measurement]:
    """The points of a JSON list, as a finished training ships it; empty if there is no file.

    Raises ValueError if the file is not such a list.
    """
    if not path.is_file():
        return []
    try:
        rows = from_json(path.read_bytes())
        if not isinstance(rows, list):
            raise ValueError(f"it is a {type(rows).__name__}")
    except (OSError, ValueError) as error:
        raise ValueError(f"No JSON list of measurements in {path}: {error}. Train it again, or "
                         "restore a copy.") from error
    return _in_order(filter(None, map(point, rows)))


def point(row: object) -> Measurement | None:
    """A measurement from its JSON; None if it is not one."""
    try:
        told = checked(MeasurementTold, row)
    except ValueError:
        return None
    shares = {name: {kind: x for kind, x in (getattr(told, name) or {}).items() if x is not None}
              for name in ("recall", "recall_known", "refused", "gates")}
    return Measurement(**dict(told) | shares)


def _point_of_line(line: str) -> Measurement | None:
    try:
        return point(from_json(line))
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
