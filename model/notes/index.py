"""An index of the notes: their passages, the words in them (FTS5) and their vectors (sqlite-vec).

An index belongs to a tokenizer, a passage size, and a model and layer that make the vectors. Change
one of them and another index is made; the last few are kept. Everything in it can be made again
from the notes; after a kill, indexing continues where the last batch ended.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import apsw
import numpy as np

from model.notes import cutting
from model.notes.store import NotesFile, drop_passages
from model.run.checkpoint import Checkpoint

if TYPE_CHECKING:
    from model.notes.embedding_text import Embedder

KEPT = 4  # indexes; the one not used for longest goes first
BATCH = 16  # passages embedded between two writes
CHUNK = 128  # vectors that sqlite-vec sets aside at once
_REMEMBER_S = 600  # how exactly it is known when an index was used


@dataclass(frozen=True, eq=False)
class Maker:
    """What an index is made with: checkpoint for the tokenizer, size in tokens, embedder."""

    checkpoint: Checkpoint
    size: int
    embedder: "Embedder"

    @property
    def key(self) -> str:
        """A key that changes when passages or vectors would change."""
        return f"{self.checkpoint.fingerprint} size {self.size} | {self.embedder.key}"


@dataclass(frozen=True)
class IndexProgress:
    """done of total passages have their vectors."""

    done: int
    total: int


def open_index(store: NotesFile, maker: Maker) -> int:
    """The index's number; if there is none, an empty one is made and the oldest one is removed."""
    now = time.time()
    found = store.rows("SELECT id, used FROM indexes WHERE key=?", (maker.key,))
    if found and now - found[0][1] < _REMEMBER_S:
        return found[0][0]
    with store.writing() as connection:
        connection.execute(
            "INSERT INTO indexes(key, width, used) VALUES(?,?,?) "
            "ON CONFLICT(key) DO UPDATE SET used=excluded.used",
            (maker.key, maker.embedder.width, now),
        )
        query = "SELECT id FROM indexes WHERE key=?"
        number = int(connection.execute(query, (maker.key,)).get)
        _create_tables(connection, number, maker.embedder.width)
        _drop_oldest(connection)
    return number


def update(store: NotesFile, maker: Maker) -> Iterator[IndexProgress]:
    """Bring the index up to date; yields the progress after every batch, and at the end.

    Passages and their words come first, a note at a time; then the vectors, a batch at a time.
    """
    for note, revision, text in _uncut(store, open_index(store, maker)):
        passages = cutting.cut(maker.checkpoint.tokenizer, text, maker.size)
        pages = [text.count("\f", 0, p.start) + 1 if "\f" in text else None for p in passages]
        number = open_index(store, maker)
        _write_passages(store, number, note, revision, list(zip(passages, pages)))
    while batch := _without_vector(store, number := open_index(store, maker)):
        done, total = _counts(store, number)
        yield IndexProgress(done, total)
        vectors = maker.embedder.embed([text for _, text in batch])
        _write_vectors(store, number, [i for i, _ in batch], vectors)
    done, total = _counts(store, open_index(store, maker))
    yield IndexProgress(done, total)


def _uncut(store: NotesFile, number: int) -> Iterator[tuple[int, int, str]]:
    """(id, revision, text) of the notes without passages."""
    query = f"SELECT id FROM notes WHERE id NOT IN (SELECT note FROM passages_{number})"
    for (note,) in store.rows(query):
        found = store.note(note)
        if found is not None:
            yield note, found.revision, found.text


def _write_passages(
    store: NotesFile,
    number: int,
    note: int,
    revision: int,
    passages: list[tuple[cutting.Passage, int | None]],
) -> None:
    with store.writing() as connection:
        query = "SELECT revision FROM notes WHERE id=?"
        if connection.execute(query, (note,)).fetchone() != (revision,):
            return  # edited or removed while it was being cut: the next update sees to it
        drop_passages(connection, number, note)  # somebody else may have been faster
        for passage, page in passages:
            connection.execute(
                f"INSERT INTO passages_{number}(note, start, stop, page, text, n_tokens) "
                "VALUES(?,?,?,?,?,?)",
                (note, passage.start, passage.stop, page, passage.text, passage.n_tokens),
            )
            connection.execute(
                f"INSERT INTO words_{number}(rowid, text) VALUES(last_insert_rowid(), ?)",
                (passage.text,),
            )


def _without_vector(store: NotesFile, number: int) -> list[tuple[int, str]]:
    query = f"SELECT id, text FROM passages_{number} WHERE NOT has_vector ORDER BY id LIMIT {BATCH}"
    return store.rows(query)


def _write_vectors(store: NotesFile, number: int, ids: list[int], vectors: np.ndarray) -> None:
    with store.writing() as connection:
        for i, vector in zip(ids, vectors):
            query = f"UPDATE passages_{number} SET has_vector=1 WHERE id=? AND NOT has_vector"
            connection.execute(query, (i,))
            if connection.changes():  # still there, and nobody was faster
                connection.execute(
                    f"INSERT INTO vectors_{number}(passage, embedding) VALUES(?,?)",
                    (i, vector.tobytes()),
                )


def _counts(store: NotesFile, number: int) -> tuple[int, int]:
    query = f"SELECT coalesce(sum(has_vector),0), count(*) FROM passages_{number}"
    return store.rows(query)[0]


def _create_tables(connection: apsw.Connection, number: int, width: int) -> None:
    connection.execute(f"""
CREATE TABLE IF NOT EXISTS passages_{number}(
  id INTEGER PRIMARY KEY AUTOINCREMENT, note INTEGER NOT NULL, start INTEGER NOT NULL,
  stop INTEGER NOT NULL, page INTEGER, text TEXT NOT NULL, n_tokens INTEGER NOT NULL,
  has_vector INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS passages_{number}_note ON passages_{number}(note);
CREATE INDEX IF NOT EXISTS passages_{number}_todo ON passages_{number}(id) WHERE NOT has_vector;
CREATE VIRTUAL TABLE IF NOT EXISTS words_{number} USING fts5(
  text, content='', contentless_delete=1, tokenize='porter unicode61 remove_diacritics 2');
CREATE VIRTUAL TABLE IF NOT EXISTS vectors_{number} USING vec0(
  passage INTEGER PRIMARY KEY, embedding float[{width}] distance_metric=cosine,
  chunk_size={CHUNK});
""")


def _drop_oldest(connection: apsw.Connection) -> None:
    rows = connection.execute("SELECT id FROM indexes ORDER BY used DESC, id DESC").fetchall()
    for (number,) in rows[KEPT:]:
        for name in ("passages", "words", "vectors"):
            connection.execute(f"DROP TABLE IF EXISTS {name}_{number}")
        connection.execute("DELETE FROM indexes WHERE id=?", (number,))
