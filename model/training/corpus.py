"""Training text: books from a folder, a tokenizer learned from them, rows of token ids for a step.

A row is packed with whole documents that do not see each other; positions run on through the row,
so that a document is met at every position. This file does not know the model.
"""
import hashlib
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from model.recall import episodes

END = "<|endoftext|>"
END_ID = 0
# Loss weight of a token by its role in an episode.
ROLE_WEIGHTS = {"told": 0.5, "asked": 0.5, "lead": 1.0, "answer": 5.0, "end": 3.0}
UNKNOWN_WEIGHT = 2.0


class CorpusError(ValueError):
    """The folder of text cannot be trained on."""


@dataclass(frozen=True)
class Books:
    """Texts by name; one book is left out of training and only ever measured."""
    training: dict[str, str]
    left_out_name: str
    left_out: str


def read_books(folder: Path) -> Books:
    """All .txt files of a folder; left out is the name whose SHA-256 is smallest (not a choice).

    Raises CorpusError where there are fewer than two files with text.
    """
    texts = {path.name: path.read_text(encoding="utf-8", errors="replace")
             for path in sorted(Path(folder).glob("*.txt"))}
    texts = {name: text for name, text in texts.items() if text.strip()}
    if len(texts) < 2:
        raise CorpusError(f"training needs a folder with at least two .txt files (one is left out "
                          f"to measure on); {folder} has {len(texts)}; name another with --text")
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
    plan: episodes.Plan    # the remaining rows: packed episodes
    long: episodes.Plan | None = None      # one episode in four, where given
    enough: float = 2.0    # recall of unseen values at which the stage ends early; 2: never


@dataclass(frozen=True, eq=False)
class Batch:
    """ids, documents, weights: (B,T+1), (B,T+1), (B,T+1); weights belong to the token predicted."""
    ids: np.ndarray          # int64
    documents: np.ndarray    # int64, the number of the document a token belongs to
    weights: np.ndarray      # float32


class Corpus:
    """Rows for a stage. All randomness comes from the `rng` handed in."""

    def __init__(self, books: Books, tokenizer: Tokenizer):
        self.tokenizer = tokenizer
        self.fillers = sentences_of(books)
        encoded = tokenizer.encode_batch(list(books.training.values()))
        self.book_ids = np.concatenate(
            [np.array([END_ID, *one.ids], dtype=np.int32) for one in encoded])
        self.n_vocab = tokenizer.get_vocab_size()

    def batch(self, stage: Stage, rng: random.Random) -> Batch:
        """B rows of T+1 tokens."""
        rows = [self._row(stage, rng) for _ in range(stage.rows)]
        return Batch(*(np.stack(column) for column in zip(*rows)))

    def _row(self, stage: Stage, rng: random.Random) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        draw, size = rng.random(), stage.length + 1
        if draw < stage.books:
            return self._book_row(size, rng)
        if draw < stage.books + stage.repeats:
            return self._repeat_row(size, rng)
        return self._episode_row(stage, rng)

    def _book_row(self, size: int, rng: random.Random):
        start = rng.randrange(len(self.book_ids) - size)
        ids = self.book_ids[start:start + size].astype(np.int64)
        return ids, np.zeros(size, np.int64), np.ones(size, np.float32)

    def _repeat_row(self, size: int, rng: random.Random):
        """Random tokens, said again and again; only the repetitions can be predicted."""
        ids, documents, weights = [], [], []
        while len(ids) < size:
            n = rng.randint(4, max(5, min(size // 2, 128)))
            once = [rng.randrange(1, self.n_vocab) for _ in range(n)]
            times = rng.choice((2, 2, 3))
            documents += [len(ids)] * (n * times)
            ids += once * times
            weights += [0.0] * n + [1.0] * (n * (times - 1))
        return _cut(ids, documents, weights, size)

    def _episode_row(self, stage: Stage, rng: random.Random):
        size = stage.length + 1
        ids, documents, weights = [], [], []
        while len(ids) < size - 8:
            plan = stage.long if stage.long and rng.random() < 0.25 else stage.plan
            one_ids, one_weights = encode(self.tokenizer, episodes.episode(rng, plan, self.fillers))
            if rng.random() < 0.5:
                one_ids, one_weights = [END_ID, *one_ids], [0.1, *one_weights]
            documents += [len(ids)] * (len(one_ids) + 1)
            ids += [*one_ids, END_ID]
            weights += [*one_weights, 1.0]
        return self._fill(ids, documents, weights, size, rng)

    def _fill(self, ids, documents, weights, size, rng):
        """Cut a row to size, or fill it up with book text."""
        missing = max(0, size - len(ids))
        start = rng.randrange(len(self.book_ids) - size)
        documents = documents + [len(ids)] * missing
        ids = ids + self.book_ids[start:start + missing].tolist()
        return _cut(ids, documents, weights + [1.0] * missing, size)


def _cut(ids, documents, weights, size):
    return (np.array(ids[:size], np.int64), np.array(documents[:size], np.int64),
            np.array(weights[:size], np.float32))


def encode(tokenizer: Tokenizer, one: episodes.Episode) -> tuple[list[int], list[float]]:
    """Ids of a whole episode and the loss weight of each."""
    ids, weights = [], []
    parts = list(episodes.pieces(one))
    for encoded, (text, role) in zip(tokenizer.encode_batch([text for text, _ in parts]), parts):
        weight = ROLE_WEIGHTS[role]
        if role == "answer" and text.endswith(episodes.UNKNOWN.removesuffix(".")):
            weight = UNKNOWN_WEIGHT
        ids += encoded.ids
        weights += [weight] * len(encoded.ids)
    return ids, weights
