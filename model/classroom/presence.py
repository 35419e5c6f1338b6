"""Who follows a class now: one empty file a pupil, whose time says when they were last there.

A pupil's name is a hash, which says nothing; nothing else about them is kept.
"""

import os
from pathlib import Path

from model.classroom.room import hashed

HERE_S = 12.0  # who was not heard of for longer has gone
MOST = 600  # pupils of a class


def is_here(folder: Path, code: str, who: str, now_s: float) -> None:
    """Note that a pupil follows now. Raises ValueError in a class that is full."""
    path = _path(folder, code, who)
    path.parent.mkdir(exist_ok=True)
    if not path.exists() and len(os.listdir(path.parent)) >= MOST:
        _forget_gone(path.parent, now_s)
        if len(os.listdir(path.parent)) >= MOST:
            raise ValueError(f"Class {code} is full: {MOST} follow it. Look on with somebody.")
    path.touch()
    os.utime(path, (now_s, now_s))


def has_left(folder: Path, code: str, who: str) -> None:
    """Note that a pupil follows no more."""
    _path(folder, code, who).unlink(missing_ok=True)


def n_here(folder: Path, code: str, now_s: float) -> int:
    """How many follow now."""
    beside = folder / f"{code}.here"
    if not beside.is_dir():
        return 0
    return sum(now_s - _last_s(Path(one.path)) <= HERE_S for one in os.scandir(beside))


def _last_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # left a moment ago
        return 0.0


def _path(folder: Path, code: str, who: str) -> Path:
    return folder / f"{code}.here" / hashed(code, who)


def _forget_gone(beside: Path, now_s: float) -> None:
    for path in beside.iterdir():
        if now_s - _last_s(path) > HERE_S:
            path.unlink(missing_ok=True)
