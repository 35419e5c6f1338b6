"""One visitor's conversation: the memory as it is now, as it was before, and its files.

A memory belongs to one model. Every model has one conversation; changing the model only sets it
aside. Kept in st.session_state; knows nothing of looks.
"""

import hashlib
import tempfile
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import streamlit as st

from components.frame import live_prompt, visit, whose
from components.frame.choices import choose, chosen
from components.memory import choice, run
from components.memory.told import BY_HAND, Telling
from model.memory import fusion, held, sessions
from model.memory.state import MemoryState, load_state, save_state

MOST_STEPS = 20  # that can be undone
MOST_BYTES = 1 << 28  # of keys and values in memories to go back to
_IN_LINK = "memory:in link"  # session key: what the conversation last wrote into choice.TOLD
HISTORY = 60  # prompts whose reads are listed slot by slot
MOST_CHARS_A_PROMPT, MOST_CHARS = 100_000, 1_000_000  # of a memory that comes from elsewhere


@dataclass(frozen=True, eq=False)
class Conversation:
    """key: another for every memory, for caches. session: the saved session this belongs to, "" for
    none; is_saved: whether it holds exactly this memory. written: of the latest prompt, what the
    bank and the EDM wrote, see `what_was_written`.
    history: of each prompt told here, what it read and how it changed the recurrent states.
    told: every prompt that was told since the memory was blank, with its settings (told.py); None
    where telling them again does not leave this memory."""

    state: MemoryState
    key: str = field(default_factory=lambda: uuid.uuid4().hex)
    session: str = ""
    is_saved: bool = False
    written: dict[str, tuple[int, int]] = field(default_factory=dict)
    history: tuple["ToldPrompt", ...] = ()
    told: tuple[Telling, ...] | None = ()


@dataclass(frozen=True, eq=False)
class ToldPrompt:
    """One prompt told here: its number; reads: store -> {(prompt, position) of a slot: weight};
    states: recurrent module -> (length of its state, cosine to the one before)."""

    number: int
    reads: dict[str, dict]
    states: dict[str, tuple[float, float]]


def current() -> Conversation:
    """The chosen model's conversation; a blank one at first, or what a link says was told."""
    steps = _steps()
    if chosen(choice.TOLD) != st.session_state.get(_IN_LINK):
        _tell_again(chosen(choice.TOLD) or [])
    elif not steps:
        steps.append(Conversation(run.blank()))
    _say_in_link(steps[-1])
    return steps[-1]


def _tell_again(tellings) -> None:
    """What a link says was told, one after the other; visitors with the same link share the work."""
    steps, told = _steps(), []
    now = Conversation(run.blank(), key=_key_of(told))
    steps.append(now)
    try:
        for text, given in tellings:
            told.append((text, given))
            steps.append(now := replace(_told(now, text, given), key=_key_of(told)))
    except ValueError as problem:
        st.session_state["memory:trouble"] = f"The link does not tell all that it holds. {problem}"
    del steps[: -MOST_STEPS - 1]


def _key_of(told: list[Telling]) -> str:
    return hashlib.sha256(f"{visit.mark()} {told}".encode()).hexdigest()


def is_in_link() -> bool:
    """Whether the address carries all that was told."""
    told = chosen(choice.TOLD)
    return told is None or choice.TOLD.kind.write(told) is not None


def _say_in_link(now: Conversation) -> None:
    said = BY_HAND if now.told is None else [*now.told] or None
    st.session_state[_IN_LINK] = said
    visit.keep_memory(now.state, choice.settings())
    choose(choice.TOLD, said)


def states() -> tuple[MemoryState, ...]:
    """The memories that Undo can go back to, oldest first, and this one last."""
    return tuple(step.state for step in _steps())


def after_each_prompt() -> list[Conversation]:
    """The conversation as it was after each prompt that Undo still knows, oldest first; at least as it
    is now."""
    latest = {}
    for step in _steps():
        if step.state.prompts and step.state.prompts == current().state.prompts[: len(step.state.prompts)]:
            latest[len(step.state.prompts)] = step
    return [latest[n] for n in sorted(latest)]


def set_aside() -> list[int]:
    """For every other model that has a memory waiting: how many prompts it holds."""
    now = visit.mark()
    told = st.session_state.get("memory:conversations", {}).items()
    waiting = (len(steps[-1].state.prompts) for name, steps in told if name != now and steps)
    return [n for n in waiting if n]


def can_undo() -> bool:
    """Whether there is a memory to go back to."""
    return len(_steps()) > 1


def remember(text: str) -> bool:
    """Tell the memory a prompt; its own reads are counted first. False, with a sentence to show,
    when it cannot be told."""
    try:
        _append(_told(current(), text, choice.unusual()))
    except ValueError as problem:
        st.session_state["memory:trouble"] = str(problem)
        return False
    st.session_state.prompt = ""
    choice.forget_places()
    return True


def remember_typed() -> None:
    """Tell it what stands in the prompt box, and empty the box."""
    if remember(live_prompt.text_now("prompt_box")):
        live_prompt.overwrite("prompt_box", "")


def begin(prompts: tuple[str, ...], question: str) -> None:
    """A fresh memory that is told these prompts; the question goes into the box."""
    now = Conversation(run.blank())
    try:
        for text in prompts:
            now = _told(now, text, choice.unusual())
    except ValueError as problem:
        st.session_state["memory:trouble"] = str(problem)
    _append(now)
    put(question)
    choose(choice.VIEW, "reads")


def put(text: str) -> None:
    """Put a text into the prompt box, to be told, asked or changed."""
    st.session_state.prompt = text
    live_prompt.overwrite("prompt_box", text)
    choice.forget_places()


def undo() -> None:
    """Go back to the memory before the last change; budgets hold it, as when it is loaded."""
    if can_undo():
        _steps().pop()
        _say_in_link(_steps()[-1])
        _make_room(current().state)
        choice.forget_places()


def reset() -> None:
    """Forget everything told; can be undone."""
    _append(Conversation(run.blank()))
    choice.forget_places()


def fit() -> None:
    """Hold both stores to smaller budgets at once; can be undone."""
    now, settings = current(), choice.settings()
    bank, external = now.state.bank, now.state.external
    fits = external is None or len(external) <= settings.edm.slots
    if len(bank) <= settings.fusion.slots and fits:
        return
    rng = np.random.default_rng(bank.n_prompts)
    left = fusion.evict(bank, settings.fusion.slots, settings.policy, rng)
    n_evicted = now.state.n_evicted + len(bank) - len(left)
    if not fits:
        external = held.evict(external, settings.edm.slots, settings.policy, rng)
    _change(replace(now.state, bank=left, n_evicted=n_evicted, external=external))
    choice.forget_places()


def pin(store: str, slot: int, pinned: bool) -> None:
    """Pin a slot's sentence in one store, or let it go; can be undone."""
    state = current().state
    if store == "edm":
        table = state.external.slots.pin(slot, pinned)
        return _change(replace(state, external=replace(state.external, slots=table)))
    table = state.bank.slots.pin(slot, pinned)
    _change(replace(state, bank=replace(state.bank, slots=table)))


def _change(state: MemoryState) -> None:
    """The same conversation with its memory changed by hand."""
    _append(replace(current(), state=state, key=uuid.uuid4().hex, is_saved=False, told=None))


def save(name: str) -> None:
    """Keep the memory as a session of this visitor; another conversation's is not overwritten."""
    now, mine = current(), whose.folder()

    def write():
        """Hold the session's lock, write the file, and mark which of the steps it holds."""
        with sessions.hold(name, mine) as path:
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
        _steps()[:] = [replace(s, session=s.session or name, is_saved=False) for s in _steps()]
        _steps()[-1] = replace(now, session=name, is_saved=True)

    _try(write)


def share(name: str) -> None:
    """Put a copy of the memory where every visitor can load it; nobody changes the copy."""
    state = current().state

    def write():
        """Only under a name that nobody shared before."""
        with sessions.hold(name, whose.shelves()[whose.SHARED]) as path:
            if path.exists():
                raise ValueError(f"A memory is shared as {name!r} already. Choose another name.")
            whose.check_shared_room(state.nbytes)
            save_state(state, path)

    _try(write)


def load(title: str) -> None:
    """Go on with a saved session, or with a copy of a shared one; can be undone."""

    def read():
        """One's own is held while it is read; others' files are whole, and never written here."""
        shelf, name, of = _found(title)
        if shelf != whose.OWN:
            state = _from_elsewhere(_there(name, of))
            _append(Conversation(state, told=None))
        else:
            with sessions.hold(name, of):
                path = _there(name, of)
                state = load_state(path, visit.checkpoint())
                _stamps()[name] = _stamp(path)
                _append(Conversation(state, session=name, is_saved=True, told=None))
        _make_room(state)
        choice.forget_places()

    _try(read)


def remove(title: str) -> None:
    """Remove a saved session's file; the memory that was loaded from it stays."""

    def act():
        """What is not this visitor's is not removed, whatever the page offered."""
        shelf, name, of = _found(title)
        if not whose.may_change(shelf):
            raise ValueError(f"Only the owner of this server can remove {name!r}: it is shared.")
        sessions.reset(name, of)

    _try(act)


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


def _make_room(state: MemoryState) -> None:
    """Set budgets that the restored memory fits: else the next prompt would evict parts of it."""
    now, most = choice.settings(), choice.MOST_SLOTS
    n_external = 0 if state.external is None else len(state.external)
    choose(choice.SETTINGS["budget"], min(most, max(now.fusion.slots, len(state.bank))))
    choose(choice.SETTINGS["slots"], min(most, max(now.edm.slots, n_external)))


def _stamps() -> dict[str, tuple[int, int]]:
    """Session -> its file as this visitor last read or wrote it."""
    return st.session_state.setdefault("memory:stamps", {})


def _stamp(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size


def bring_in(content: bytes) -> None:
    """Go on with the memory of a file that the visitor chose; can be undone."""

    def read():
        """Through a file of its own: safetensors reads files."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "the file"
            path.write_bytes(content)
            state = _from_elsewhere(path)
            _make_room(state)
            _append(Conversation(state, told=None))
        choice.forget_places()

    _try(read)


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


def trouble() -> str:
    """A message that the visitor sees once; "" if there is none."""
    return st.session_state.pop("memory:trouble", "")


def _told(now: Conversation, text: str, given: dict) -> Conversation:
    """given: the settings that are not the usual ones."""
    settings = choice.settings_of(given)
    asked = _asked(now, text, settings)
    written = run.tell(now.key, now.state, text, choice.writing(settings), asked)
    told = ToldPrompt(
        len(written.state.prompts), _reads(now, asked),
        run.state_changes(now.state, written.state),
    )
    return Conversation(
        written.state,
        session=now.session,
        written=what_was_written(written),
        history=(*now.history, told)[-HISTORY:],
        told=None if now.told is None else (*now.told, (text, given)),
    )


def _asked(now: Conversation, text: str, settings):
    """The prompt's reads; None if it does not fit after the memory."""
    if not now.state.prompts:
        return None
    try:
        return run.ask(now.key, now.state, text, settings, choice.writing(settings))
    except ValueError:
        return None


def _reads(now: Conversation, asked) -> dict[str, dict]:
    """What a prompt read from each slot of each store that it read."""
    if asked is None:
        return {}
    state = now.state if asked.front is None else asked.front.state
    n_told = len(now.state.prompts)
    found = {"bank": _by_place(state.bank.slots, asked.now, asked.kept, n_told)}
    if asked.n_external:
        every = np.arange(asked.n_external)
        found["edm"] = _by_place(state.external.slots, asked.external_now, every, n_told)
    return found


def _by_place(table, weights, read, n_prompts: int) -> dict:
    """Only reads of what was told before count: a prompt that is too long reads its own front
    too."""
    places = table.places
    return {place: float(weights[i]) for i in read for place in places[i] if place[0] <= n_prompts}


def what_was_written(written) -> dict[str, tuple[int, int]]:
    """What a prompt wrote (telling.Written): "bank": (sentences written, sentences), and with an
    EDM "edm": (tokens written, tokens)."""
    starts = [i for i, n in enumerate(written.sentence) if n >= 0 and (
        i == 0 or n != written.sentence[i - 1])]
    found = {"bank": (sum(bool(written.stored[i]) for i in starts), len(starts))}
    if written.gated is not None:
        n_tokens = int((written.sentence >= 0).sum())
        found["edm"] = (int(written.gated.stored.sum()), n_tokens)
    return found


def _try(act) -> None:
    try:
        act()
    except (ValueError, OSError) as problem:
        st.session_state["memory:trouble"] = str(problem)


def _steps() -> list[Conversation]:
    every = st.session_state.setdefault("memory:conversations", {})
    return every.setdefault(visit.mark(), [])


def _append(new: Conversation) -> None:
    current()  # there is a step to go back to
    steps = _steps()
    steps.append(new)
    _say_in_link(new)
    while len(steps) > 2 and (
        len(steps) > MOST_STEPS + 1 or sum(s.state.nbytes for s in steps) > MOST_BYTES
    ):
        del steps[0]
