"""What a class answered to one question: a choice per pupil, without names; a file a question.

An answer can be changed until the lecturer reveals the right one. Knows no lesson: a question is its
id, and an option is its number.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from pydantic import Field

from model.classroom.classes import locked
from model.classroom.room import hashed
from model.disk import whole
from model.disk.schema import Told, checked, from_json

MOST_QUESTIONS, MOST_PUPILS, MOST_OPTIONS = 200, 600, 12
MOST_BYTES = 200_000


class Ballot(Told):
    """n_options: of the question; closed: revealed; votes: pupil -> the options they picked, in
    their order."""

    n_options: Annotated[int, Field(ge=1, le=MOST_OPTIONS)]
    closed: bool
    votes: dict[str, list[int]]


def ask(folder: Path, code: str, question: str, n_options: int, closed: bool) -> Ballot:
    """Open a question to answers, or close it; those that were given stay."""
    path = _path(folder, code, question)
    with locked(folder, code):
        path.parent.mkdir(exist_ok=True)
        found = _anew(folder, code, question)
        if found is None and len(list(path.parent.glob("*.json"))) >= MOST_QUESTIONS:
            raise ValueError(f"Class {code} was asked {MOST_QUESTIONS} questions; no more are counted. "
                             "Start a new class.")
        votes = {} if found is None else found.votes
        wanted = Ballot(n_options=n_options, closed=closed, votes=votes)
        if wanted != found:
            whole.write_text(path, wanted.model_dump_json())
        return wanted


def vote(folder: Path, code: str, question: str, who: str, picked: Sequence[int]) -> Ballot:
    """A pupil's answer in place of their last one; nothing picked: none. Raises ValueError once the
    answer is revealed, and for what was not asked."""
    with locked(folder, code):
        found = _anew(folder, code, question)
        if found is None:
            raise ValueError(f"Class {code} was not asked this question yet.")
        if found.closed:
            raise ValueError("The answer is revealed: no answer counts any more.")
        _check(found, picked)
        votes = {one: list(said) for one, said in found.votes.items() if one != hashed(code, who)}
        if picked and len(votes) >= MOST_PUPILS:
            raise ValueError(f"{MOST_PUPILS} have answered; no more are counted.")
        votes |= {hashed(code, who): list(picked)} if picked else {}
        wanted = found.model_copy(update={"votes": votes})
        if wanted != found:
            whole.write_text(_path(folder, code, question), wanted.model_dump_json())
        return wanted


def read(folder: Path, code: str, question: str) -> Ballot | None:
    """The answers so far; None where it was not asked. Raises ValueError for a damaged file."""
    path = _path(folder, code, question)
    try:
        found = path.stat()
        return _kept(path, found.st_ino, found.st_mtime_ns, found.st_size)
    except FileNotFoundError:
        return None


def counts(ballot: Ballot) -> list[int]:
    """How many picked each option; of an order, how many put it first."""
    firsts = [picked[0] for picked in ballot.votes.values()]
    return [firsts.count(option) for option in range(ballot.n_options)]


def _check(ballot: Ballot, picked: Sequence[int]) -> None:
    if len(set(picked)) != len(picked) or not set(picked) <= set(range(ballot.n_options)):
        raise ValueError(f"{list(picked)} is no answer: pick among {ballot.n_options} options, each once.")


def _anew(folder: Path, code: str, question: str) -> Ballot | None:
    """The same without a look at what was read before: two writes of one moment look alike."""
    path = _path(folder, code, question)
    return _parsed(path) if path.exists() else None


@lru_cache(maxsize=500)
def _kept(path: Path, inode: int, mtime_ns: int, size: int) -> Ballot:
    """inode, mtime_ns and size say which content of the file is meant."""
    return _parsed(path)


def _parsed(path: Path) -> Ballot:
    try:
        if (size := path.stat().st_size) > MOST_BYTES:
            raise ValueError(f"it has {size:,} bytes")
        found = checked(Ballot, from_json(path.read_text("utf-8")))
        for picked in found.votes.values():
            _check(found, picked)
            if not picked:
                raise ValueError("an answer picks nothing")
        return found
    except ValueError as problem:
        raise ValueError(f"The answers to question {path.stem} are damaged: {problem}.") from None


def _path(folder: Path, code: str, question: str) -> Path:
    assert re.fullmatch(r"[0-9a-f]{16}", question), question
    return folder / f"{code}.answers" / f"{question}.json"
