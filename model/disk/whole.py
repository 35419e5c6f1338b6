"""A file appears whole or not at all: written under another name, then renamed. Knows no format."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to. It takes `path`'s place when the block ends, and is gone
    when the block fails: what `path` held before stays."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield draft
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """The text as UTF-8."""
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8")
