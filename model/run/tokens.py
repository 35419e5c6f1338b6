"""Token ids and the text they stand for. Knows nothing of embeddings.

GPT-2's tokenizer works on bytes: a token may hold part of a character, a control character or
nothing visible. Others work on characters or words; `spelling` tells. Every display string made
here is safe, visible and never empty.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import cast
from weakref import WeakKeyDictionary

import numpy as np
from transformers import PreTrainedTokenizerBase

Ids = Sequence[int] | np.ndarray  # token ids (T,): an int64 array, or a plain list


def encode(tokenizer: PreTrainedTokenizerBase, text: str) -> np.ndarray:
    """A prompt -> ids (T,) int64, those that transformers gives: with what this tokenizer puts
    before and behind every text (GPT-2's: nothing). T = 0 for the empty text.

    A lone surrogate cannot be written as UTF-8: it becomes "?". `<|endoftext|>` typed by the
    visitor becomes the special token, as in GPT-2's own tokenizer.
    """
    return _encode(tokenizer, text, True) if text else np.zeros(0, dtype=np.int64)


def encode_part(tokenizer: PreTrainedTokenizerBase, text: str) -> np.ndarray:
    """A part of a text -> its own ids (T,), with nothing before and behind: what is told to memory,
    a question behind it, an answer, a word."""
    return _encode(tokenizer, text, False)


def _encode(tokenizer: PreTrainedTokenizerBase, text: str, special: bool) -> np.ndarray:
    text = text.encode("utf-8", "replace").decode("utf-8")
    try:
        ids = tokenizer(text, add_special_tokens=special, verbose=False)["input_ids"]
    except Exception as error:  # the library raises Exception itself, nothing narrower
        raise ValueError(
            f"This tokenizer has no token for a part of the text, and none for the unknown ({error}). "
            "Leave that part out."
        ) from error
    return np.asarray(ids, dtype=np.int64)


BYTES, SPACES, WORDS, ENDS, TEXT = "bytes", "spaces", "words", "ends", "text"


@dataclass(frozen=True)
class Spelling:
    """How a tokenizer writes its tokens.

    n_ids: one more than the last id; not every id before has a token. kind: "bytes" (GPT-2's
    stand-ins, a letter a byte), "spaces" (text with ▁ for a space, as SentencePiece), "words" (##
    before what continues a word, as WordPiece), "ends" (</w> behind a word, as the first GPT) or
    "text" (as it is).
    whole: id -> text of the added and special tokens, which are written as they are. is_byt5: each
    character of a token is a byte of that number.
    """

    n_ids: int
    kind: str
    whole: dict[int, str]
    is_byt5: bool


_spellings: WeakKeyDictionary[PreTrainedTokenizerBase, Spelling] = WeakKeyDictionary()


def spelling(tokenizer: PreTrainedTokenizerBase) -> Spelling:
    """How this tokenizer writes its tokens; found once."""
    found = _spellings.get(tokenizer)
    if found is None:
        found = _spellings[tokenizer] = _spelling(tokenizer)
    return found


def is_byte_level(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether its tokens are bytes, as GPT-2's."""
    return spelling(tokenizer).kind == BYTES


def _spelling(tokenizer: PreTrainedTokenizerBase) -> Spelling:
    special = zip(tokenizer.all_special_ids, tokenizer.all_special_tokens)
    whole = {i: str(token) for i, token in special}
    whole |= {i: str(token) for i, token in tokenizer.added_tokens_decoder.items()}
    backend = getattr(tokenizer, "backend_tokenizer", None)
    parts = (backend.decoder, backend.pre_tokenizer) if backend is not None else ()
    said = "".join(part.__getstate__().decode() for part in parts if part is not None)
    kinds = {'"ByteLevel"': BYTES, '"Metaspace"': SPACES, "▁": SPACES, '"WordPiece"': WORDS,
             '"BPEDecoder"': ENDS}
    kind = next((kind for mark, kind in kinds.items() if mark in said), TEXT)
    n_ids = 1 + max(tokenizer.get_vocab().values(), default=-1)
    return Spelling(n_ids, kind, whole, type(tokenizer).__name__ == "ByT5Tokenizer")


def _piece(tokenizer: PreTrainedTokenizerBase, token_id: int) -> str | None:
    """A token as its tokenizer writes it; None where none has this id."""
    if not 0 <= token_id < spelling(tokenizer).n_ids:
        return None
    return cast(str | None, tokenizer.convert_ids_to_tokens(token_id))


def has_token(tokenizer: PreTrainedTokenizerBase, token_id: int) -> bool:
    """Whether a row of the embedding belongs to a token: some models pad their tables, and some
    vocabularies have holes."""
    return _piece(tokenizer, int(token_id)) is not None


def token_bytes(tokenizer: PreTrainedTokenizerBase, token_id: int) -> bytes:
    """The bytes a token stands for; an added or special token stands for its own name, a WordPiece
    that continues a word begins with ##."""
    piece = _piece(tokenizer, int(token_id))
    if piece is None:
        raise ValueError(
            f"There is no token {token_id}: this vocabulary has {len(tokenizer):,} tokens, the last id is "
            f"{spelling(tokenizer).n_ids - 1:,}."
        )
    return piece_bytes(spelling(tokenizer), int(token_id), piece)


def piece_bytes(spelling: Spelling, token_id: int, piece: str) -> bytes:
    """The bytes that a token of this id and spelling stands for."""
    if token_id in spelling.whole:
        return spelling.whole[token_id].encode("utf-8", "replace")
    if spelling.kind == BYTES and all(c in _byte_of_character() for c in piece):
        return bytes_of_letters(piece)
    if spelling.kind == SPACES:
        one = re.fullmatch(r"<0x([0-9A-F]{2})>", piece)  # a byte, where no token fits
        return bytes.fromhex(one[1]) if one else piece.replace("▁", " ").encode("utf-8", "replace")
    if spelling.kind == ENDS:
        return piece.replace("</w>", " ").encode("utf-8", "replace")
    if spelling.is_byt5 and len(piece) == 1:
        return bytes([ord(piece)])
    return piece.encode("utf-8", "replace")


def n_text_bytes(tokenizer: PreTrainedTokenizerBase, token_id: int) -> int:
    """How many bytes of text a token stands for, 0 where no token has this id; a WordPiece that begins
    a word counts the space before it."""
    if not has_token(tokenizer, token_id):
        return 0
    raw = token_bytes(tokenizer, token_id)
    if spelling(tokenizer).kind == WORDS:
        return len(raw) - 2 if raw.startswith(b"##") else len(raw) + 1
    return len(raw)


def decode(tokenizer: PreTrainedTokenizerBase, ids: Ids) -> str:
    """ids (T,) -> their text; bytes that are no whole character become "�".

    transformers takes the letters of an added token, "für", for stand-ins of bytes; here it is "für".
    """
    known = spelling(tokenizer)
    ids = [int(i) for i in ids]
    if known.kind == BYTES and any(not known.whole.get(i, "").isascii() for i in ids):
        raw = b"".join(token_bytes(tokenizer, i) for i in ids if has_token(tokenizer, i))
        return raw.decode("utf-8", "replace")
    return cast(str, tokenizer.decode(ids))


def bytes_of_letters(letters: str) -> bytes:
    """GPT-2's stand-ins -> the bytes they stand for, one each."""
    table = _byte_of_character()
    return bytes(table[c] for c in letters)


def letters_of_bytes(raw: bytes) -> str:
    """Bytes -> GPT-2's stand-ins: one visible letter for each byte, as in its merges and vocabulary."""
    letter = {byte: char for char, byte in _byte_of_character().items()}
    return "".join(letter[byte] for byte in raw)


def display(tokenizer: PreTrainedTokenizerBase, ids: Ids) -> list[str]:
    """ids (T,) -> T visible strings: spaces as "·", line ends as "↵", broken characters as bytes.

    An id without a token (some models pad their tables) is shown as ‹no token 50300›.
    """
    return [
        show_bytes(token_bytes(tokenizer, i)) if has_token(tokenizer, i) else f"‹no token {i}›"
        for i in ids
    ]


def joined(tokenizer: PreTrainedTokenizerBase, ids: Ids) -> str:
    """ids (T,) that follow one another -> one visible string, with spaces between WordPiece's words."""
    if spelling(tokenizer).kind == WORDS:
        return show_bytes(decode(tokenizer, ids).encode("utf-8", "replace"))
    return "".join(display(tokenizer, ids))


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
