"""A conversation's files: sessions kept on this server, shared copies, files of the visitor's own.

What goes wrong becomes one sentence on the page. Knows nothing of looks.
"""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from pathlib import Path

import streamlit as st

from components.frame import visit, whose
from components.memory import choice
from components.memory.conversation import append, current, every_step, make_room, say_trouble
from components.memory.steps import Conversation
from model.memory import sessions
from model.memory.state import MemoryState, load_state, save_state

MOST_CHARS_A_PROMPT, MOST_CHARS = 100_000, 1_000_000  # of a memory that comes from elsewhere


def _in_words(act: Callable) -> Callable:
    """The same act; what goes wrong in it becomes a sentence on the page."""

    @wraps(act)
    def tried(*given):
        try:
            act(*given)
        except (ValueError, OSError) as problem:
            say_trouble(str(problem))

    return tried


@_in_words
def save(name: str) -> None:
    """Keep the memory as a session of this visitor; another conversation's is not overwritten."""
    now = current()
    with sessions.hold(name, whose.folder()) as path:
        if path.exists() and now.session != name:
            raise ValueError(
                f"There is a session {name!r} already. Load it to go on with it, or choose "
                "another name."
            )
        if path.exists() and _stamp(path) != _stamps().get(name):
            raise ValueError(
                f"Not saved: another process changed the session {name!r} meanwhile. Save "
                "under another name, or load it again."
            )
        whose.check_room(now.state.nbytes)
        save_state(now.state, path)
        _stamps()[name] = _stamp(path)
    steps = every_step()
    steps[:] = [replace(step, session=step.session or name, is_saved=False) for step in steps]
    steps[-1] = replace(now, session=name, is_saved=True)


@_in_words
def share(name: str) -> None:
    """Put a copy of the memory where every visitor can load it; nobody changes the copy."""
    state = current().state
    with sessions.hold(name, whose.shelves()[whose.SHARED]) as path:
        if path.exists():
            raise ValueError(f"A memory is shared as {name!r} already. Choose another name.")
        whose.check_shared_room(state.nbytes)
        save_state(state, path)


@_in_words
def load(title: str) -> None:
    """Go on with a saved session, or with a copy of a shared one; can be undone.

    One's own is held while it is read; others' files are whole, and never written here.
    """
    shelf, name, of = _found(title)
    if shelf != whose.OWN:
        state = _from_elsewhere(_there(name, of))
        append(Conversation(state, told=None))
    else:
        with sessions.hold(name, of):
            path = _there(name, of)
            state = load_state(path, visit.checkpoint())
            _stamps()[name] = _stamp(path)
            append(Conversation(state, session=name, is_saved=True, told=None))
    make_room(state)
    choice.forget_places()


@_in_words
def remove(title: str) -> None:
    """Remove a saved session's file, where it is the visitor's to remove, whatever the page offered;
    the memory that was loaded from it stays."""
    shelf, name, of = _found(title)
    if not whose.may_change(shelf):
        raise ValueError(f"Only the owner of this server can remove {name!r}: it is shared.")
    sessions.reset(name, of)


@_in_words
def bring_in(content: bytes) -> None:
    """Go on with the memory of a file that the visitor chose; can be undone."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "memory"  # safetensors reads files
        path.write_bytes(content)
        state = _from_elsewhere(path)
        make_room(state)
        append(Conversation(state, told=None))
    choice.forget_places()


def as_file(state: MemoryState) -> bytes:
    """A memory as a file: safetensors with its provenance in the header. (Streamlit calls this when
    the visitor clicks, outside of any session: the state must be handed over.)"""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "memory"
        save_state(state, path)
        return path.read_bytes()


def saved() -> list[str]:
    """The sessions that this visitor may load: "demo" is their own, "shared: demo" everybody's; none
    where the folder cannot be opened."""
    try:
        return [name if shelf == whose.OWN else f"{shelf}: {name}"
                for shelf, of in whose.shelves().items() for name in sessions.names(of)]
    except OSError:
        return []


def may_remove(title: str) -> bool:
    """Whether this visitor may remove a session of `saved`."""
    return whose.may_change(title.rpartition(": ")[0] or whose.OWN)


def _found(title: str) -> tuple[str, str, Path]:
    """A title of `saved` -> shelf, name, the folder of the shelf. Raises ValueError."""
    shelf, _, name = title.rpartition(": ")
    shelf = shelf or whose.OWN
    if shelf not in whose.shelves():
        raise ValueError(f"There are no sessions of {shelf!r} any more. Choose another.")
    return shelf, name, whose.shelves()[shelf]


def _from_elsewhere(path: Path) -> MemoryState:
    """Somebody's memory file. Raises ValueError, before anything is computed from it, where its prompts
    are longer than the prompt box lets anybody tell."""
    state = load_state(path, visit.checkpoint())
    lengths = [len(text) for text in state.prompts]
    if max(lengths, default=0) > MOST_CHARS_A_PROMPT or sum(lengths) > MOST_CHARS:
        raise ValueError(
            f"Too much was told to this memory: its longest prompt has {max(lengths):,} characters, all "
            f"together {sum(lengths):,}; at most {MOST_CHARS_A_PROMPT:,} and {MOST_CHARS:,} can be "
            "opened. Choose a memory that was told less."
        )
    return state


def _there(name: str, of: Path) -> Path:
    path = sessions.path_of(name, of)
    if not path.exists():
        raise ValueError(f"There is no session {name!r} any more. Choose another.")
    return path


def _stamps() -> dict[str, tuple[int, int]]:
    """Session -> its file as this visitor last read or wrote it."""
    return st.session_state.setdefault("memory:stamps", {})


def _stamp(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size
