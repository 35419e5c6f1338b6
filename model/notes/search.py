"""Finds the passages that answer a question: two searches, joined into one ranking.

Words: BM25 of SQLite's FTS5 (Robertson & Zaragoza 2009), English word endings cut off (Porter). A
word in half of the passages or more weighs nothing; a passage that shares only such words is not
ranked. Meaning: cosine between the question's vector and each passage's (sqlite-vec, exact, all of
them). Together: reciprocal rank fusion (Cormack et al. 2009), Σ 1 / (60 + rank), because the two
scores have no common unit, but ranks do. Knows nothing of prompts.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import apsw
import numpy as np

from model.notes.index import Maker, open_index
from model.notes.store import NotesFile

RRF = 60  # the constant of the paper: how little the first ranks differ
DEPTH = 50  # ranks of each search that count
_MOST_WORDS = 64
_NOTHING = 1e-4  # below it BM25 says no more than FTS5's floor for common words, 1e-6 each


@dataclass(frozen=True)
class Candidate:
    """A passage that was found.

    passage, note: their ids; title, source: the note's; page: from 1 in a PDF, None elsewhere.
    bm25 (larger is better) with its rank, None if it holds no informative word of the question;
    cosine (−1 to 1) with its rank, None without a vector or below DEPTH. fused: the sum that both
    ranks give.
    """

    passage: int
    note: int
    title: str
    source: str
    page: int | None
    text: str
    n_tokens: int
    bm25: float | None
    bm25_rank: int | None
    cosine: float | None
    cosine_rank: int | None

    @property
    def fused(self) -> float:
        """Reciprocal rank fusion: the sum that a passage is ranked by."""
        return sum(1 / (RRF + r) for r in (self.bm25_rank, self.cosine_rank) if r is not None)


RANKINGS: dict[str, Callable[[Candidate], float]] = {
    "both": lambda c: c.fused,
    "words": lambda c: -math.inf if c.bm25 is None else c.bm25,
    "meaning": lambda c: -math.inf if c.cosine is None else c.cosine,
}


def search(
    store: NotesFile, maker: Maker, question: str, vector: np.ndarray, n: int, by: str = "both"
) -> list[Candidate]:
    """The n best passages for a question, vector (C,) its embedding; the best of RANKINGS[by]
    first; passages without a rank in it are left out."""
    number = open_index(store, maker)
    with store.reading() as connection:
        words = dict(_by_words(connection, number, question))
        meaning = dict(_by_meaning(connection, number, vector))
        rank_w = {i: r for r, i in enumerate(words, 1)}
        rank_m = {i: r for r, i in enumerate(meaning, 1)}
        found = [
            Candidate(
                i, *_passage(connection, number, i),
                words.get(i), rank_w.get(i), meaning.get(i), rank_m.get(i),
            )
            for i in dict.fromkeys((*words, *meaning))
        ]
    score = RANKINGS[by]
    known = [c for c in found if score(c) > -math.inf]
    return sorted(known, key=lambda c: (-score(c), c.passage))[:n]


def query_of(question: str) -> str:
    """A question as an FTS5 query: any of its words, quoted, so that nothing is an operator."""
    words = dict.fromkeys(re.findall(r"\w+", question.replace("\0", " ").lower()))
    return " OR ".join(f'"{word}"' for word in list(words)[-_MOST_WORDS:])


def _by_words(connection: apsw.Connection, number: int, question: str) -> list[tuple[int, float]]:
    query = query_of(question)
    if not query:
        return []
    table = f"words_{number}"
    found: list[Any] = connection.execute(
        f"SELECT rowid, -bm25({table}) FROM {table} WHERE {table} MATCH ? "
        f"ORDER BY bm25({table}), rowid LIMIT {DEPTH}",
        (query,),
    ).fetchall()
    return [(i, score) for i, score in found if score > _NOTHING]


def _by_meaning(connection: apsw.Connection, number: int, vector: np.ndarray) -> list[tuple[int, float]]:
    rows: list[Any] = connection.execute(
        f"SELECT passage, distance FROM vectors_{number} WHERE embedding MATCH ? AND k = {DEPTH}",
        (np.ascontiguousarray(vector, dtype=np.float32).tobytes(),),
    ).fetchall()
    rows = [(i, 1 - d) for i, d in rows if d is not None]  # None: a vector of length 0
    return sorted(rows, key=lambda row: (-row[1], row[0]))


def _passage(
    connection: apsw.Connection, number: int, passage: int
) -> tuple[int, str, str, int | None, str, int]:
    found: Any = connection.execute(
        "SELECT note, title, source, page, p.text, n_tokens "
        f"FROM passages_{number} p JOIN notes ON notes.id = p.note WHERE p.id=?",
        (passage,),
    ).fetchone()
    return found  # of the types that the tables were made with
