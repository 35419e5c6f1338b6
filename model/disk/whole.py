"""A file, or a new folder, appears whole or not at all: written under another name, then renamed. Knows no format."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil


class NotWritten(OSError):
    """One line: what could not be written and why, then what to do."""


def place(path: Path) -> Path:
    """Where a file of this name comes to lie, links followed.

    Raises NotWritten where there is no folder for it, and where something is that is no ordinary
    file: a folder or a device is never replaced.
    """
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise NotWritten(f"There is no folder {path.parent} to write {path.name} into. Make it first, "
                         "or choose another file.")
    if os.path.lexists(target) and not target.is_file():
        what = "a folder" if target.is_dir() else "no ordinary file"
        raise NotWritten(f"Cannot write {path}: it is {what}. Choose the name of a file.")
    return target


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to. It takes `path`'s place when the block ends, and is gone
    when the block fails: what `path` held before stays. Raises NotWritten if that cannot be done."""
    target = place(path)
    _remove_drafts(target)
    draft = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        yield draft
        os.replace(draft, target)
    except OSError as problem:
        raise NotWritten(
            f"Cannot write {path}: {problem.strerror or problem}. What it held before is unchanged. "
            "Make room on that disk and check its rights, or choose another place."
        ) from problem
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder beside `path` to fill. It becomes `path` when the block ends, and is gone when the
    block fails. Raises NotWritten if that cannot be done, and where something is at `path`."""
    if os.path.lexists(path):
        raise NotWritten(f"There is something at {path} already. Choose a new folder.")
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        draft.mkdir(parents=True)
        yield draft
        os.rename(draft, path)
    except OSError as problem:
        raise NotWritten(f"Cannot write {path}: {problem.strerror or problem}. Make room on that disk and "
                         "check its rights, or choose another place.") from problem
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def make_folder(path: Path) -> Path:
    """The folder, made with those above it where it is not there. Raises NotWritten if that cannot be
    done."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise NotWritten(f"Cannot make the folder {path}: {problem.strerror or problem}. Choose a place where "
                         "you may write.") from problem
    return path


def write_text(path: Path, text: str) -> None:
    """The text as UTF-8."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """These bytes."""
    with replacing(path) as draft:
        draft.write_bytes(content)


def _remove_drafts(target: Path) -> None:
    """Drafts of this file that were left by processes that were killed."""
    mark = re.compile(rf"\.{re.escape(target.name)}\.(\d{{1,9}})\.tmp")
    for path in target.parent.iterdir():
        found = mark.fullmatch(path.name)
        if found and not psutil.pid_exists(int(found[1])):
            path.unlink(missing_ok=True)
