"""The classes of a folder: started, read, changed by whoever has the key, ended, forgotten.

One file a class, written whole under a lock, so that several servers can share the folder. Times are
seconds since 1970, given by the caller. Every error that a visitor can cause is a ValueError.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from shutil import rmtree
from typing import Any

from filelock import FileLock, Timeout

from model.classroom.room import (
    MOST_BYTES,
    Place,
    Room,
    as_code,
    hashed,
    is_lecturer,
    new_code,
    new_key,
)
from model.disk import whole
from model.disk.schema import checked, from_json

MOST = 300  # classes of a folder at a time
KEPT_S = 36 * 3600  # since the lecturer's last change
BUSY_S = 5.0  # how long a writer waits for another


def start(folder: Path, place: Place, now_s: float) -> tuple[Room, str]:
    """A new class and its key. Raises ValueError where too many are on."""
    whole.make_folder(folder)
    with locked(folder, "start"):
        _forget_old(folder, now_s)
        taken = {path.stem for path in folder.glob("*.json")}
        if len(taken) >= MOST:
            raise ValueError(f"{len(taken):,} classes are on, no more fit. One of them has to end first.")
        code = next(code for code in iter(new_code, None) if code not in taken)
        key = new_key()
        room = Room(code=code, key_hash=hashed(code, key), revision=1, place=place, frozen=False,
                    gathered=0, ended=False, changed_s=now_s)
        _write(folder, room)
    return room, key


def read(folder: Path, code: str) -> Room:
    """The class as it is now; the file is read again only where it has changed. Raises ValueError for
    a code that no class has, and for a damaged file."""
    path = _path(folder, as_code(code))
    try:
        found = path.stat()
        return _kept(path, found.st_ino, found.st_mtime_ns, found.st_size)
    except FileNotFoundError:
        raise ValueError(f"There is no class {as_code(code)}. Look at the code again, or ask the "
                         "lecturer for the link.") from None
    except OSError as problem:
        raise ValueError(f"Class {as_code(code)} cannot be read: {problem.strerror or problem}.") from None


def show(folder: Path, code: str, key: str, place: Place, now_s: float) -> Room:
    """All see this place from now on; nothing is written where they see it already."""
    return _change(folder, code, key, now_s, place=place)


def freeze(folder: Path, code: str, key: str, frozen: bool, now_s: float) -> Room:
    """Stop showing what the lecturer does, or go on."""
    return _change(folder, code, key, now_s, frozen=frozen)


def gather(folder: Path, code: str, key: str, now_s: float) -> Room:
    """Call back everybody who explores alone."""
    n = _led(folder, code, key).gathered
    return _change(folder, code, key, now_s, gathered=n + 1)


def end(folder: Path, code: str, key: str, now_s: float) -> Room:
    """Nobody follows any more."""
    return _change(folder, code, key, now_s, ended=True)


def lead(folder: Path, code: str, key: str) -> bool:
    """Whether this key leads this class, which is there and has not ended."""
    try:
        room = read(folder, code)
    except ValueError:
        return False
    return is_lecturer(room, key) and not room.ended


@contextmanager
def locked(folder: Path, name: str) -> Iterator[None]:
    """One writer at a time, among all servers. Raises ValueError where another takes too long."""
    try:
        with FileLock(folder / f".{name}.lock", timeout=BUSY_S):
            yield
    except Timeout:
        raise ValueError(f"Class {name} is being written elsewhere for more than {BUSY_S:g} s. Try "
                         "again.") from None


def _change(folder: Path, code: str, key: str, now_s: float, **fields: Any) -> Room:
    with locked(folder, as_code(code)):
        room = _led(folder, code, key)
        changed = room.model_copy(update=fields)
        if changed == room:
            return room
        changed = changed.model_copy(update={"revision": room.revision + 1, "changed_s": now_s})
        _write(folder, changed)
        return changed


def _led(folder: Path, code: str, key: str) -> Room:
    read(folder, code)  # says what is wrong where there is no such class
    room = _parsed(_path(folder, as_code(code)))  # anew: two writes of one moment look alike
    if not is_lecturer(room, key):
        raise ValueError(f"This is not the lecturer's key of class {room.code}.")
    if room.ended:
        raise ValueError(f"Class {room.code} has ended. Start another.")
    return room


def _write(folder: Path, room: Room) -> None:
    said = room.model_dump_json()
    if len(said.encode()) > MOST_BYTES:
        raise ValueError(f"This place takes {len(said.encode()):,} bytes, a class shows at most "
                         f"{MOST_BYTES:,}. Shorten the prompt.")
    whole.write_text(_path(folder, room.code), said)


@lru_cache(maxsize=2 * MOST)
def _kept(path: Path, inode: int, mtime_ns: int, size: int) -> Room:
    """inode, mtime_ns and size say which content of the file is meant."""
    return _parsed(path)


def _parsed(path: Path) -> Room:
    try:
        if (size := path.stat().st_size) > 2 * MOST_BYTES:
            raise ValueError(f"it has {size:,} bytes")
        return checked(Room, from_json(path.read_text("utf-8")))
    except ValueError as problem:
        raise ValueError(f"The file of class {path.stem} is damaged: {problem}. Start a new class.") from None


def _path(folder: Path, code: str) -> Path:
    return folder / f"{code}.json"


def _forget_old(folder: Path, now_s: float) -> None:
    """Remove classes whose lecturer has changed nothing for KEPT_S, with what was answered."""
    for path in folder.glob("*.json"):
        if now_s - _last_s(path) > KEPT_S:
            path.unlink(missing_ok=True)
            for beside in (".here", ".answers"):
                rmtree(path.with_suffix(beside), ignore_errors=True)
            (folder / f".{path.stem}.lock").unlink(missing_ok=True)


def _last_s(path: Path) -> float:
    """When the class changed last; of a damaged file, when it was written."""
    try:
        return read(path.parent, path.stem).changed_s
    except ValueError:
        return path.stat().st_mtime if path.exists() else 0.0
