"""Many probes in a row: episodes from seeds, told, asked at every stop, kept as lines of JSON.

For pages and the command line:

  for step in measure(checkpoint, CURVES["distance"], "am", Path("distance.jsonl"), n=25): …
      step.share of the whole is done (stop iterating = cancel; what is whole is in the file)

With the same file, a stopped measurement continues. Every episode is made from its seed alone.
Knows nothing of the questions: curves and tasks are tables of points (recall.curves,
standard_tasks). What the lines say is in `episode_lines`.
"""

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from model.disk.lines import append
from model.memory.settings import Settings
from model.memory.variants import VARIANTS
from model.recall import probe
from model.recall.episode_lines import read_lines
from model.recall.episode_run import Episode, Runner, beside
from model.recall.plain_runs import PlainRuns, of_process
from model.recall.probe import USUAL
from model.recall.spread import Spread
from model.recall.trial import Curve, CurvePoint, rng_of
from model.run.checkpoint import Checkpoint

RULES = 7  # of telling and asking: raised when model.memory answers otherwise than before


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
                trial = point.make(rng_of(curve.name, number), checkpoint.tokenizer)
                runner = Runner(checkpoint, point, trial, number, group, text, runs)
                for share in runner.run():
                    yield CurveProgress(
                        (i + share) / len(todo), i, len(todo), time.perf_counter() - start
                    )
                key, own = (point.name, *group), runner.episode
                lines = beside(checkpoint, point, own, before.get(key))
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
            yield spread.begin(beside, checkpoint, point, own, before.get(key))
            before[key] = own

    return spread.in_order(begun())


def _episode(
    checkpoint: Checkpoint, curve: str, point: CurvePoint, number: int, group: list[str], text: str
) -> Episode:
    """An episode on a worker, which keeps the plain model's runs for the next one."""
    trial = point.make(rng_of(curve, number), checkpoint.tokenizer)
    runner = Runner(checkpoint, point, trial, number, group, text, of_process(checkpoint))
    for _ in runner.run():
        pass
    return runner.episode


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


def _whole(lines: list[dict[str, Any]], made: str) -> dict[tuple[Any, ...], list[dict[str, Any]]]:
    """(curve, variant, point, seed) -> its records, of those that were made with the same."""
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for line in lines:
        if line.get("made_with") != made:
            continue
        mark = tuple(line[name] for name in ("curve", "variant", "point", "seed"))
        found.setdefault(mark, []).append(line)
    return found
