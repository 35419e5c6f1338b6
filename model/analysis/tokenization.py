"""Text -> bytes -> pre-tokens -> merges -> ids: the tokenizer's computation with its parts shown.

`model.run.tokens.encode` asks the tokenizer; here the same ids come out of steps that can be drawn.
Byte-level BPE: Sennrich et al. 2016 (arXiv:1508.07909) on bytes, Radford et al. 2019 (GPT-2).
Knows nothing of embeddings.
"""

import heapq
import json
import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerBase

from model.run import tokens

GPT2_PATTERN = {  # GPT-2's regular expression, branch by branch, in the order they are tried
    "contraction": "'s|'t|'re|'ve|'m|'ll|'d",
    "letters": r" ?\p{L}+",
    "digits": r" ?\p{N}+",
    "other": r" ?[^\s\p{L}\p{N}]+",
    "space": r"\s+(?!\S)|\s+",
}
SEPARATORS = "\x1c\x1d\x1e\x1f"  # whitespace to Python, not to the regular expression
CONTRACTIONS = frozenset(GPT2_PATTERN["contraction"].split("|"))


class TokenizationError(ValueError):
    """The tokenizer does not work in the steps shown here."""


@dataclass(frozen=True, eq=False)
class Rules:
    """The tables of a byte-level BPE tokenizer.

    ranks: (left, right) -> rank, lower goes first; ids: piece -> id; added: token -> id, taken
    whole before anything else; is_gpt2: pre-tokens are cut by GPT-2's own regular expression.
    """

    ranks: dict[tuple[str, str], int]
    ids: dict[str, int]
    added: dict[str, int]
    is_gpt2: bool
    backend: Tokenizer

    @cached_property
    def made_by(self) -> dict[str, tuple[str, str]]:
        """piece -> the first merge of the list that makes it."""
        return {left + right: (left, right) for left, right in reversed(self.ranks)}


@dataclass(frozen=True)
class PreToken:
    """A pre-token: letters, one for each byte (GPT-2's stand-ins), and the branch that cut it.

    kind is a name of GPT2_PATTERN, or "special" for a token that is taken whole.
    """

    letters: str
    kind: str

    @property
    def raw(self) -> bytes:
        """The bytes it stands for."""
        if self.kind == "special":
            return self.letters.encode("utf-8")
        return tokens.bytes_of_letters(self.letters)


@dataclass(frozen=True)
class Merge:
    """The parts start:middle and middle:end (places in the letters) become one."""

    rank: int
    start: int
    middle: int
    end: int


@dataclass(frozen=True)
class MergeStep:
    """A word between two merges.

    parts: (start, end) of each; ranks: of each pair of neighbours, None where the list has no
    such pair; rank: the one applied next, None in the last row; joined: the left parts it joins.
    """

    parts: list[tuple[int, int]]
    ranks: list[int | None]
    rank: int | None
    joined: list[int]


def rules(tokenizer: PreTrainedTokenizerBase) -> Rules:
    """The merges, pieces and added tokens inside a fast tokenizer.

    Raises TokenizationError if it is no plain byte-level BPE.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise TokenizationError(
            "These are the tokenizer's own tokens and ids. It has no bytes and merges to show: it is a "
            f"{type(tokenizer).__name__} in Python, no byte-level BPE like GPT-2's. Choose a model "
            "with GPT-2's kind of tokenizer to see the steps."
        )
    said = json.loads(backend.to_str())
    model, splitters = said["model"], _splitters(said["pre_tokenizer"])
    alphabet = set(tokens.letters_of_bytes(bytes(range(256))))
    options = ("dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback",
               "ignore_merges")
    plain = model["type"] == "BPE" and not any(model.get(name) for name in options)
    if not (plain and alphabet <= set(model["vocab"]) and "ByteLevel" in splitters):
        raise TokenizationError(
            "These are the tokenizer's own tokens and ids. It has no bytes and merges to show: it is no "
            f"byte-level BPE like GPT-2's; found {model['type']} on "
            f"{', '.join(splitters) or 'whole text'}. Choose a model with GPT-2's kind of tokenizer "
            "to see the steps."
        )
    merges = (pair.split(" ") if isinstance(pair, str) else pair for pair in model["merges"])
    return Rules(
        ranks={tuple(pair): rank for rank, pair in enumerate(merges)},
        ids=model["vocab"],
        added={token["content"]: token["id"] for token in said["added_tokens"]},
        is_gpt2=splitters == ["ByteLevel"] and said["pre_tokenizer"].get("use_regex", True),
        backend=backend,
    )


def pieces(rules: Rules, text: str) -> list[PreToken]:
    """text -> its pre-tokens in order, cut by the tokenizer's own rules; [] for the empty text."""
    text = text.encode("utf-8", "replace").decode("utf-8")  # as model.run.tokens.encode
    found = []
    for part in _split_added(rules, text):
        if part in rules.added:
            found.append(PreToken(part, "special"))
        elif part:
            found += [PreToken(letters, _kind(letters)) for letters in _pre_tokens(rules, part)]
    return found


def merges(rules: Rules, piece: PreToken) -> list[Merge]:
    """Every merge of a pre-token in the order they happen: lowest rank first, then leftmost.

    O(n log n) in the number of bytes, so that a long pasted text does not block the page.
    """
    word, n = piece.letters, len(piece.letters)
    if piece.kind == "special" or n < 2:
        return []
    end = list(range(1, n + 1))  # end[i]: where the part that starts at i ends; 0: swallowed
    before = list(range(-1, n - 1))  # before[i]: where the part in front of i starts
    queue: list[tuple[int, int, int, int]] = []  # rank, start, middle, stop

    def offer(start: int) -> None:
        if start >= 0 and end[start] < n:
            middle, stop = end[start], end[end[start]]
            rank = rules.ranks.get((word[start:middle], word[middle:stop]))
            if rank is not None:
                heapq.heappush(queue, (rank, start, middle, stop))

    for start in range(n - 1):
        offer(start)
    done = []
    while queue:
        rank, start, middle, stop = heapq.heappop(queue)
        if end[start] != middle or end[middle] != stop:
            continue  # one of the two has been joined to something else since
        done.append(Merge(rank, start, middle, stop))
        end[start], end[middle] = stop, 0
        if stop < n:
            before[stop] = start
        offer(before[start])
        offer(start)
    return done


def ids(rules: Rules, piece: PreToken) -> list[int]:
    """The tokens that a pre-token ends up as."""
    if piece.kind == "special":
        return [rules.added[piece.letters]]
    return [rules.ids[piece.letters[a:b]] for a, b in parts(piece, merges(rules, piece))]


def encode(rules: Rules, text: str) -> list[int]:
    """text -> ids through every step; equal to the tokenizer's own."""
    return [i for piece in pieces(rules, text) for i in ids(rules, piece)]


def parts(piece: PreToken, done: list[Merge]) -> list[tuple[int, int]]:
    """Where the parts of a pre-token lie after some merges: (start, end) in letters."""
    if piece.kind == "special":
        return [(0, len(piece.letters))]
    ends = {i: i + 1 for i in range(len(piece.letters))}
    for merge in done:
        ends[merge.start] = merge.end
        del ends[merge.middle]
    return list(ends.items())


def rows(rules: Rules, piece: PreToken, most: int = 64) -> list[MergeStep]:
    """The word before the first merge, then after each; successive merges of one rank share a row.

    The rows of a longer word hold only parts that begin in its first `most` bytes; the merges are
    those of the whole word.
    """
    done = [merge for merge in merges(rules, piece) if merge.start < most]
    ends = dict(parts(piece, [])[:most])
    found = []
    while done:
        n = next((i for i, m in enumerate(done) if m.rank != done[0].rank), len(done))
        now, done = done[:n], done[n:]
        found.append(_row(rules, piece, ends, now))
        for merge in now:
            ends[merge.start] = merge.end
            ends.pop(merge.middle, None)
    return [*found, _row(rules, piece, ends, [])]


def show_letters(letters: str) -> str:
    """Stand-ins -> the visible text of their bytes."""
    return tokens.show_bytes(tokens.bytes_of_letters(letters))


def _row(rules: Rules, piece: PreToken, ends: dict[int, int], now: list[Merge]) -> MergeStep:
    spans, word = list(ends.items()), piece.letters
    texts = [word[a:b] for a, b in spans]
    starts = {merge.start for merge in now}
    return MergeStep(
        parts=spans,
        ranks=[rules.ranks.get(pair) for pair in pairwise(texts)],
        rank=now[0].rank if now else None,
        joined=[i for i, (a, _) in enumerate(spans) if a in starts],
    )


def _splitters(said: dict | None) -> list[str]:
    """The names of a tokenizer's pre-tokenizers, those inside a sequence one by one."""
    if said is None:
        return []
    inner = said.get("pretokenizers", []) if said["type"] == "Sequence" else []
    return [name for part in inner for name in _splitters(part)] if inner else [said["type"]]


def _split_added(rules: Rules, text: str) -> list[str]:
    """Cut out the added tokens: leftmost first; of two that begin at one place, the longer."""
    if not rules.added:
        return [text]
    longest_first = sorted(rules.added, key=len, reverse=True)
    return re.split(f"({'|'.join(map(re.escape, longest_first))})", text)


def _pre_tokens(rules: Rules, text: str) -> list[str]:
    if rules.backend.normalizer is not None:
        text = rules.backend.normalizer.normalize_str(text)
    return [letters for letters, _ in rules.backend.pre_tokenizer.pre_tokenize_str(text)]


def _kind(letters: str) -> str:
    """Which branch of GPT-2's regular expression a pre-token matches."""
    text = tokens.bytes_of_letters(letters).decode("utf-8", "replace")
    if text in CONTRACTIONS:
        return "contraction"
    first = text.removeprefix(" ")[:1]
    if not first or (first.isspace() and first not in SEPARATORS):
        return "space"
    return {"L": "letters", "N": "digits"}.get(unicodedata.category(first)[0], "other")
