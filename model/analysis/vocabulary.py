"""Every token of a model by text and by id. Knows nothing of vectors.

Ids are in the order in which the tokenizer's training made the tokens: first the bytes, then each
merge; a merge joins the pair that was most frequent in the corpus at that time.
"""

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from transformers import PreTrainedTokenizerBase

from model.run import tokens
from model.run.checkpoint import Checkpoint


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """raw: V byte strings (a special token: its name; None: a row of the model without a token)."""

    raw: list[bytes | None]
    special: frozenset[int]

    @cached_property
    def texts(self) -> list[str]:
        """V visible strings, never empty."""
        return [
            f"‹unused {i}›" if raw is None else tokens.show_bytes(raw)
            for i, raw in enumerate(self.raw)
        ]

    @cached_property
    def _by_bytes(self) -> dict[bytes, int]:
        return {raw: i for i, raw in reversed(list(enumerate(self.raw))) if raw is not None}

    @cached_property
    def _searchable(self) -> list[str]:
        """What a search looks through: the text with its spaces, then as it is shown."""
        plain = ("" if raw is None else raw.decode("utf-8", "ignore") for raw in self.raw)
        return [f"{text}\0{shown}".casefold() for text, shown in zip(plain, self.texts)]

    def id_of(self, raw: bytes) -> int | None:
        """The token of exactly these bytes."""
        return self._by_bytes.get(raw)


def read(checkpoint: Checkpoint) -> Vocabulary:
    """All V tokens of a checkpoint, V as many as its embedding has rows."""
    tokenizer, n = checkpoint.tokenizer, checkpoint.model.config.vocab_size
    special = frozenset(tokenizer.all_special_ids)
    raw: list[bytes | None] = [None] * n
    spelling = tokens.spelling(tokenizer)
    for piece, i in tokenizer.get_vocab().items():
        if i < n:
            raw[i] = tokens.piece_bytes(spelling, i, piece)
    return Vocabulary(raw, special)


def search(vocabulary: Vocabulary, query: str) -> np.ndarray:
    """Ids, ascending, of the tokens that contain the query, upper or lower case; "#42" is id 42.

    The empty query finds all V. Raises ValueError for an id that does not exist.
    """
    if re.fullmatch(r"#\d+", query, re.ASCII):
        return np.array([_checked(vocabulary, query)])
    wanted = query.casefold().replace("\0", "")
    found = [i for i, text in enumerate(vocabulary._searchable) if wanted in text]
    return np.array(found, dtype=np.int64)


def find(vocabulary: Vocabulary, wanted: str, tokenizer: PreTrainedTokenizerBase) -> int:
    """One token by its text or by "#id" -> its id; "·" may stand for a space.

    Raises ValueError for an id out of range and for a text that is not exactly one token.
    """
    if re.fullmatch(r"#\d+", wanted, re.ASCII):
        return _checked(vocabulary, wanted)
    for text in (wanted, wanted.replace("·", " ")):
        found = vocabulary.id_of(text.encode("utf-8", "replace"))
        if found is not None:
            return found
    ids = tokens.encode_part(tokenizer, wanted)
    pieces = " + ".join(vocabulary.texts[i] for i in ids[:8]) + (" + …" if len(ids) > 8 else "")
    raise ValueError(
        f"Not one token: “{_short(wanted)}”, which is {len(ids)} tokens in this vocabulary"
        + (f" ({pieces})" if len(ids) else "") + ". Take one of them, another word, or an id as #42."
    )


def _checked(vocabulary: Vocabulary, wanted: str) -> int:
    last = len(vocabulary.raw) - 1
    if len(wanted) > 12 or int(wanted[1:]) > last:
        raise ValueError(
            f"There is no id {_short(wanted[1:])}: this vocabulary has 0 to {last:,}. Write a "
            "smaller one."
        )
    return int(wanted[1:])


def _short(text: str) -> str:
    shown = tokens.show_bytes(text.encode("utf-8", "replace"))
    return shown if len(shown) <= 40 else shown[:39] + "…"
