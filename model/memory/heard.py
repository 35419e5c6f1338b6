"""The plain model's run of a prompt that is told, and the text told before it.

This run never reads memory.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from model.memory import fusion, held
from model.run import borders, tokens
from model.run.bits import as_bits, nats
from model.run.checkpoint import Checkpoint
from model.run.generate import check_rows
from model.run.trace import Trace, logits, run

Heard = dict[Any, Any]  # what the plain model computed, by the bytes of the ids it read
CONTEXT = 200  # tokens told before the prompt that a score may read, see salience.Evidence


class PlainRun:
    """The plain model's run of <|endoftext|> and some tokens; it reads no memory."""

    def __init__(self, checkpoint: Checkpoint, ids: np.ndarray) -> None:
        self._checkpoint = checkpoint
        self.trace = run(checkpoint, borders.with_start(checkpoint, ids))
        for rows in self.trace.rows:
            check_rows(self.trace.next_logits, rows)
        self.nats, self.gate = surprisal(checkpoint, self.trace), None
        if checkpoint.memory is not None and "edm" in checkpoint.memory.parts:
            self.gate = held.gate(checkpoint.memory, self.trace, self.nats)

    @cached_property
    def texts(self) -> list[str]:
        """Its tokens as shown, (T,)."""
        return tokens.display(self._checkpoint.tokenizer, self.trace.ids)

    @cached_property
    def received(self) -> np.ndarray:
        """See salience.Evidence, (T,)."""
        return received(self._checkpoint, self.trace)


@dataclass(frozen=True, eq=False)
class ToldBefore:
    """What was told before a window: earlier prompts and the front (n,) of its own; heard: see
    `tell`."""

    checkpoint: Checkpoint
    prompts: tuple[str, ...]
    front: np.ndarray
    heard: Heard | None

    def plain(self, ids: np.ndarray) -> PlainRun:
        """The plain model's run of these tokens, alone."""
        if self.heard is None:
            return PlainRun(self.checkpoint, ids)
        key = np.asarray(ids).tobytes()
        if key not in self.heard:
            self.heard[key] = PlainRun(self.checkpoint, ids)
        plain: PlainRun = self.heard[key]
        return plain

    def bits_behind(self, ids: np.ndarray) -> np.ndarray:
        """Surprisal in bits, (T,), of these tokens after the CONTEXT tokens told last."""
        window = self.checkpoint.model.config.n_positions
        last = self.last(min(CONTEXT, window - 1 - len(ids)))
        key = (last.tobytes(), np.asarray(ids).tobytes())
        if self.heard is not None and key in self.heard:
            known: np.ndarray = self.heard[key]
            return known
        whole = run(self.checkpoint, borders.with_start(self.checkpoint, np.r_[last, ids]))
        bits = as_bits(surprisal(self.checkpoint, whole, len(whole) - len(ids)))
        if self.heard is not None:
            self.heard[key] = bits
        return bits

    def last(self, n: int) -> np.ndarray:
        """The n tokens told last, or all, (n,)."""
        found = self.front
        for text in reversed(self.prompts):
            if len(found) >= n:
                break
            found = np.r_[tokens.encode_part(self.checkpoint.tokenizer, text), found]
        return np.asarray(found[max(0, len(found) - n) :], dtype=np.int64)


def surprisal(checkpoint: Checkpoint, trace: Trace, start: int = 0) -> torch.Tensor:
    """−ln p of the tokens from `start` on, (T-start,) float64; 0 for the first of the run, which
    nothing predicted."""
    first = max(start, 1)
    found = nats(logits(checkpoint, trace, first - 1)[:-1], trace.ids[first:])
    return torch.nn.functional.pad(found, (first - start, 0))


def received(checkpoint: Checkpoint, trace: Trace) -> np.ndarray:
    """See salience.Evidence, (T,): mean over layers."""
    layers = range(trace.n_layers)
    each = [_received_in(checkpoint, trace, layer) for layer in layers]
    mean: np.ndarray = np.mean(each, axis=0)
    return mean


def _received_in(checkpoint: Checkpoint, trace: Trace, layer: int) -> np.ndarray:
    """(T,): weight each token got from later ones, over how many could see it, mean over heads."""
    n = len(trace)
    local = fusion.union_weights(checkpoint, trace, layer)[..., -n:].mean(0).tril(-1)
    return (local.sum(0) / torch.arange(n - 1, -1, -1, device=local.device).clamp(min=1)).cpu().numpy()
