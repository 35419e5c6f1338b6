"""Memories by name on disk: one file a session, one writer at a time. Knows nothing of models.

Everybody's sessions lie in a folder of their own (model/disk/owners.py): `of` says whose; by default
they are the owner's, in MNEMOSCOPE_HOME or the user's data folder.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from model.disk import home as data_folder
from model.disk import owners
from model.disk.one_writer import alone
from model.disk.whole import place, replacing

SUFFIX = ".memory"


def home(of: Path | None = None) -> Path:
    """The folder of all sessions of one owner; nothing is made."""
    return (data_folder.home() if of is None else of) / "sessions"


def path_of(name: str, of: Path | None = None) -> Path:
    """A session's file; nothing is made. Raises ValueError for a name that could point outside the
    folder."""
    if not owners.is_name(name):
        raise ValueError(
            f"Not a session name: {name[:80]!r}. Choose 1 to 64 letters, digits, spaces, - or _, "
            "beginning with a letter or digit."
        )
    return home(of) / f"{name}{SUFFIX}"


def saved(name: str, of: Path | None = None) -> Path:
    """The file of a session that was saved. Raises ValueError when there is none."""
    path = path_of(name, of)
    if not path.exists():
        known = ", ".join(names(of)) or "none yet"
        raise ValueError(f"There is no session {name!r}. Choose one of these: {known}.")
    return path


def names(of: Path | None = None) -> list[str]:
    """All sessions that were saved, by name."""
    return sorted(path.name.removesuffix(SUFFIX) for path in home(of).glob(f"[!.]*{SUFFIX}"))


@contextmanager
def hold(name: str, of: Path | None = None) -> Iterator[Path]:
    """The session's file, locked for this process while the block runs.

    Raises ValueError at once if another process holds it: we do not wait and do not overwrite.
    """
    path = path_of(name, of)
    with alone(path, f"The session {name!r} is in use by another process. Wait until it is done, or "
                     "choose another session."):
        yield path


def reset(name: str, of: Path | None = None) -> None:
    """Forget a session. Raises ValueError when there is none."""
    saved(name, of)  # before the lock, which makes a file
    with hold(name, of):
        saved(name, of).unlink()


def export(name: str, target: Path, of: Path | None = None) -> None:
    """Copy a session's file to `target`, which must not exist yet."""
    if target.exists():
        raise ValueError(f"The file {target} exists already. Choose another file, or remove it "
                         "first.")
    place(target)
    saved(name, of)
    with hold(name, of) as path, replacing(target) as draft:
        shutil.copyfile(path, draft)


def bring_in(name: str, source: Path, of: Path | None = None) -> None:
    """Make `source` the file of a new session. Raises ValueError when the session exists."""
    with hold(name, of) as path:
        if path.exists():
            raise ValueError(f"There is a session {name!r} already. Reset it, or choose another "
                             "name.")
        with replacing(path) as draft:
            shutil.copyfile(source, draft)
