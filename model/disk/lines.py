"""A file of JSON lines that grows: a last line torn by a crash is left out, then written over. What
another program wrote is never written over.

Knows nothing of what a line holds.
"""

import json
import os
from pathlib import Path
from typing import Any, BinaryIO

from model.disk.whole import NotWritten

BLOCK = 1 << 16  # bytes that are read back at a time, looking for the last whole line


def whole_lines(path: Path) -> list[bytes]:
    """The lines that are whole, without their ends; none where there is no file."""
    raw = path.read_bytes() if path.is_file() else b""
    return raw[: raw.rfind(b"\n") + 1].splitlines()


def append(path: Path, record: Any) -> None:
    """Write a record as one line of JSON, in one piece, after the last whole line. Raises NotWritten
    where that cannot be done, and where the rest of the file is no beginning of such a line."""
    line = json.dumps(record, ensure_ascii=False).encode() + b"\n"
    try:
        with open(path, "a+b") as file:
            end = _end_of_the_last(file)
            file.seek(end)
            if not _may_begin(file.read(BLOCK), line):
                raise NotWritten(f"Cannot write {path}: another program wrote its last line. Choose "
                                 "another file.")
            file.truncate(end)
            file.write(line)
    except OSError as problem:
        if isinstance(problem, NotWritten):
            raise
        raise NotWritten(
            f"Cannot write {path}: {problem.strerror or problem}. Its lines before are unchanged. Make "
            "room on that disk and check its rights, or choose another place."
        ) from problem


def _may_begin(torn: bytes, line: bytes) -> bool:
    """Whether this can be what is left of a line like the other: the same up to the first value."""
    begins = line[: line.find(b":") + 1]
    return torn[: len(begins)] == begins[: len(torn)]


def _end_of_the_last(file: BinaryIO) -> int:
    """Bytes up to the end of the last whole line."""
    end = file.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - BLOCK)
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0
