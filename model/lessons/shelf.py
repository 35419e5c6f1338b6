"""The lessons of some folders. A file is read again only when it has changed."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from model.lessons import reading
from model.lessons.lesson import Lesson
from model.lessons.reading import LessonError

NO_LESSON = "README.md"  # describes the format
MOST_BYTES = 200_000


@dataclass(frozen=True)
class Shelf:
    """lessons: by name, in the order of the files' names; of two with one name, the later folder's.
    broken: name -> what is wrong, a sentence with file and line."""

    lessons: dict[str, Lesson]
    broken: dict[str, str]


def of_folders(folders: Iterable[Path]) -> Shelf:
    """All lessons of these folders. A folder that is not there is a broken lesson of its name."""
    lessons: dict[str, Lesson] = {}
    broken: dict[str, str] = {}
    for folder in folders:
        if not folder.is_dir():
            broken[folder.name] = f"No folder of lessons at {folder}. Choose one with .md files."
        for path in sorted(folder.glob("*.md")):
            if path.name != NO_LESSON:
                _put(path, lessons, broken)
    return Shelf(lessons, broken)


def _put(path: Path, lessons: dict[str, Lesson], broken: dict[str, str]) -> None:
    name = path.stem.split("_", 1)[-1]  # "03_induction.md": the number only orders
    try:
        stamp = path.stat()
        if not path.is_file():  # a pipe would be waited for, a device never ends
            raise LessonError(f"{path.name} is no file. Put a text file in its place, or remove it.")
        found = _read(path, stamp.st_mtime_ns, stamp.st_size)
    except OSError as error:
        broken[name] = f"{path.name} cannot be read: {error.strerror or error}."
    except (LessonError, UnicodeDecodeError) as error:
        is_ours = isinstance(error, LessonError)
        broken[name] = str(error) if is_ours else f"{path.name} is no UTF-8 text. Save it as UTF-8."
    else:
        lessons[name] = found


@lru_cache(maxsize=200)
def _read(path: Path, mtime_ns: int, size: int) -> Lesson:
    """mtime_ns and size say which content of the file is meant."""
    if size > MOST_BYTES:
        raise LessonError(f"{path.name} has {size:,} bytes; a lesson has at most {MOST_BYTES:,}.")
    return reading.read(path.read_text("utf-8"), path.stem.split("_", 1)[-1], path.name)
