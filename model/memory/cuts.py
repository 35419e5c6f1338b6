"""Cuts a prompt that is longer than the model can read at once, between its sentences."""

import numpy as np

from model.run import tokens
from model.run.checkpoint import Checkpoint
from model.run.tokens import Ids


def windows(checkpoint: Checkpoint, ids: Ids) -> list[slice]:
    """A prompt (T,) cut into parts to be told: each at most half the model's window and ending with
    a sentence; only a sentence longer than that is cut itself."""
    size = _half(checkpoint)
    if len(ids) <= size:
        return [slice(0, len(ids))]
    number, parts, start = sentences(tokens.display(checkpoint.tokenizer, ids)), [], 0
    while start < len(ids):
        end = min(start + size, len(ids))
        if end < len(ids) and number[end] != number[start]:
            end = int(np.searchsorted(number, number[end]))
        parts.append(slice(start, end))
        start = end
    return parts


def n_front(checkpoint: Checkpoint, ids: Ids) -> int:
    """How many tokens of a prompt (T,) must be told so that its end can ask. The end is at most
    half the model's window and begins with a sentence. Inside a longer sentence it begins at one of
    a few places, so that the cut does not move at every key."""
    half = _half(checkpoint)
    start, step = len(ids) - half, max(1, half // 8)
    if start <= 0:
        return 0
    number = sentences(tokens.display(checkpoint.tokenizer, ids))
    if number[start] != number[start - 1]:
        return start
    if number[start] < number[-1]:
        return int(np.searchsorted(number, number[start] + 1))
    return -(-start // step) * step


def _half(checkpoint: Checkpoint) -> int:
    return checkpoint.model.config.n_positions // 2 - 1


def sentences(texts: list[str]) -> np.ndarray:
    """Display strings (T,) -> number of each token's sentence, from 0: a sentence ends behind
    `.`, `!`, `?` or a line end, closing quotes included."""
    number, numbers, ended = 0, [], False
    for text in texts:
        if ended and not set(text) <= set("\"')]}»”’.!?↵"):
            number, ended = number + 1, False
        ended = ended or text.rstrip("\"')]»”’")[-1:] in (".", "!", "?", "↵")
        numbers.append(number)
    return np.array(numbers, dtype=np.int64)
