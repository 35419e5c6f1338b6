"""Generation: read some tokens, draw one, read that one, … as a generator of steps.

A reader reads the text so far: with a cache, without one, or with a bounded one (`cache_budget`).
`sampling` draws the token. Knows nothing of pages and printing.
Axes: T tokens read, V vocabulary.
"""

import time
from collections.abc import Collection, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from model.run import sampling
from model.run.cache import KVCache
from model.run.checkpoint import Checkpoint
from model.run.tap import Tap
from model.run.tokens import Ids
from model.run.trace import Rows
from model.run.turn import undivided

END_OF_TEXT = "the model drew its end-of-text token"


class Reader(Protocol):
    """What generation needs from a reader: the logits of the newest token, and the costs."""

    def read(self, ids: np.ndarray) -> "GenerationPass":
        """Read the next tokens (n,) of the text."""

    def full(self) -> str:
        """Why no further token can be read; "" while one can."""


@dataclass(frozen=True, eq=False)
class GenerationPass:
    """One pass of the model.

    phase: "prefill" (several tokens into an empty cache), "decode" (the cache holds the others) or
    "recompute" (no cache: everything again). n_read: tokens this pass ran; n_entries, cache_bytes:
    what the cache holds after it. seconds: this pass alone. logits (V,): what follows the newest
    token. rows: what the tap saw of the new tokens; None for a reader that keeps no trace.
    """

    phase: str
    n_read: int
    n_entries: int
    cache_bytes: int
    seconds: float
    logits: torch.Tensor
    rows: Rows | None = None


@dataclass(frozen=True, eq=False)
class GeneratedToken:
    """A pass and the token drawn from its logits; that token is not in the cache yet.

    probability: of the token, after temperature, top-k and top-p. end: why nothing can follow,
    "" when it goes on.
    """

    reading: GenerationPass
    token: int
    probability: float
    end: str


class WithCache:
    """Reads through a KV cache that the caller owns: only new tokens are run."""

    def __init__(self, checkpoint: Checkpoint, cache: KVCache) -> None:
        self.checkpoint, self.cache = checkpoint, cache

    @torch.inference_mode()
    def read(self, ids: np.ndarray) -> GenerationPass:
        """Prefill when the cache is empty, decode when it is not."""
        phase = "decode" if self.cache.n_entries else "prefill"
        model, tap = self.checkpoint.model, Tap()
        _check_room(self.cache.n_entries + len(ids), model.config.n_positions)
        with undivided() if phase == "decode" else nullcontext(), tap.open():
            start = now(model.device)
            logits = model(
                torch.tensor(ids, device=model.device)[None],
                past_key_values=self.cache, use_cache=True, logits_to_keep=1, tap=tap,
            ).logits[0, -1]
            seconds = now(model.device) - start
        rows = Rows(*(tuple(part) for part in (tap.q, tap.k, tap.v, tap.stream)))
        check_rows(logits, rows)
        return GenerationPass(
            phase, len(ids), self.cache.n_entries, self.cache.n_bytes, seconds, logits, rows
        )

    def full(self) -> str:
        """The window's end: a table of learned positions has no further row."""
        return window_full(self.cache.n_entries, self.checkpoint.model.config.n_positions)


class WithoutCache:
    """Reads everything again at every step, as if nothing had been kept."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint, self.ids = checkpoint, np.zeros(0, np.int64)

    def read(self, ids: np.ndarray) -> GenerationPass:
        """One pass over the whole text so far."""
        self.ids = np.concatenate([self.ids, ids])
        start = now(self.checkpoint.model.device)
        logits = recompute(self.checkpoint, self.ids)[-1]
        seconds = now(self.checkpoint.model.device) - start
        return GenerationPass("recompute", len(self.ids), 0, 0, seconds, logits)

    def full(self) -> str:
        """The window's end."""
        return window_full(len(self.ids), self.checkpoint.model.config.n_positions)


def generate(
    reader: Reader,
    ids: Ids,
    n_tokens: int,
    *,
    settings: sampling.SamplingSettings,
    generator: torch.Generator,
    end_tokens: Collection[int] = frozenset(),
) -> Iterator[GeneratedToken]:
    """ids (T,) not read yet, T >= 1 -> up to n_tokens steps; each draw advances the generator.

    Ends early, and says why in the last step, at one of `end_tokens` and when the reader is full. Raises
    ValueError for no tokens, a negative number of tokens, a prompt beyond the window and logits
    that are not finite.
    """
    if n_tokens < 0:
        raise ValueError(f"Cannot generate {n_tokens} tokens. Ask for 0 or more tokens.")
    unread = np.asarray(ids, dtype=np.int64)
    if len(unread) == 0:
        raise ValueError("There is no prompt to continue. Type at least one word.")
    for _ in range(n_tokens):
        step = take_step(reader, unread, settings, generator, end_tokens)
        yield step
        if step.end:
            return
        unread = np.array([step.token])


def take_step(
    reader: Reader,
    unread: np.ndarray,
    settings: sampling.SamplingSettings,
    generator: torch.Generator,
    end_tokens: Collection[int] = frozenset(),
) -> GeneratedToken:
    """Read the unread tokens (n,), draw what follows."""
    return draw(reader, reader.read(unread), settings, generator, end_tokens)


def draw(
    reader: Reader,
    reading: GenerationPass,
    settings: sampling.SamplingSettings,
    generator: torch.Generator,
    end_tokens: Collection[int] = frozenset(),
) -> GeneratedToken:
    """Draw the token that follows a reading."""
    probabilities = sampling.stages(reading.logits, settings).probabilities
    token = sampling.draw(probabilities, generator)
    end = END_OF_TEXT if token in end_tokens else reader.full()
    return GeneratedToken(reading, token, float(probabilities[token]), end)


@torch.inference_mode()
def recompute(checkpoint: Checkpoint, ids: Ids, n_last: int = 1) -> torch.Tensor:
    """Logits of the last n tokens of ids (T,), (n,V), in one pass that neither reads nor keeps a
    cache."""
    model = checkpoint.model
    _check_room(len(ids), model.config.n_positions)
    batch = torch.tensor(np.asarray(ids), device=model.device)[None]
    logits: torch.Tensor = model(batch, use_cache=False, logits_to_keep=n_last).logits
    return logits[0]


def check_rows(logits: torch.Tensor, rows: Rows) -> None:
    """Raise ValueError for the first tensor of a pass that is not finite; silent when all are."""
    if torch.isfinite(logits).all():
        return
    for i, stream in enumerate(rows.stream):
        layer, half = divmod(i, 2)
        if layer == len(rows.q):
            where = "after the last block"
        else:
            where = f"of block {layer}, before its {'MLP' if half else 'attention'}"
        sampling.check_finite(stream, f"the residual stream {where}")
    sampling.check_finite(logits, "the logits")


def window_full(n_entries: int, n_positions: int) -> str:
    """Why the next token cannot be read, or ""."""
    if n_entries < n_positions:
        return ""
    return f"the window of {n_positions:,} positions is full: the next token has no position"


def now(device: torch.device) -> float:
    """Seconds on a clock, after the device has done what it was asked."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _check_room(n: int, n_positions: int) -> None:
    if n > n_positions:
        raise ValueError(
            f"Prompt too long: {n:,} tokens, and at most {n_positions:,} tokens fit the model's "
            "window. Shorten the prompt, or hold the cache to a budget."
        )
