"""Token ids and the text they stand for. Knows nothing of embeddings.

GPT-2's tokenizer works on bytes: a token may hold part of a character, a control character or
nothing visible. Every display string made here is safe, visible and never empty.
"""

import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import cast

import numpy as np
from transformers import PreTrainedTokenizerFast

Ids = Sequence[int] | np.ndarray  # token ids (T,): an int64 array, or a plain list


def encode(tokenizer: PreTrainedTokenizerFast, text: str) -> np.ndarray:
    """text -> ids (T,) int64, without special tokens added; T = 0 for the empty text.

    A lone surrogate cannot be written as UTF-8: it becomes "?". `<|endoftext|>` typed by the
    visitor becomes the special token, as in GPT-2's own tokenizer.
    """
    text = text.encode("utf-8", "replace").decode("utf-8")
    ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    return np.asarray(ids, dtype=np.int64)


def token_bytes(tokenizer: PreTrainedTokenizerFast, token_id: int) -> bytes:
    """The bytes a token stands for; a special token stands for its own name."""
    piece = cast(str | None, tokenizer.convert_ids_to_tokens(int(token_id)))
    if piece is None:
        raise ValueError(
            f"There is no token {token_id}: this vocabulary has ids 0 to {len(tokenizer) - 1}."
        )
    table = _byte_of_character()
    if int(token_id) in tokenizer.all_special_ids or any(c not in table for c in piece):
        return piece.encode("utf-8", "replace")
    return bytes_of_letters(piece)


def decode(tokenizer: PreTrainedTokenizerFast, ids: Ids) -> str:
    """ids (T,) -> their text; bytes that are no whole character become "�"."""
    return cast(str, tokenizer.decode(cast(list[int], ids)))  # a list only for lists of lists


def bytes_of_letters(letters: str) -> bytes:
    """GPT-2's stand-ins -> the bytes they stand for, one each."""
    table = _byte_of_character()
    return bytes(table[c] for c in letters)


def letters_of_bytes(raw: bytes) -> str:
    """Bytes -> GPT-2's stand-ins: one visible letter for each byte, as in its merges and vocabulary."""
    letter = {byte: char for char, byte in _byte_of_character().items()}
    return "".join(letter[byte] for byte in raw)


def display(tokenizer: PreTrainedTokenizerFast, ids: Ids) -> list[str]:
    """ids (T,) -> T visible strings: spaces as "·", line ends as "↵", broken characters as bytes.

    An id beyond the vocabulary (some models pad their tables) is shown as ‹no token 50300›.
    """
    known = len(tokenizer)
    return [
        show_bytes(token_bytes(tokenizer, i)) if i < known else f"‹no token {i}›" for i in ids
    ]


def show_bytes(raw: bytes) -> str:
    """Bytes as visible text; bytes that are no whole character as hexadecimal between ‹ ›."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return "‹" + raw.hex(" ").upper() + "›"
    return "".join(map(_visible, text)) or "∅"


def _visible(char: str) -> str:
    if char in _SHOWN:
        return _SHOWN[char]
    kind = unicodedata.category(char)
    if kind in ("Mn", "Me", "Mc"):
        return "◌" + char
    if kind[0] in "CZ":  # control, format (bidi overrides too), unassigned, exotic spaces
        return f"‹U+{ord(char):04X}›"
    return char


_SHOWN = {" ": "·", "\n": "↵", "\t": "⇥", "\r": "␍"}


@cache
def _byte_of_character() -> dict[str, int]:
    """GPT-2's table: printable bytes stand for themselves, the other 68 for U+0100 and up."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    table = {chr(b): b for b in printable}
    return table | {chr(256 + n): b for n, b in enumerate(others)}
