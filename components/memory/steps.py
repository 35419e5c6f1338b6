"""One step of a conversation: the memory after a prompt, what that prompt read, and what it wrote.

Knows no session: which steps a visitor has, and which is the present one, is conversation.py's.
"""

import uuid
from dataclasses import dataclass, field

import numpy as np

from components.memory import choice, run
from components.memory.told import Telling
from model.memory.state import MemoryState

HISTORY = 60  # prompts whose reads are listed slot by slot


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


def step_after(now: Conversation, text: str, given: dict) -> Conversation:
    """The conversation after one more prompt, whose own reads are counted first; given: the settings
    that are not the usual ones. Raises ValueError where it cannot be told."""
    settings = choice.settings_of(given)
    asked = _asked(now, text, settings)
    written = run.tell(now.key, now.state, text, choice.writing(settings), asked)
    latest = ToldPrompt(
        len(written.state.prompts), _reads(now, asked),
        run.state_changes(now.state, written.state),
    )
    return Conversation(
        written.state,
        session=now.session,
        written=what_was_written(written),
        history=(*now.history, latest)[-HISTORY:],
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
