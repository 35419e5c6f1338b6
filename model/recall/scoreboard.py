"""The founding comparison, made measurable: every variant by every measure, each cell with its n
and its interval. Knows nothing of looks.

For pages: load() -> the stored board (None where none was made), COLUMNS, in_words(cell).

A cell: {"value", "low", "high", "n", "unit", "how"}; value None if it cannot be measured; unit
"share", "tokens", "percent", "bytes" or "ms". low, high: a 95 % interval (Wilson's for shares, the
normal one for percent), or the quartiles for ms; None if nothing varies.
"""

import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from model.disk.whole import write_text
from model.memory import asking
from model.memory.heard import surprisal
from model.memory.reader import WithMemory
from model.memory.settings import Settings
from model.memory.state import MemoryState, blank
from model.memory.variants import VARIANTS
from model.recall import board_files, curves, distraction, episode_lines, probe, runs
from model.recall.board_files import BoardTold
from model.recall.episode_run import bytes_of
from model.recall.probe import USUAL
from model.recall.share import Share
from model.recall.spread import Spread
from model.recall.trial import Curve, CurvePoint
from model.run import generate, sampling, tokens
from model.run.checkpoint import Checkpoint
from model.run.tokens import Ids

PLACE = Path(__file__).parents[1] / "embedded" / "scoreboard.json"
VERSION = 1
COLUMNS = {
    "context_limit": "context limit", "inside": "recall inside the window",
    "beyond": "recall beyond the window", "across": "recall across prompts",
    "false_recall": "false recall", "perplexity": "perplexity of ordinary text",
    "bytes": "bytes of state", "ms": "ms per token",
}
STOPS = (0, 400, 1_000, 10_000)
NEVER = "never told"
ENOUGH = 0.9  # the context limit is the longest distance with at least this share recalled
ORDINARY = 6_400  # tokens of ordinary text, in passages of about 64
FULL = 1_500  # tokens told before bytes, perplexity and time are measured: the memory is full
TIMED = 48  # tokens generated for the time per token


@dataclass(frozen=True)
class ScoreboardProgress:
    """Progress: what is being measured, and the share of it that is done."""

    what: str
    share: float


def load(path: Path = PLACE) -> dict[str, Any] | None:
    """A stored board; None where there is none, ValueError where it is damaged."""
    try:
        return board_files.read(path, VERSION, BoardTold)
    except (ValueError, OSError) as problem:
        raise ValueError(f"No scoreboard in {path.name}: {problem}. Please make it again.") from problem


def measure(
    checkpoint: Checkpoint, variants: Sequence[str], path: Path, *, n: int = 125, seed: int = 0,
    settings: Settings = USUAL, text: str = "", stops: tuple[int, ...] = STOPS,
    spread: Spread | None = None,
) -> Iterator[ScoreboardProgress]:
    """Measure everything and write the board to `path`. n: episodes, four questions each. text:
    ordinary text for the perplexity; "": sentences made up here. spread: a cluster for the episodes;
    perplexity and time are measured here.

    Episodes are kept in a file beside it (.episodes.jsonl), so that a cancelled board continues
    there.
    """
    names = [probe.long_name(name) for name in variants]
    board_files.check_ours(path, "version", "rows")
    kept = path.with_suffix(".episodes.jsonl")
    records: list[dict[str, Any]] = []
    for curve in _curves(stops):
        for step in runs.measure(
            checkpoint, curve, names, kept, n=n, seed=seed, settings=settings, spread=spread
        ):
            records += step.lines
            yield ScoreboardProgress(curve.what, step.share)
    rows = []
    for i, name in enumerate(names):
        yield ScoreboardProgress(f"perplexity and time of {name}", i / len(names))
        own = [line for line in records if line["variant"] == name]
        cells = _cells(checkpoint, name, own, settings, text, stops)
        rows.append({"variant": name, "cells": cells})
    _write(path, checkpoint, rows, n, seed, settings, text)
    yield ScoreboardProgress("written", 1.0)


def _curves(stops: tuple[int, ...]) -> list[Curve]:
    """Told facts, asked at every stop; facts never told, asked at once."""
    told = curves.told(4, stops=stops, never=0)
    never = curves.told(4, asked=0, never=4)
    return [
        Curve("scoreboard", "recall", "", lambda s: [CurvePoint("", 0, s, told)]),
        Curve("scoreboard, never told", "false recall", "",
              lambda s: [CurvePoint(NEVER, 0, s, never)]),
    ]


def in_words(cell: dict[str, Any]) -> str:
    """A cell as a short text: value, interval, n."""
    if cell["value"] is None:
        return f"– ({cell['how']})"
    shown = _SHOWN[cell["unit"]]
    interval = "" if cell["low"] is None else f" ({shown(cell['low'])} to {shown(cell['high'])})"
    return f"{shown(cell['value'])}{interval}, n {cell['n']:,}"


_SHOWN: dict[str, Callable[[float], str]] = {
    "share": lambda v: f"{v:.1%}", "tokens": lambda v: f"{v:,.0f} tokens",
    "percent": lambda v: f"{v:+.2f} %" if v else "0 %", "bytes": lambda v: f"{v:,.0f} bytes",
    "ms": lambda v: f"{v:.1f} ms",
}


def _cells(
    checkpoint: Checkpoint,
    name: str,
    records: list[dict[str, Any]],
    settings: Settings,
    text: str,
    stops: tuple[int, ...],
) -> dict[str, Any]:
    window = checkpoint.model.config.n_positions
    found = episode_lines.shares(records)
    has_memory = bool(VARIANTS[name])
    far = min((stop for stop in stops if stop >= window), default=None)
    at = partial(_at, stops=stops)
    state = _after_facts(checkpoint, settings)
    return {
        "context_limit": _limit(found, stops, has_memory),
        "inside": _share(found, at(0), ["in context"], "everything in one text that fits the "
                         "window, memory empty: the same for every variant, bit for bit"),
        "beyond": _share(
            found, None if far is None else at(far),
            ["recalled"] if has_memory else ["last window"],
            f"four facts, then {far or 0:,} tokens, the window is {window:,}; without memory: the "
            "same as one text, its start cut off"),
        "across": _share(found, at(0), ["recalled"],
                         "told in prompts of their own, asked in a new one"),
        "false_recall": _share(found, NEVER, ["false recall"],
                               'never told, asked all the same: anything but "I do not know."'),
        "perplexity": _perplexity(checkpoint, name, state, settings, text),
        "bytes": _cell(bytes_of(state, VARIANTS[name]), 1, "bytes",
                       f"after 4 facts and {FULL:,} tokens; the window's KV cache, which every "
                       f"variant has beside it: {_cache_bytes(checkpoint):,}"),
        "ms": _milliseconds(checkpoint, name, state, settings),
    }


def _at(stop: int, stops: tuple[int, ...]) -> str:
    return f"{stop:,}" if len(stops) > 1 else ""


def _share(
    found: dict[tuple[str, str], Share], point: str | None, series: list[str], how: str
) -> dict[str, Any]:
    keys = [] if point is None else [(point, name) for name in series]
    share = next((found[key] for key in keys if key in found), None)
    if share is None:
        return _cell(None, 0, "share", "not measured")
    return _cell(share.value, share.n, "share", how, share.interval)


def _limit(
    found: dict[tuple[str, str], Share], stops: tuple[int, ...], has_memory: bool
) -> dict[str, Any]:
    """The longest distance up to which every stop reached at least ENOUGH recall: through memory,
    or without memory in one text, cut at its start if it exceeds the window."""
    series = ["recalled"] if has_memory else ["in context", "last window"]
    reached, n = None, 0
    for stop in sorted(stops):
        share = next((found[k] for s in series if (k := (_at(stop, stops), s)) in found), None)
        if share is None or share.value < ENOUGH:
            break
        reached, n = stop, share.n
    tried = ", ".join(f"{stop:,}" for stop in sorted(stops))
    how = f"longest of {tried} tokens with at least {ENOUGH:.0%}"
    if reached == max(stops):
        how += "; the longest that was tried"
    if reached is None:
        how = f"below {ENOUGH:.0%} at once"
    return _cell(reached, n, "tokens", how)


def _after_facts(checkpoint: Checkpoint, settings: Settings) -> MemoryState:
    """A full memory of all modules: one person's four facts and other talk."""
    trial = curves.told(4)(random.Random("scoreboard state"), checkpoint.tokenizer)
    given = probe.Probe(trial.tell, "?", None, FULL)
    return probe.told(
        checkpoint, probe.prepare(checkpoint, given), probe.settings_for("gpt2-m", settings)
    )


@torch.inference_mode()
def _perplexity(
    checkpoint: Checkpoint, name: str, state: MemoryState, settings: Settings, text: str
) -> dict[str, Any]:
    """Change of perplexity, in percent, on passages that are read with a full memory."""
    if not VARIANTS[name]:
        return _cell(0.0, 0, "percent", "no memory, nothing changes")
    own, nothing = probe.settings_for(name, settings), blank(checkpoint)
    room, changes = asking.room(checkpoint, state, own), []
    for passage, _ in distraction.prompts(checkpoint, ORDINARY, text, seed=1):
        ids = tokens.encode_part(checkpoint.tokenizer, passage)[:room]
        changes.append(_nats(checkpoint, state, ids, own) - _nats(checkpoint, nothing, ids, own))
    each = np.array(changes)  # nats a token
    mean, half = each.mean(), 1.96 * each.std(ddof=1) / len(each) ** 0.5
    percent, low, high = (float(100 * np.expm1(x)) for x in (mean, mean - half, mean + half))
    what = "passages of the text that was named" if text else "passages of sentences made up here"
    return _cell(percent, len(changes), "percent", what, (low, high))


def _nats(checkpoint: Checkpoint, state: MemoryState, ids: Ids, settings: Settings) -> float:
    trace = asking.ask(checkpoint, state, ids, settings).trace
    behind = len(trace) - len(ids)  # <|endoftext|>, where it was put in front
    return float(surprisal(checkpoint, trace)[1:][max(0, behind - 1) :].mean())


def _milliseconds(
    checkpoint: Checkpoint, name: str, state: MemoryState, settings: Settings
) -> dict[str, Any]:
    """Milliseconds to generate one token with a full memory: median and quartiles."""
    own = probe.settings_for(name, settings)
    reader = WithMemory(checkpoint, state, own)
    ids = tokens.encode_part(checkpoint.tokenizer, "Where do I live?")
    steps = generate.generate(
        reader, ids, TIMED + 1, settings=sampling.SamplingSettings(1.0), generator=torch.Generator()
    )
    later = [1000 * step.reading.seconds for step in steps][1:]
    low, middle, high = np.percentile(later, [25, 50, 75]).tolist()
    place = checkpoint.placement
    how = f"median and quartiles, {place.device} {place.dtype}".replace("torch.", "")
    return _cell(middle, len(later), "ms", how, (low, high))


def _cache_bytes(checkpoint: Checkpoint) -> int:
    config = checkpoint.model.config
    return 2 * config.n_layer * config.n_positions * config.n_embd * checkpoint.model.dtype.itemsize


def _cell(
    value: float | None,
    n: int,
    unit: str,
    how: str,
    interval: tuple[float | None, float | None] = (None, None),
) -> dict[str, Any]:
    low, high = interval
    return {"value": value, "low": low, "high": high, "n": n, "unit": unit, "how": how}


def _write(
    path: Path,
    checkpoint: Checkpoint,
    rows: list[dict[str, Any]],
    n: int,
    seed: int,
    settings: Settings,
    text: str,
) -> None:
    memory = checkpoint.memory
    board = {
        "version": VERSION, "model": checkpoint.name, "fingerprint": checkpoint.fingerprint,
        "memory": memory.fingerprint if memory is not None else None,
        "trained": list(memory.parts) if memory is not None else [],
        "made": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()),
        "episodes": n, "seed": seed, "slots": {"am": settings.fusion.slots, "edm": settings.edm.slots},
        "policy": settings.policy, "window": checkpoint.model.config.n_positions,
        "text": "named" if text else "made up", "rows": rows,
    }
    write_text(path, json.dumps(board, indent=1, ensure_ascii=False) + "\n")
