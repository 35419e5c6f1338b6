"""Whose files lie where: the owner's in the data home itself, a visitor's in a folder of its own, and
what is shared in one folder for all. Knows nothing of browsers, and of what the files hold.

A visitor is a key that nobody can guess; the folder's name is a hash of it, so that whoever reads a
list of folders still cannot come in as its visitor.
"""

import hashlib
import os
import re
import secrets
from functools import cache
from pathlib import Path

from model.disk.home import home

KEY_BYTES = 24  # of randomness: 32 letters
KEY_FILE = "owner.key"
SHARED, VISITORS = "shared", "visitors"


def is_name(said: str) -> bool:
    """Whether a visitor may call a file so: such a name points to no other folder."""
    return re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 _-]{0,63}", said) is not None


def check_room(of: Path, n_bytes: int, most: int) -> None:
    """Raises ValueError where so many more bytes exceed `most` in an owner's folder."""
    held = sum(path.stat().st_size for path in of.rglob("*") if path.is_file())
    if held + n_bytes > most:
        raise ValueError(
            f"No room: {held / 1e6:,.1f} MB are kept, this takes {n_bytes / 1e6:,.1f} MB more, and "
            f"{most / 1e6:,.0f} MB is the limit. Remove something, or take it as a file."
        )


def new_key() -> str:
    """A key that nobody else has: 32 letters that an address can carry."""
    return secrets.token_urlsafe(KEY_BYTES)


def is_key(said: str) -> bool:
    """Whether a text has the form of a key."""
    return re.fullmatch(r"[A-Za-z0-9_-]{32}", said, re.ASCII) is not None


def owner_key() -> str:
    """The key of whoever owns this data home: kept there, readable by this user alone, made at the
    first call. Where the home cannot be written, one for this process."""
    return _owner_key(home())


def is_owner_key(said: str) -> bool:
    """Whether a text is the owner's key; takes as long for any text."""
    return secrets.compare_digest(said.encode(), owner_key().encode())


def of_visitor(key: str) -> Path:
    """The folder of a visitor's files; nothing is made. Raises ValueError for what is no key."""
    if not is_key(key):
        raise ValueError(f"Not a visitor's key: {key[:40]!r}. Take the link that the app shows.")
    return home() / VISITORS / hashlib.sha256(key.encode()).hexdigest()[:32]


def shared() -> Path:
    """The folder of what visitors shared with everyone."""
    return home() / SHARED


def visitors() -> list[Path]:
    """The folders of all visitors who saved something."""
    found = home() / VISITORS
    return sorted(path for path in found.iterdir() if path.is_dir()) if found.is_dir() else []


@cache
def _owner_key(folder: Path) -> str:
    path = folder / KEY_FILE
    try:
        if not path.exists():
            _make(path)
        path.chmod(0o600)
        kept = path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return new_key()
    if not is_key(kept):
        raise ValueError(f"No owner's key in {path}. Remove this file; the next start makes another.")
    return kept


def _make(path: Path) -> None:
    """Write a new key, unless another process was faster."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    number = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(number, "w") as file:
            file.write(new_key() + "\n")
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
