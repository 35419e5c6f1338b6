"""What one step of generation costs, with and without the cache: counted and measured.

A multiply–add is one product added to a sum; softmax, LayerNorm and GELU are not counted. Attention
is counted over the pairs a query may see. Axes: C model width, F MLP width, V vocabulary, L layers.
"""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from transformers import GPT2Config

from model.run.cache import KVCache
from model.run.checkpoint import Checkpoint
from model.run.generate import WithCache, now, recompute
from model.run.tokens import Ids


@dataclass(frozen=True)
class Work:
    """Multiply–adds of one pass, by what they are for."""

    projections: int
    attention: int
    mlp: int
    lm_head: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.projections + self.attention + self.mlp + self.lm_head


def work(config: GPT2Config, n_new: int, n_before: int) -> Work:
    """A pass over n new tokens after n_before cached ones, logits for the last token only.

    projections L·n·4C² (q, k, v, output), attention L·2C·pairs (q·k and weights·v), MLP L·n·2CF,
    LM head C·V. pairs = n·n_before + n(n+1)/2: query by query, the keys it sees.
    """
    L, C, V = config.n_layer, config.n_embd, config.vocab_size
    F = config.n_inner if config.n_inner is not None else 4 * C
    pairs = n_new * n_before + n_new * (n_new + 1) // 2
    return Work(L * n_new * 4 * C * C, L * 2 * C * pairs, L * n_new * 2 * C * F, C * V)


def with_cache(config: GPT2Config, t: int) -> Work:
    """The step that reads token number t (from 1) when the t-1 before it are cached."""
    return work(config, 1, t - 1)


def without_cache(config: GPT2Config, t: int) -> Work:
    """The same step when nothing was kept: all t tokens again."""
    return work(config, t, 0)


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
    for t in ts:
        cache = KVCache(checkpoint.model.config.n_layer)
        reader = WithCache(checkpoint, cache)
        reader.read(ids[: t - 1])
        with_s, without_s = [], []
        for _ in range(repeats + 1):
            reading = reader.read(ids[t - 1 : t])
            with_s.append(reading.seconds)
            cache.crop(-1)
            start = now(checkpoint.model.device)
            logits = recompute(checkpoint, ids[:t])[-1]
            without_s.append(now(checkpoint.model.device) - start)
        error = float((logits - reading.logits).abs().max())
        medians = [1000 * statistics.median(s[1:]) for s in (with_s, without_s)]
        yield Timing(t, *medians, repeats, error)


def lengths(most: int, n: int = 8) -> list[int]:
    """n lengths from 2 to `most`, evenly spaced."""
    return sorted({int(t) for t in np.linspace(2, most, n).round()})


def rate(amounts, times_ms) -> float:
    """The best fit of multiply–adds per millisecond: least squares of the relative error, through
    the origin, so that short steps count as much as long ones."""
    ratio = np.asarray(times_ms, dtype=float) / np.asarray(amounts, dtype=float)
    return float(ratio.sum() / (ratio**2).sum())

