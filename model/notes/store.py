"""The notes on disk: one SQLite file, written ahead (WAL), safe to kill and to share.

When the call that adds a note has returned, the note is safe on disk; before that it is not there
at all. Knows nothing of models: passages and vectors belong to `index`.
SQLite comes with `apsw`, because many Pythons are built without extensions, and sqlite-vec needs
them. Never open the same file with Python's own sqlite3 in this process: two SQLites break each
other's locks.
"""

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import sqlite_vec
from filelock import FileLock, Timeout

from model.notes.note import Draft, Note, NotesError, Room, checked, first_words, path

VERSION = 1
BUSY_S = 4.0  # how long a writer waits for another one
_COLUMNS = "id, title, text, source, created, changed, revision"
_SCHEMA = f"""
CREATE TABLE notes(
  id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL, source TEXT NOT NULL,
  created REAL NOT NULL, changed REAL NOT NULL, revision INTEGER NOT NULL DEFAULT 1,
  text TEXT NOT NULL);
CREATE TABLE indexes(
  id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, width INTEGER NOT NULL,
  used REAL NOT NULL);
PRAGMA application_id = {0x4D4E454D};
PRAGMA user_version = {VERSION};
"""


class NotesFile:
    """An open notes file. `connection` is apsw's; only model/notes_*.py may touch it."""

    def __init__(self, file: Path, busy_s: float = BUSY_S) -> None:
        self.file = file
        with saying(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            self.connection = apsw.Connection(str(file))
            self.connection.set_busy_timeout(int(busy_s * 1000))
            try:
                self._prepare(busy_s)
            except BaseException:
                self.connection.close(True)
                raise

    def add(self, drafts: Iterable[Draft], room: Room | None = None) -> list[int]:
        """Keep these notes, all or none -> their ids. Raises NotesError where they exceed `room`."""
        drafts, now = [checked(draft) for draft in drafts], time.time()
        with self.writing() as connection:
            self._check_room(room, [len(draft.text) for draft in drafts])
            return [_insert(connection, draft, now) for draft in drafts]

    def edit(self, note: Note, title: str, text: str, room: Room | None = None) -> None:
        """Put new words into a note; its passages are removed and made again later. A title that
        was the beginning of the text, and was not changed, is taken from the new text.

        Raises NotesError if the note has changed since it was read (the other text is not
        overwritten), and where it exceeds `room`.
        """
        follows = title == note.title == first_words(note.text)
        draft = checked(Draft("" if follows else title, text, note.source))
        with self.writing() as connection:
            self._check_unchanged(note)
            self._check_room(room, [len(draft.text)], len(note.text))
            connection.execute(
                "UPDATE notes SET title=?, text=?, changed=?, revision=revision+1 WHERE id=?",
                (draft.title, draft.text, time.time(), note.id),
            )
            self._drop_passages([note.id])

    def delete(self, ids: Iterable[int]) -> None:
        """Remove notes and everything made from them; unknown ids are ignored."""
        ids = list(ids)
        with self.writing() as connection:
            connection.executemany("DELETE FROM notes WHERE id=?", [(i,) for i in ids])
            self._drop_passages(ids)

    def delete_from(self, source: str) -> None:
        """Remove the notes of one source."""
        self.delete(i for (i,) in self.rows("SELECT id FROM notes WHERE source=?", (source,)))

    def delete_all(self) -> None:
        """Remove every note."""
        self.delete(i for (i,) in self.rows("SELECT id FROM notes"))

    def n_from(self, source: str) -> int:
        """How many notes came from a source."""
        return int(self.rows("SELECT count(*) FROM notes WHERE source=?", (source,))[0][0])

    def notes(self) -> list[Note]:
        """All notes, the oldest first."""
        return [Note(*row) for row in self.rows(f"SELECT {_COLUMNS} FROM notes ORDER BY id")]

    def note(self, number: int) -> Note | None:
        """One note, or None when it is not there (any more)."""
        found = self.rows(f"SELECT {_COLUMNS} FROM notes WHERE id=?", (number,))
        return Note(*found[0]) if found else None

    def stamp(self) -> tuple:
        """A value that changes whenever anyone adds, changes or removes a note."""
        return self.rows(
            "SELECT count(*), coalesce(max(id),0), coalesce(sum(revision),0), "
            "coalesce(sum(changed),0) FROM notes"
        )[0]

    def export(self) -> str:
        """All notes as JSON, which `importing` reads back."""
        told = [vars(note) | {"id": None, "revision": None} for note in self.notes()]
        told = [{k: v for k, v in one.items() if v is not None} for one in told]
        whole = {"mnemoscope_notes": VERSION, "notes": told}
        return json.dumps(whole, ensure_ascii=False, indent=1)

    def rows(self, query: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """What a query finds."""
        with saying(self.file):
            return self.connection.execute(query, values).fetchall()

    @property
    def n_bytes(self) -> int:
        """Bytes on disk, the write-ahead log included."""
        parts = (self.file, Path(f"{self.file}-wal"))
        return sum(part.stat().st_size for part in parts if part.exists())

    @contextmanager
    def writing(self) -> Iterator[apsw.Connection]:
        """A transaction of this writer alone: all of it is kept, or nothing."""
        with saying(self.file):
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:  # a full disk may have ended it already
                    self.connection.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[apsw.Connection]:
        """A consistent view of the file, whatever others write meanwhile."""
        with saying(self.file):
            self.connection.execute("BEGIN")
            try:
                yield self.connection
            finally:
                if self.connection.in_transaction:
                    self.connection.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self.connection.close(True)

    def _prepare(self, busy_s: float) -> None:
        connection = self.connection
        connection.enable_load_extension(True)
        connection.load_extension(sqlite_vec.loadable_path())
        connection.enable_load_extension(False)
        connection.execute("PRAGMA synchronous = FULL")
        if self._is_ours():
            return
        with FileLock(f"{self.file}.lock", timeout=busy_s):  # two that open a new file at once
            if not self._is_ours():
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT")

    def _is_ours(self) -> bool:
        """Whether the tables exist. Raises NotesError for a file of another program."""
        with self.reading():  # at one moment: another program may be making the tables
            pragma = self.connection.pragma
            version, application = pragma("user_version"), pragma("application_id")
            tables = self.connection.execute("SELECT count(*) FROM sqlite_master").get
        if application == 0 and version == 0 and tables == 0:
            return False
        if application != 0x4D4E454D:
            raise NotesError(
                f"Not a notes file: {self.file} is a database of another program. Move it away, or "
                "set MNEMOSCOPE_HOME to another folder."
            )
        if version != VERSION:
            raise NotesError(
                f"Wrong version: {self.file} holds notes of version {version}, this program reads "
                f"version {VERSION}. Use the program that wrote them."
            )
        return True

    def _check_room(self, room: Room | None, lengths: list[int], n_gone: int = 0) -> None:
        if room is None:
            return
        if max(lengths, default=0) > room.a_note:
            raise NotesError(
                f"Note too long: {max(lengths):,} characters, at most {room.a_note:,} are kept here. "
                "Please split it."
            )
        kept = int(self.connection.execute("SELECT coalesce(sum(length(text)),0) FROM notes").get)
        if kept - n_gone + sum(lengths) > room.in_all:
            raise NotesError(
                f"No room: {kept:,} characters are kept, {sum(lengths):,} more would be, at most "
                f"{room.in_all:,} fit. Remove some notes, or keep fewer."
            )

    def _check_unchanged(self, note: Note) -> None:
        query = "SELECT revision FROM notes WHERE id=?"
        row = self.connection.execute(query, (note.id,)).fetchone()
        if row is None:
            raise NotesError(
                "Not saved: this note was removed meanwhile, in another window. Your words are "
                "still in the box: keep them as a new note."
            )
        if row[0] != note.revision:
            raise NotesError(
                "Not saved: this note was changed meanwhile, in another window. Keep your words as "
                "a new note, or reload the other text."
            )

    def _drop_passages(self, ids: list[int]) -> None:
        for (index,) in self.rows("SELECT id FROM indexes"):
            for number in ids:
                drop_passages(self.connection, index, number)


@contextmanager
def opened(file: Path | None = None, busy_s: float = BUSY_S) -> Iterator[NotesFile]:
    """The notes file, open while the block runs. Raises NotesError if it cannot be used."""
    store = NotesFile(file or path(), busy_s)
    try:
        yield store
    finally:
        store.close()


def drop_passages(connection: apsw.Connection, index: int, note: int) -> None:
    """Remove a note's passages, words and vectors from an index; inside a transaction."""
    own = f"(SELECT id FROM passages_{index} WHERE note=?)"
    connection.execute(f"DELETE FROM words_{index} WHERE rowid IN {own}", (note,))
    connection.execute(f"DELETE FROM vectors_{index} WHERE passage IN {own}", (note,))
    connection.execute(f"DELETE FROM passages_{index} WHERE note=?", (note,))


@contextmanager
def saying(file: Path) -> Iterator[None]:
    """An error of SQLite or of the system becomes a NotesError, one line; nothing was changed."""
    try:
        yield
    except (apsw.BusyError, apsw.LockedError, Timeout):
        problem = f"Another program is writing to {file} and did not finish. Nothing was changed. "
        raise NotesError(problem + "Try again in a moment.") from None
    except apsw.FullError:
        problem = f"Disk full: no space is left for {file}. Nothing was changed or lost. "
        raise NotesError(problem + "Make room on that disk and try again.") from None
    except (apsw.CorruptError, apsw.NotADBError) as error:
        problem = f"Cannot read {file}: it is no notes file, or a damaged one ({error}). "
        raise NotesError(problem + "Move it away to begin a new one, or put a copy in its place."
                         ) from None
    except (apsw.IOError, apsw.CantOpenError, apsw.ReadOnlyError, apsw.PermissionsError,
            OSError) as error:
        problem = f"{file} cannot be read or written ({error}). Nothing was changed. Check the "
        raise NotesError(problem + "disk's space and the file's rights, and try again.") from None


def _insert(connection: apsw.Connection, draft: Draft, now: float) -> int:
    connection.execute(
        "INSERT INTO notes(title, text, source, created, changed) VALUES(?,?,?,?,?)",
        (draft.title, draft.text, draft.source, now, now),
    )
    return connection.last_insert_rowid()
