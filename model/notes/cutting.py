"""Cuts a text into passages: whole sentences, packed up to a size in the model's tokens.

Knows nothing of where passages are kept. GPT-2's tokenizer cuts before every single space, so a
passage's tokens are the tokens of its words, and sizes add up.
"""

import re
from dataclasses import dataclass
from itertools import pairwise

from transformers import PreTrainedTokenizerBase

from model.run import turn

_END = re.compile(r"""[.!?]+["'”’)\]]*(?=\s)""")  # of a sentence
_PARAGRAPH = re.compile(r"\n[ \t]*\n\s*")
_BATCH = 512


@dataclass(frozen=True)
class Passage:
    """start, stop: its place in the note's text, in characters; text: what is put into a prompt
    (runs of spaces and line ends are one space); n_tokens: of " " + text."""

    start: int
    stop: int
    text: str
    n_tokens: int


def cut(tokenizer: PreTrainedTokenizerBase, text: str, size: int) -> list[Passage]:
    """text -> passages of at most `size` tokens of a transformers tokenizer, in order; together
    they hold every word.

    A passage ends at the end of a sentence; if it is half full, at the end of a paragraph. A
    sentence longer than `size` is cut between words, a longer word anywhere (but never inside a
    character).
    """
    if size < 1:
        raise ValueError(f"Passages of {size} tokens are too short. Choose 1 token or more.")
    passages: list[Passage] = []
    for sentences in paragraphs(text):
        pieces = _sized(tokenizer, text, sentences, size)
        may_join = bool(passages) and passages[-1].n_tokens < size / 2
        for start, stop, n in pieces:
            last = passages[-1] if may_join else None
            if last is not None and last.n_tokens + n <= size and last.stop < start:
                words = _plain(text, last.start, stop)
                passages[-1] = Passage(last.start, stop, words, last.n_tokens + n)
            else:
                passages.append(Passage(start, stop, _plain(text, start, stop), n))
            may_join = True
    return passages


def paragraphs(text: str) -> list[list[tuple[int, int]]]:
    """The sentences of each paragraph as (start, stop), spaces around them left out."""
    edges = [0]
    for gap in _PARAGRAPH.finditer(text):
        edges += [gap.start(), gap.end()]
    edges.append(len(text))
    found = []
    for start, stop in zip(edges[::2], edges[1::2]):
        ends = [start, *(m.end() for m in _END.finditer(text, start, stop)), stop]
        spans = (_trimmed(text, a, b) for a, b in pairwise(ends))
        sentences = [(a, b) for a, b in spans if a < b]
        if sentences:
            found.append(sentences)
    return found


def _sized(
    tokenizer: PreTrainedTokenizerBase, text: str, spans: list[tuple[int, int]], size: int
) -> list[tuple[int, int, int]]:
    """Spans -> (start, stop, n tokens) of spans that are at most `size` tokens long."""
    sized = []
    for (start, stop), n in zip(spans, _counts(tokenizer, text, spans)):
        if n <= size:
            sized.append((start, stop, n))
        else:
            sized += _pieces(tokenizer, text, start, stop, size)
    return sized


def _pieces(
    tokenizer: PreTrainedTokenizerBase, text: str, start: int, stop: int, size: int
) -> list[tuple[int, int, int]]:
    """A long sentence, cut between words."""
    words = [(start + m.start(), start + m.end()) for m in re.finditer(r"\S+", text[start:stop])]
    pieces: list[tuple[int, int, int]] = []
    for (a, b), n in zip(words, _counts(tokenizer, text, words)):
        if n > size:
            pieces += _halves(tokenizer, text, a, b, size)
        elif pieces and pieces[-1][2] + n <= size:
            pieces[-1] = (pieces[-1][0], b, pieces[-1][2] + n)
        else:
            pieces.append((a, b, n))
    return pieces


def _halves(
    tokenizer: PreTrainedTokenizerBase, text: str, start: int, stop: int, size: int
) -> list[tuple[int, int, int]]:
    """A long word, halved until every part fits; a single character is never cut."""
    (n,) = _counts(tokenizer, text, [(start, stop)])
    if n <= size or stop - start == 1:
        return [(start, stop, n)]
    middle = (start + stop) // 2
    return [
        *_halves(tokenizer, text, start, middle, size),
        *_halves(tokenizer, text, middle, stop, size),
    ]


def _counts(
    tokenizer: PreTrainedTokenizerBase, text: str, spans: list[tuple[int, int]]
) -> list[int]:
    """Tokens of " " + each span, spaces inside made single."""
    counts: list[int] = []
    for i in range(0, len(spans), _BATCH):
        batch = [" " + _plain(text, *span) for span in spans[i : i + _BATCH]]
        turn.give_way()
        encoded = tokenizer(batch, add_special_tokens=False, verbose=False)["input_ids"]
        counts += map(len, encoded)
    return counts


def _plain(text: str, start: int, stop: int) -> str:
    return " ".join(text[start:stop].split())


def _trimmed(text: str, start: int, stop: int) -> tuple[int, int]:
    inside = text[start:stop]
    left = len(inside) - len(inside.lstrip())
    return start + left, start + len(inside.rstrip())
