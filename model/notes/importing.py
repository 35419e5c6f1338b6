"""Files -> notes: text, Markdown, PDF, and what `NotesFile.export` wrote. Keeps nothing itself.

A file is read whole or refused whole, with one line. The pages of a PDF are joined by form feeds,
so that a passage knows its page.
"""

import io
import logging
from collections.abc import Generator
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePath
from typing import Any

import pypdf
from markdown_it import MarkdownIt
from pypdf.errors import DependencyError, FileNotDecryptedError

from model.disk import schema
from model.notes.note import Draft, NotesError, checked

MOST_BYTES = 50_000_000
MOST_PAGES = 2_000  # a page tree of some kilobytes can name the same page a million times
MARKDOWN = (".md", ".markdown")
_BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
logging.getLogger("pypdf").setLevel(logging.ERROR)  # it warns of every oddity on stderr


class NoteTold(schema.Told):
    """A note in an exported file."""

    title: str
    text: str
    source: str


class NotesTold(schema.Told):
    """What `NotesFile.export` wrote."""

    notes: list[NoteTold]


@dataclass(frozen=True)
class PagesRead:
    """done of total pages of a file were read (of a text file: 1 of 1)."""

    done: int
    total: int


@dataclass(frozen=True)
class Imported:
    """What a file holds. odd: what could not be read of it, one sentence, "" for nothing."""

    drafts: list[Draft]
    odd: str = ""


def read(name: str, content: bytes) -> Generator[PagesRead, None, Imported]:
    """A file's name and bytes -> its notes; yields its progress page by page.

    Raises NotesError for a file that is empty, too large, no text, or a PDF that is damaged, locked,
    without text or beyond MOST_PAGES: before its pages are read.
    """
    if len(content) > MOST_BYTES:
        raise NotesError(
            f"“{name}”: too large, {len(content) / 1e6:.0f} MB; at most {MOST_BYTES // 10**6} MB "
            "are read. Please split the file."
        )
    if content[:1024].lstrip().startswith(b"%PDF-"):
        return (yield from _read_pdf(name, content))
    text = _decoded(name, content)
    yield PagesRead(1, 1)
    if (notes := _exported(name, text)) is not None:
        return Imported(notes)
    if not text.strip():
        raise NotesError(f"“{name}”: this is an empty file. Choose one with some text in it.")
    if PurePath(name).suffix.lower() in MARKDOWN:
        text = plain(text)
    return Imported([checked(Draft(_title(name), _lines(text), name))])


def plain(markdown: str) -> str:
    """The words of Markdown without its marks, a line for each paragraph, heading, item and line of
    code: a prompt should hold words, not `**`."""
    lines = []
    for token in MarkdownIt("commonmark").enable("table").parse(markdown):
        if token.type == "inline":
            parts = ("\n" if part.type in ("softbreak", "hardbreak") else part.content
                     for part in token.children or ())
            lines.append("".join(parts))
        elif token.type in ("fence", "code_block"):
            lines.append(token.content.rstrip("\n"))
    return "\n".join(lines)


def _decoded(name: str, content: bytes) -> str:
    mark = next((m for m in _BYTE_ORDER_MARKS if content.startswith(m)), b"")
    try:
        text = content.decode(_BYTE_ORDER_MARKS.get(mark, "utf-8"))
    except UnicodeDecodeError as error:
        raise NotesError(
            f"“{name}”: neither text, Markdown nor PDF. It holds bytes that are no UTF-8 text (the "
            f"first at byte {error.start:,}). Save it as UTF-8 text, or choose another file."
        ) from None
    odd = sum(c < " " and c not in "\t\n\r\f" for c in text[:100_000])
    if "\0" in text or odd > len(text[:100_000]) / 20:
        raise NotesError(
            f"“{name}”: neither text, Markdown nor PDF. It holds control characters that no text "
            "has. Choose another file."
        )
    return text


def _exported(name: str, text: str) -> list[Draft] | None:
    """The notes of a file that this program exported; None for any other file."""
    if not text.lstrip().startswith("{") or '"mnemoscope_notes"' not in text[:99]:
        return None
    try:
        told = schema.checked(NotesTold, schema.from_json(text))
        return [checked(Draft(note.title, note.text, note.source)) for note in told.notes]
    except ValueError as error:
        raise NotesError(
            f"“{name}”: looks like exported notes but cannot be read ({error}). Please export them "
            "again."
        ) from None


def _read_pdf(name: str, content: bytes) -> Generator[PagesRead, None, Imported]:
    pages: list[str] = []
    try:
        document = pypdf.PdfReader(io.BytesIO(content))
        if document.is_encrypted and not document.decrypt(""):
            raise FileNotDecryptedError("it needs a password")
        _check_pages(name, document)
        total = len(document.pages)
        for i in range(total):
            pages.append(document.pages[i].extract_text())
            yield PagesRead(i + 1, total)
    except NotesError:
        raise
    except FileNotDecryptedError:
        raise NotesError(
            f"“{name}”: this PDF is locked with a password. Save an unlocked copy and choose that."
        ) from None
    except DependencyError as error:
        raise NotesError(
            f"“{name}”: this PDF is encrypted in a way that cannot be read here ({error}). Save an "
            "unlocked copy and choose that."
        ) from None
    except Exception as error:  # pypdf lets pass whatever a damaged file makes it raise
        line = (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
        raise NotesError(
            f"“{name}”: this PDF cannot be read at page {len(pages) + 1} ({line}); it may be "
            "damaged. Save it again in the program it came from."
        ) from error
    n_blank = sum(not page.strip() for page in pages)
    if n_blank == len(pages):
        raise NotesError(
            f"“{name}”: this PDF holds no text on its {len(pages):,} "
            f"page{'s' * (len(pages) != 1)}. If it is a scan, run it through text recognition "
            "(OCR) first."
        )
    text = "\f".join(_lines(page).replace("\f", "\n") for page in pages)
    odd = f"“{name}”: {n_blank:,} of {len(pages):,} pages hold no text." if n_blank else ""
    return Imported([checked(Draft(_title(name), text, name))], odd)


def _check_pages(name: str, document: pypdf.PdfReader) -> None:
    """NotesError for too many pages; looks at no more than four times MOST_PAGES parts of the tree,
    whose branches may be shared or go round in a circle."""
    waiting: list[Any] = [document.root_object["/Pages"]]
    n_pages = n_seen = 0
    while waiting and n_pages + len(waiting) <= 4 * MOST_PAGES and n_seen < 4 * MOST_PAGES:
        part = waiting.pop().get_object()
        n_seen += 1
        if "/Kids" in part:
            waiting += islice(part["/Kids"], 4 * MOST_PAGES)
        else:
            n_pages += 1
    if waiting or n_pages > MOST_PAGES:
        raise NotesError(
            f"“{name}”: too many pages; at most {MOST_PAGES:,} are read. Please split the file."
        )


def _title(name: str) -> str:
    return PurePath(name).stem or name


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
