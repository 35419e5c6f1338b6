"""One process at a time writes a file that several could go on with. Knows no format."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from model.disk.whole import make_folder


@contextmanager
def alone(path: Path, busy: str = "") -> Iterator[None]:
    """While the block runs, no other process has `path`, whose folder is made. Raises ValueError, in
    the words of `busy`, at once if another process has it: two that go on with one measurement would
    count its episodes twice."""
    make_folder(path.parent)
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ValueError(busy or f"Another process writes {path} just now. Wait until it is done, or choose "
                         "another --out.") from None
    try:
        yield
    finally:
        with suppress(OSError):  # Windows removes it by itself
            Path(lock.lock_file).unlink()  # held until the next line: who waits for it begins anew
        lock.release()
