"""Which stored sentences were told of something else than a prompt asks for: near misses, not read."""

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from model.memory import exchanged, shared_words
from model.memory.exchanged import Exchange
from model.memory.slots import Slots
from model.run import tokens
from model.run.checkpoint import Checkpoint

_pair = lru_cache(maxsize=4096)(exchanged.exchanged)


@dataclass(frozen=True, eq=False)
class NotAsked:
    """The sentences that are not read, and their slots.

    pairs: near miss -> its word and the one that is asked for instead; the sentence that shares most
    with the prompt comes first. nearest: that sentence; "" if it shares no word. bank (M,), external
    (N,): the slots of these sentences, bool. Beside a nearest one, the EDM, which always reads
    something, does not read what shares no word with the prompt either.
    """

    pairs: dict[str, Exchange] = field(default_factory=dict)
    nearest: str = ""
    bank: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=bool))
    external: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=bool))


def not_asked(checkpoint: Checkpoint, bank: Slots, external: Slots, prompt: str) -> NotAsked:
    """The near misses among the sentences of fusion's M and the EDM's N slots."""
    told = sentences(checkpoint, bank), sentences(checkpoint, external)
    texts = sorted(set().union(*(set(part.tolist()) for part in told)))
    weight = dict(zip(texts, shared_words.weights(texts, prompt)))
    found = {text: _pair(text, prompt) for text in sorted(texts, key=weight.__getitem__, reverse=True)}
    pairs = {text: pair for text, pair in found.items() if pair is not None}
    nearest = next((text for text in pairs if exchanged.is_related(text, prompt)), "")
    other = {text for text in texts if nearest and not exchanged.is_related(text, prompt)}
    left_out = pairs.keys(), pairs.keys() | other
    return NotAsked(pairs, nearest, *(np.array([text in gone for text in part], dtype=bool)
                                      for part, gone in zip(told, left_out)))


def sentences(checkpoint: Checkpoint, table: Slots) -> np.ndarray:
    """The sentence of every slot as text, (M,): as it is shown, or its stored tokens if it is shown
    as single bytes."""
    blocks, first, of = np.unique(table.block, return_index=True, return_inverse=True)
    texts = [_said(checkpoint, table, block, str(table.around[i])) for block, i in zip(blocks, first)]
    return np.array(texts, dtype=object)[of]


def _said(checkpoint: Checkpoint, table: Slots, block: int, around: str) -> str:
    if "‹" not in around:
        return around.replace("·", " ")
    return tokens.decode(checkpoint.tokenizer, table.token[table.block == block])
