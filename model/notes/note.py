"""A note, the place of the notes' file, and the error of notes. Knows no database.

Notes are memory outside the network: text that people write and read. The network itself learns
nothing from them; a note that it should know must be put into its prompt.
"""

from dataclasses import dataclass
from pathlib import Path

from model.disk.home import home

EXAMPLE = "example"  # the source of notes that came with one click and leave with one


class NotesError(ValueError):
    """One line: what is wrong, then what to do."""


@dataclass(frozen=True)
class Draft:
    """A note that is not saved yet. source: "typed", "example" or the name of a file."""

    title: str
    text: str
    source: str = "typed"


@dataclass(frozen=True)
class Note:
    """A kept note. created, changed: seconds since 1970; revision: 1, and 1 more for every edit."""

    id: int
    title: str
    text: str
    source: str
    created: float
    changed: float
    revision: int


def path(of: Path | None = None) -> Path:
    """The file of one owner's notes, in a folder of model/disk/owners.py; by default of the owner of
    MNEMOSCOPE_HOME or the user's data folder."""
    return (home() if of is None else of) / "notes.sqlite3"


@dataclass(frozen=True)
class Room:
    """How many characters one note may have, and all notes of a file together."""

    a_note: int
    in_all: int


def checked(draft: Draft, most_chars: int = 20_000_000) -> Draft:
    """The draft, ready to save: no lone surrogates, no NUL; a title if it had none.

    Raises NotesError for a note without text and for one beyond most_chars.
    """
    text = _writable(draft.text)
    if not text.strip():
        raise NotesError("The note is empty. Type some text to keep.")
    if len(text) > most_chars:
        raise NotesError(
            f"Note too long: {len(text):,} characters, at most {most_chars:,} fit. Please split it."
        )
    title = " ".join(_writable(draft.title).split())[:120] or first_words(text)
    return Draft(title, text, _writable(draft.source)[:200])


def first_words(text: str, most: int = 48) -> str:
    """The beginning of a text, on one line, ending at a word."""
    line = " ".join(text[: 4 * most + 400].split())
    if len(line) <= most:
        return line
    return (line[:most].rsplit(" ", 1)[0] or line[:most]) + " …"


def _writable(text: str) -> str:
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
