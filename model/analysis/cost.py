"""What work costs before it is done, counted in multiply–adds: passes, steps, lenses, what-ifs.

A multiply–add is one product added to a sum; softmax, LayerNorm and GELU are not counted. Attention
is counted over the pairs a query may see. Axes: C model width, F MLP width, V vocabulary, L layers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from transformers import GPT2Config

from model.run.checkpoint import Checkpoint

OTHER_DEVICE = 100  # how many times as much a GPU does in the same time
LENS_BLOCK = 16  # positions of a lens that are read and kept together
LENS = 3e10  # of one window of a lens, on a CPU: under a second
INSTANT, MINUTES = 4e10, 6e12  # of switching off every part alone, on a CPU
SWEEP = 1e11  # of all what-ifs of one click, on a CPU: a few seconds
QUICK = 1.5e11  # of what needs no asking: a few seconds on a laptop
STEP_OVERHEAD = 5e8  # in the time that one step takes however small the model


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
class Pace:
    """What a step takes: `start_ms` however small it is, and then `per_ms` multiply–adds a
    millisecond (infinite where time does not grow with the work)."""

    start_ms: float
    per_ms: float

    def ms(self, amounts: np.ndarray) -> np.ndarray:
        """Milliseconds of steps of so many multiply–adds, same shape."""
        return self.start_ms + amounts / self.per_ms


def pace(amounts: Sequence[float] | np.ndarray, times_ms: Sequence[float]) -> Pace:
    """The pace that fits measured steps best: least squares of the relative error, so that short
    steps count as much as long ones; neither part is negative."""
    work, ms = np.asarray(amounts, dtype=float), np.asarray(times_ms, dtype=float)
    start, slope = _least(1 / ms, work / ms)
    if start < 0:
        start, (slope,) = 0.0, _least(work / ms)
    elif slope <= 0:
        (start,), slope = _least(1 / ms), 0.0
    return Pace(start, 1 / slope if slope else float("inf"))


def _least(*columns: np.ndarray) -> list[float]:
    """The multiples of these columns, (n,) each, whose sum is nearest to 1 everywhere."""
    scales = [column.max() for column in columns]
    told = np.stack([column / scale for column, scale in zip(columns, scales)], axis=1)
    found = np.linalg.lstsq(told, np.ones(len(told)), rcond=None)[0]
    return [float(x / scale) for x, scale in zip(found, scales)]


def lens_window(checkpoint: Checkpoint, at: int, n_tokens: int) -> tuple[int, int]:
    """The positions start to stop round `at` that a lens may read in one go; all, where cheap."""
    config = checkpoint.model.config
    a_position = (config.n_layer + 1) * config.n_embd * config.vocab_size
    n = max(2, int(LENS * _speed(checkpoint) / a_position) // LENS_BLOCK) * LENS_BLOCK
    blocks = at // LENS_BLOCK + 1 + n // LENS_BLOCK // 2
    stop = min(-(-n_tokens // LENS_BLOCK), blocks) * LENS_BLOCK
    start = max(0, stop - n)
    return start, min(n_tokens, max(stop, start + n))


def of_each_part_off(checkpoint: Checkpoint, n_tokens: int) -> str:
    """How long switching off every part alone takes: "instant", "minutes" or "too long"."""
    config = checkpoint.model.config
    a_token = checkpoint.model.num_parameters() - config.n_embd * config.vocab_size
    total = a_token * n_tokens * config.n_layer * (config.n_head + 2) / _speed(checkpoint)
    return "instant" if total <= INSTANT else "minutes" if total <= MINUTES else "too long"


def what_ifs_at_once(checkpoint: Checkpoint, n_tokens: int) -> float:
    """How many passes over n tokens, with all their logits, one click may cost; attention's own
    work is not counted."""
    return SWEEP * _speed(checkpoint) / (checkpoint.model.num_parameters() * float(n_tokens))


def re_encoding(config: GPT2Config, n_tokens: int, budget: int) -> tuple[int, bool]:
    """Tokens that re-encoding a window of `budget` at every token runs, and whether that is quick."""
    n_run = min(n_tokens, budget) + max(0, n_tokens - 1 - budget) * budget
    return n_run, n_run * work(config, 1, 0).total < QUICK


def is_quick_step_by_step(config: GPT2Config, n_tokens: int, n_rows: int) -> bool:
    """Whether reading n tokens one by one, in so many rows, takes seconds."""
    return n_tokens * (STEP_OVERHEAD + n_rows * work(config, 1, 0).total) < QUICK


def _speed(checkpoint: Checkpoint) -> int:
    return 1 if checkpoint.placement.device.type == "cpu" else OTHER_DEVICE
