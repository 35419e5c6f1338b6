"""What one step of generation takes, with and without the cache, measured; `cost` counts it."""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from model.run import turn
from model.run.cache import KVCache
from model.run.checkpoint import Checkpoint
from model.run.generate import WithCache, now, recompute
from model.run.tokens import Ids


@dataclass(frozen=True)
class Timing:
    """Milliseconds of the step that reads token number t: medians over `repeats`.

    error: largest difference between the logits of the two ways.
    """

    t: int
    with_ms: float
    without_ms: float
    repeats: int
    error: float


def measure(checkpoint: Checkpoint, ids: Ids, ts: list[int], repeats: int) -> Iterator[Timing]:
    """Run both ways in turns, for each length t of ids (T,), 2 <= t <= T; the first run of each is
    a warm-up and does not count."""
    told = np.asarray(ids, dtype=np.int64)
    for t in ts:
        cache = KVCache(checkpoint.model.config.n_layer)
        reader = WithCache(checkpoint, cache)
        reader.read(told[: t - 1])
        with_s, without_s = [], []
        for _ in range(repeats + 1):
            reading = reader.read(told[t - 1 : t])
            with_s.append(reading.seconds)
            cache.crop(-1)
            with turn.undivided():
                start = now(checkpoint.model.device)
                logits = recompute(checkpoint, told[:t])[-1]
                without_s.append(now(checkpoint.model.device) - start)
        error = float((logits - reading.logits).abs().max())
        with_ms, without_ms = (1000 * statistics.median(s[1:]) for s in (with_s, without_s))
        yield Timing(t, with_ms, without_ms, repeats, error)


def measure_all(
    checkpoint: Checkpoint, ids: Ids, ts: tuple[int, ...], repeats: int
) -> tuple[Timing, ...]:
    """`measure` of every length; reports the share that is done."""
    found = []
    for timing in measure(checkpoint, ids, list(ts), repeats):
        found.append(timing)
        turn.report(len(found) / len(ts))
    return tuple(found)


def lengths(most: int, n: int = 8) -> list[int]:
    """n lengths from 2 to `most`, evenly spaced."""
    return sorted({int(t) for t in np.linspace(2, most, n).round()})
