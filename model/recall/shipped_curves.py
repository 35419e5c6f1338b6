"""Measured curves and standard tasks, stored beside a model's weights, so that a page opens with
them.

  for step in measure(checkpoint, ["slots", "mqar"], Path("folder"), n=200): …
  board = load(checkpoint.folder)               None where none is stored
  why_other(board, checkpoint)                  "" where they are of this model and this memory

One file holds the sums of all curves (`episode_lines.summed`) with the fingerprints of the model and
of its memory; it never mixes figures of two models. While it is made, the single episodes are
beside it in `episodes/`, so a stopped measurement continues there. Knows nothing of looks.
"""

import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from model.disk.whole import make_folder, write_text
from model.memory.settings import Settings
from model.memory.variants import VARIANTS
from model.recall import board_files, episode_lines, probe, runs
from model.recall.board_files import CurvesTold
from model.recall.curves import CURVES
from model.recall.runs import RULES
from model.recall.spread import Spread
from model.recall.standard_tasks import TASKS
from model.recall.trial import Curve, CurvePoint
from model.run.checkpoint import Checkpoint

FILE, EPISODES = "recall_curves.json", "episodes"
VERSION = 1
EVERY = {**CURVES, **TASKS}
ORDER = sorted(EVERY, key=lambda name: name == "far")  # the longest comes last
USUAL = Settings().with_slots(128)


@dataclass(frozen=True)
class ShippedCurveProgress:
    """Progress: the curve, the share of it that is done (0 to 1), seconds spent on it, and "" or
    why nothing had to be measured."""

    curve: str
    share: float
    seconds: float
    kept: str = ""


def load(folder: Path) -> dict[str, Any] | None:
    """The stored curves of a folder; None if there are none. ValueError: the file is damaged."""
    try:
        return board_files.read(folder / FILE, VERSION, CurvesTold)
    except (ValueError, OSError) as problem:
        raise ValueError(f"No curves in {FILE}: {problem}. Please measure them again.") from problem


def why_other(board: dict[str, Any], checkpoint: Checkpoint) -> str:
    """Why stored curves do not belong to this model with this memory, in a sentence; "" if they
    do."""
    if board["fingerprint"] != checkpoint.fingerprint:
        return (f"the stored curves are of another model (“{board['model']}”, fingerprint "
                f"{board['fingerprint']}); this one is {checkpoint.fingerprint}")
    memory = _memory(checkpoint)
    if board["memory"] != memory:
        return (f"the stored curves were measured with other trained memory (fingerprint "
                f"{board['memory'] or 'none'}); here it is {memory or 'none'}")
    if board["rules"] != RULES:
        return "the stored curves were measured by older rules of telling and asking"
    return ""


def measure(
    checkpoint: Checkpoint,
    names: Sequence[str],
    folder: Path,
    *,
    n: int = 200,
    settings: Settings = USUAL,
    spread: Spread | None = None,
) -> Iterator[ShippedCurveProgress]:
    """Measure curves one after the other, at least n questions a point (n episodes, or fewer if an
    episode asks several), and write the folder's file anew after each. spread: a cluster for the
    episodes.

    Raises ValueError if the folder holds figures of another model, memory or other settings.
    """
    make_folder(folder / EPISODES)
    board = _board(checkpoint, folder, settings)
    for name in names:
        stored = board["curves"].get(name)
        if stored and stored["n"] >= n:
            yield ShippedCurveProgress(
                name, 1.0, 0.0, f"{stored['n']:,} questions a point are stored already"
            )
            continue
        began = time.perf_counter()
        lines: list[dict[str, Any]] = []
        for share, found in _episodes(checkpoint, EVERY[name], folder, n, settings, spread):
            lines += found
            yield ShippedCurveProgress(name, share, time.perf_counter() - began)
        board["curves"][name] = {"n": n, "made": _now(), "rows": episode_lines.summed(lines)}
        _write(folder / FILE, board)


def _episodes(
    checkpoint: Checkpoint, curve: Curve, folder: Path, n: int, settings: Settings,
    spread: Spread | None,
) -> Iterator[tuple[float, tuple[dict[str, Any], ...]]]:
    """(share done, lines) of a curve, those points together that need as many episodes."""
    names = measurable(checkpoint)
    path, groups = folder / EPISODES / f"{curve.name}.jsonl", _groups(checkpoint, curve, n, settings)
    total, done = sum(episodes * len(points) for episodes, points in groups.items()), 0
    for episodes, points in groups.items():
        part = _part(curve, points)
        for step in runs.measure(
            checkpoint, part, names, path, n=episodes, settings=settings, spread=spread
        ):
            yield (done + step.share * episodes * len(points)) / total, step.lines
        done += episodes * len(points)


def _part(curve: Curve, names: list[str]) -> Curve:
    """The curve with only the points of these names."""
    return replace(curve, points=lambda own: [p for p in curve.points(own) if p.name in names])


def _groups(
    checkpoint: Checkpoint, curve: Curve, n: int, settings: Settings
) -> dict[int, list[str]]:
    """Number of episodes -> the points that need as many for n questions about what was told."""
    groups: dict[int, list[str]] = {}
    for point in curve.points(settings):
        episodes = -(-n // _n_asked(checkpoint, point))
        groups.setdefault(episodes, []).append(point.name)
    return groups


def _n_asked(checkpoint: Checkpoint, point: CurvePoint) -> int:
    trial = point.make(random.Random(0), checkpoint.tokenizer)
    return max(1, sum(question.answer is not None for question in trial.questions))


def measurable(checkpoint: Checkpoint) -> list[str]:
    """The variants with a trained module, and fusion, which needs no training."""
    return [name for name, parts in VARIANTS.items()
            if parts and parts != probe.missing(checkpoint, probe.settings_for(name))]


def _board(checkpoint: Checkpoint, folder: Path, settings: Settings) -> dict[str, Any]:
    """What the folder holds, or an empty board of this model."""
    used = {name: value for name, value in settings.saved().items() if name != "modules"}
    fresh = {
        "version": VERSION, "model": checkpoint.name, "fingerprint": checkpoint.fingerprint,
        "memory": _memory(checkpoint), "rules": RULES, "settings": used,
        "window": checkpoint.model.config.n_positions,
        "n_parameters": sum(p.numel() for p in checkpoint.model.parameters()),
        "platform": f"{checkpoint.placement.device} {checkpoint.placement.dtype}".replace(
            "torch.", ""),
        "curves": {},
    }
    kept = load(folder)
    if kept is None:
        return fresh
    why = why_other(kept, checkpoint)
    if why:
        raise ValueError(f"Cannot add to {folder / FILE}: {why}. Choose another --out, or move "
                         "that file away.")
    if kept["settings"] != used:
        raise ValueError(f"Cannot add to {folder / FILE}: it was measured with other settings of "
                         f"the memory ({kept['settings']}). Choose another --out, or the same "
                         "settings.")
    return fresh | {"curves": kept["curves"]}


def _memory(checkpoint: Checkpoint) -> str | None:
    return checkpoint.memory.fingerprint if checkpoint.memory is not None else None


def _now() -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())


def _write(path: Path, board: dict[str, Any]) -> None:
    write_text(path, json.dumps(board, ensure_ascii=False) + "\n")
