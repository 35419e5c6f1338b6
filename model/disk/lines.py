"""A file of JSON lines that grows: a last line torn by a crash is left out, then written over.

Knows nothing of what a line holds.
"""

import json
import os
from pathlib import Path
from typing import Any, BinaryIO

BLOCK = 1 << 16  # bytes that are read back at a time, looking for the last whole line


def whole_lines(path: Path) -> list[bytes]:
    """The lines that are whole, without their ends; none where there is no file."""
    raw = path.read_bytes() if path.is_file() else b""
    return raw[: raw.rfind(b"\n") + 1].splitlines()


def append(path: Path, record: Any) -> None:
    """Write a record as one line of JSON, in one piece, after the last whole line."""
    with open(path, "a+b") as file:
        file.truncate(_end_of_the_last(file))
        file.write(json.dumps(record, ensure_ascii=False).encode() + b"\n")


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
