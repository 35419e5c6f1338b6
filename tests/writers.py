"""Programs that write files, to be killed while they do: forked from one that has loaded torch."""

import hashlib
import multiprocessing
import sys
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

import torch

from model.memory import slots
from model.memory.fusion import Bank
from model.memory.state import MemoryState, save_state
from model.notes import index
from model.notes.note import Draft
from model.notes.store import opened
from tests.unit.notes.notes_tools import maker

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload([__name__])


def start(program, *arguments):
    """Run `program(*arguments, say)` in a process of its own; returns it and where it is heard."""
    hears, says = _forks.Pipe(duplex=False)
    process = _forks.Process(target=_run, args=(program, arguments, says), daemon=True)
    # Streamlit's AppTest leaves app.py behind as the main program, which a new process would run.
    with patch.dict(sys.modules, __main__=ModuleType("__main__")):
        process.start()
    says.close()
    return process, hears


def _run(program, arguments, says) -> None:
    program(*arguments, says.send)


def rest(hears) -> list:
    """All that a process says, or had said when it was killed, and nobody has heard."""
    said = []
    try:
        while True:
            said.append(hears.recv())
    except (EOFError, OSError):  # the end, or the middle of a word
        return said


def memories(path: Path, say) -> None:
    """Save memory after memory in one file, for ever; says each one's number once it is saved."""
    n = 0
    while True:
        n += 1
        x = torch.full((3, 4, 200, 8), float(n))
        table = slots.written(1, range(200), range(200), [0] * 200, "a" * 200, "b" * 200, 0.0, [0] * 200)
        save_state(MemoryState(Bank(x, x.clone(), table, n, 1, 1), ("x",) * n, "tiny-0"), path)
        say(n)


def notes(file: Path, name: str, n: int, say) -> None:
    """Keep n notes, index and edit some; says (number, mark) of each once it is kept."""
    for i in range(n):
        text = f"Note {i} of {name}. " + "It rains. " * (i % 60)
        mark = hashlib.sha256(text.encode()).hexdigest()
        with opened(file, 30) as store:
            (number,) = store.add([Draft(mark, text)])
            say((number, mark))
            if i % 3 == 0:
                list(index.update(store, maker()))
            if i % 5 == 4:
                store.edit(store.note(number), mark, text)
