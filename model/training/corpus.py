"""Training text: books from a folder, a tokenizer learned from them, rows of token ids for a step.

A row is packed with whole documents that do not see each other. Positions run through the row, so
documents occur at every position. Some documents are read apart, as a memory stores them: each told
prompt alone from its first position, and the question after the longest of them, seeing all.
This file does not know the model.
"""
import hashlib
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from model.recall import episodes, open_facts
from model.recall.phrases import UNKNOWN
from model.run.tokens import Ids

END = "<|endoftext|>"
END_ID = 0
# Loss weight of a token by its role in an episode.
ROLE_WEIGHTS = {"told": 0.5, "asked": 0.5, "lead": 1.0, "answer": 5.0, "end": 3.0, "tail": 1.0}
UNKNOWN_WEIGHT = 2.0
NOTHING = episodes.Plan(facts=(0, 0), others=(0, 0), near=0.0, fillers=(0, 0), asks=(1, 1), unknown=1.0)
UNASKED = 0.5  # of the episodes read apart: ordinary text reads what was told, and asks for nothing
OPEN_TOLD = 0.3  # of that, for what is told and asked in open facts: hardly any of it can be guessed


class CorpusError(ValueError):
    """Nothing can be trained from the given text or folder."""


@dataclass(frozen=True)
class Books:
    """Texts by name; one book is left out of training and only ever measured."""
    training: dict[str, str]
    left_out_name: str
    left_out: str


def read_books(folder: Path) -> Books:
    """All .txt files of a folder; left out is the name whose SHA-256 is smallest (not a choice).

    Raises CorpusError if there are fewer than two files with text.
    """
    texts = {path.name: path.read_text(encoding="utf-8", errors="replace")
             for path in sorted(Path(folder).glob("*.txt")) if path.is_file()}
    texts = {name: text for name, text in texts.items() if text.strip()}
    if len(texts) < 2:
        raise CorpusError(f"Training needs a folder with at least two .txt files (one is left out "
                          f"to measure on), and {folder} has {len(texts)}. Name another with "
                          "--text.")
    name = min(texts, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    left_out = texts.pop(name)
    return Books(texts, name, left_out)


def train_tokenizer(books: Books, vocab_size: int = 4096, seed: int = 0) -> Tokenizer:
    """Byte-level BPE, GPT-2's splitting, all 256 bytes, no unknown token; one token per digit."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, special_tokens=[END], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(_tokenizer_text(books, seed), trainer)
    return tokenizer


def _tokenizer_text(books: Books, seed: int) -> Iterator[str]:
    """Books and some episodes, with digits set apart so that no two ever merge."""
    rng = random.Random(f"tokenizer {seed}")
    plan = episodes.Plan(source="known")
    for text in books.training.values():
        yield _digits_apart(text)
    for _ in range(4000):
        yield _digits_apart(episodes.text_of(episodes.episode(rng, plan)))


def _digits_apart(text: str) -> str:
    return re.sub(r"(?<=\d)(?=\d)", " ", text)


def sentences_of(books: Books, longest: int = 110) -> list[str]:
    """Short plain sentences of the training books, to scatter in episodes as distractors."""
    found = []
    for text in books.training.values():
        found += [s for s in re.findall(r"(?<=[.!?] )[A-Z][A-Za-z ,;']+\.(?=\s)", text)
                  if 20 <= len(s) <= longest and not re.search(r"\b(I|my|New York|James)\b", s)]
    return found


@dataclass(frozen=True)
class Stage:
    """One stretch of the curriculum."""
    name: str
    until: float           # fraction of the training after which the next stage begins
    length: int            # T, tokens a row
    rows: int              # B, rows a step
    books: float           # share of rows that are book text
    repeats: float         # share of rows that are random sequences, repeated
    plan: episodes.Plan    # the remaining rows: packed episodes of the known kinds
    long: episodes.Plan | None = None      # one episode in four, where given
    enough: float = 2.0    # recall of unseen values at which the stage ends early; 2: never
    open: float = 0.0      # share of rows that are open facts
    open_plan: open_facts.OpenPlan = open_facts.OpenPlan()
    untold: float = 0.0    # share of episodes in which nothing is told, and something asked
    apart: float = 0.0     # share of episodes whose prompts are read apart
    halved: float = 0.0    # share of steps with twice as many rows, half as long, at any position


@dataclass(frozen=True, eq=False)
class CorpusBatch:
    """Arrays (B,T+1), int64 but for the last two. A token sees those before it in its document, if
    they are of its part, or if it asks (part below 0) and they were told (0 or above) in sight."""
    ids: np.ndarray
    documents: np.ndarray  # the number of the document a token belongs to
    places: np.ndarray     # positions
    parts: np.ndarray      # 0, 1 …: a told prompt read apart; -1, -2 …: what sees all those
    weights: np.ndarray    # float32, of the loss where the token is predicted
    hidden: np.ndarray     # bool: seen by its own part only


@dataclass(eq=False)
class _Row:
    """A row under way: a list for every array of a CorpusBatch."""
    ids: list[int] = field(default_factory=list)
    documents: list[int] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    parts: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    hidden: list[bool] = field(default_factory=list)

    def add(
        self, ids: Ids, weights: list[float], first: int, document: int, part: int = -1, hide: bool = False
    ) -> None:
        """Tokens from position `first` on; hide: the first of them is seen by this part only."""
        n = len(ids)
        self.ids += ids
        self.weights += weights
        self.places += range(first, first + n)
        self.documents += [document] * n
        self.parts += [part] * n
        self.hidden += [hide, *[False] * (n - 1)][:n]

    def arrays(self, size: int) -> tuple[np.ndarray, ...]:
        """Cut to `size` tokens, in the order of CorpusBatch."""
        kinds = (np.int64, np.int64, np.int64, np.int64, np.float32, np.bool_)
        columns: tuple[list[Any], ...] = (self.ids, self.documents, self.places, self.parts, self.weights, self.hidden)
        return tuple(np.array(column[:size], kind) for column, kind in zip(columns, kinds))


class Corpus:
    """Rows for a stage. All randomness comes from the `rng` handed in."""

    def __init__(self, books: Books, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.fillers = sentences_of(books)
        self.source = open_facts.source_of(list(books.training.values()))
        encoded = tokenizer.encode_batch(list(books.training.values()))
        self.book_ids = np.concatenate(
            [np.array([END_ID, *one.ids], dtype=np.int32) for one in encoded])
        self.n_vocab = tokenizer.get_vocab_size()

    def batch(self, stage: Stage, rng: random.Random) -> CorpusBatch:
        """B rows of T+1 tokens, or 2·B of T/2+1."""
        halved = rng.random() < stage.halved
        length, rows = (stage.length // 2, stage.rows * 2) if halved else (stage.length, stage.rows)
        drawn = [self._row(stage, length, rng) for _ in range(rows)]
        return CorpusBatch(*(np.stack(column) for column in zip(*drawn)))

    def _row(self, stage: Stage, length: int, rng: random.Random) -> tuple[np.ndarray, ...]:
        row, size, draw = _Row(), length + 1, rng.random()
        first = rng.randint(0, stage.length - length)
        if draw < stage.books:
            self._book_text(row, size, first, rng)
        elif draw < stage.books + stage.repeats:
            self._repeats(row, size, first, rng)
        else:
            is_open = draw < stage.books + stage.repeats + stage.open
            self._episodes(row, size, first, stage, is_open, rng)
        return row.arrays(size)

    def _book_text(self, row: _Row, n: int, first: int, rng: random.Random) -> None:
        start = rng.randrange(len(self.book_ids) - n)
        ids = self.book_ids[start:start + n].tolist()
        row.add(ids, [1.0] * n, first, len(row.ids))

    def _repeats(self, row: _Row, size: int, first: int, rng: random.Random) -> None:
        """Random tokens, said again and again; only the repetitions can be predicted."""
        while len(row.ids) < size:
            n = rng.randint(4, max(5, min(size // 2, 128)))
            once, times = [rng.randrange(1, self.n_vocab) for _ in range(n)], rng.choice((2, 2, 3))
            weights = [0.0] * n + [1.0] * (n * (times - 1))
            row.add(once * times, weights, first + len(row.ids), len(row.ids))

    def _episodes(
        self, row: _Row, size: int, first: int, stage: Stage, is_open: bool, rng: random.Random
    ) -> None:
        """Packed episodes; the rest of the row is book text."""
        while len(row.ids) < size - 8:
            one = self._episode(stage, is_open, rng)
            if one.prompts and rng.random() < stage.apart:
                self._apart(row, one, size, stage.length, rng)
                continue
            ids, weights = encode(self.tokenizer, one)
            if rng.random() < 0.5:
                ids, weights = [END_ID, *ids], [0.1, *weights]
            row.add([*ids, END_ID], [*weights, 1.0], first + len(row.ids), len(row.ids))
        if len(row.ids) < size:
            self._book_text(row, size - len(row.ids), first + len(row.ids), rng)

    def _episode(self, stage: Stage, is_open: bool, rng: random.Random) -> episodes.Episode:
        if rng.random() < stage.untold:
            return open_facts.untold(rng) if is_open else episodes.episode(rng, NOTHING)
        if is_open:
            return open_facts.episode(rng, stage.open_plan, self.source)
        plan = stage.long if stage.long and rng.random() < 0.25 else stage.plan
        return episodes.episode(rng, plan, self.fillers)

    def _apart(
        self, row: _Row, one: episodes.Episode, size: int, window: int, rng: random.Random
    ) -> None:
        """An episode as memory stores it (fusion): every prompt alone behind its own <|endoftext|>,
        from one position on; what is asked begins behind the longest of them. Where it does
        not fit the row or the window, book text takes its place."""
        told = [[END_ID, *part.ids] for part in self.tokenizer.encode_batch(list(one.prompts))]
        asked = [_asked(self.tokenizer, ask) for ask in one.asks]
        longest = max(map(len, told))
        needed = longest + max(len(ids) for ids, _ in asked)
        if len(row.ids) + sum(map(len, told)) + sum(len(ids) for ids, _ in asked) > size or (
                needed > window):
            return self._book_text(row, min(64, size - len(row.ids)), len(row.ids) % (window - 64), rng)
        first = rng.randint(0, window - needed) if rng.random() < 0.3 else 0
        document = len(row.ids)
        for part, ids in enumerate(told):
            row.add(ids, [0.0, *[0.5] * (len(ids) - 1)], first, document, part, hide=True)
        for part, (ids, weights) in enumerate(asked):
            row.add(ids, weights, first + longest, document, -1 - part)
        room = min(size - len(row.ids), window - first - longest)
        if room > 24 and rng.random() < UNASKED:
            start = rng.randrange(len(self.book_ids) - room)
            n = rng.randint(24, min(room, 128))
            ids = [END_ID, *self.book_ids[start:start + n - 1].tolist()]
            row.add(ids, [0.0, *[1.0] * (n - 1)], first + longest, document, -1 - len(asked))


def _asked(tokenizer: Tokenizer, ask: episodes.Ask) -> tuple[list[int], list[float]]:
    """One question as a prompt of its own."""
    alone = episodes.Episode((), (ask,), (ask.fact,) if ask.fact else (), " ", frozenset())
    ids, weights = encode(tokenizer, alone)
    return [END_ID, *ids, END_ID], [0.0, *weights, 1.0]


def encode(tokenizer: Tokenizer, one: episodes.Episode) -> tuple[list[int], list[float]]:
    """Ids of a whole episode and the loss weight of each."""
    ids, weights = [], []
    parts = list(episodes.pieces(one))
    is_open = any(fact.kind == open_facts.KIND for fact in one.facts)
    for encoded, (text, role) in zip(tokenizer.encode_batch([text for text, _ in parts]), parts):
        weight = ROLE_WEIGHTS[role]
        if role == "answer" and text.endswith(UNKNOWN.removesuffix(".")):
            weight = UNKNOWN_WEIGHT
        elif is_open and role in ("told", "asked"):
            weight *= OPEN_TOLD
        ids += encoded.ids
        weights += [weight] * len(encoded.ids)
    return ids, weights
