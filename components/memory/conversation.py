"""One visitor's conversation: the memory as it is now, and as it was before.

A memory belongs to one model. Every model has one conversation; changing the model only sets it
aside. Kept in st.session_state; knows nothing of looks, and of files session_files.py does.
"""

import hashlib
import uuid
from dataclasses import replace

import numpy as np
import streamlit as st

from components.frame import live_prompt, visit
from components.frame.choices import choose, chosen
from components.memory import choice, run
from components.memory.steps import Conversation, step_after
from components.memory.told import BY_HAND, Telling
from model.memory import fusion, held
from model.memory.state import MemoryState

MOST_STEPS = 20  # that can be undone
MOST_BYTES = 1 << 28  # of keys and values in memories to go back to
_IN_LINK = "memory:in link"  # session key: what the conversation last wrote into choice.TOLD


def current() -> Conversation:
    """The chosen model's conversation; a blank one at first, or what a link says was told."""
    steps = every_step()
    if chosen(choice.TOLD) != st.session_state.get(_IN_LINK):
        _tell_again(chosen(choice.TOLD) or [])
    elif not steps:
        steps.append(Conversation(run.blank()))
    _say_in_link(steps[-1])
    return steps[-1]


def _tell_again(tellings) -> None:
    """What a link says was told, one after the other; visitors with the same link share the work."""
    steps, told = every_step(), []
    now = Conversation(run.blank(), key=_key_of(told))
    steps.append(now)
    try:
        for text, given in tellings:
            told.append((text, given))
            steps.append(now := replace(step_after(now, text, given), key=_key_of(told)))
    except ValueError as problem:
        say_trouble(f"The link does not tell all that it holds. {problem}")
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
    return tuple(step.state for step in every_step())


def after_each_prompt() -> list[Conversation]:
    """The conversation as it was after each prompt that Undo still knows, oldest first; at least as it
    is now."""
    latest = {}
    for step in every_step():
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
    return len(every_step()) > 1


def remember(text: str) -> bool:
    """Tell the memory a prompt; its own reads are counted first. False, with a sentence to show,
    when it cannot be told."""
    try:
        append(step_after(current(), text, choice.unusual()))
    except ValueError as problem:
        say_trouble(str(problem))
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
            now = step_after(now, text, choice.unusual())
    except ValueError as problem:
        say_trouble(str(problem))
    append(now)
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
        every_step().pop()
        _say_in_link(every_step()[-1])
        make_room(current().state)
        choice.forget_places()


def reset() -> None:
    """Forget everything told; can be undone."""
    append(Conversation(run.blank()))
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
    append(replace(current(), state=state, key=uuid.uuid4().hex, is_saved=False, told=None))


def make_room(state: MemoryState) -> None:
    """Set budgets that the restored memory fits: else the next prompt would evict parts of it."""
    now, most = choice.settings(), choice.MOST_SLOTS
    n_external = 0 if state.external is None else len(state.external)
    choose(choice.SETTINGS["budget"], min(most, max(now.fusion.slots, len(state.bank))))
    choose(choice.SETTINGS["slots"], min(most, max(now.edm.slots, n_external)))


def trouble() -> str:
    """A message that the visitor sees once; "" if there is none."""
    return st.session_state.pop("memory:trouble", "")


def say_trouble(what: str) -> None:
    """Show a sentence above the page, once."""
    st.session_state["memory:trouble"] = what


def every_step() -> list[Conversation]:
    """The present model's conversation as it was after each change, the present one last; the session's
    own list."""
    every = st.session_state.setdefault("memory:conversations", {})
    return every.setdefault(visit.mark(), [])


def append(new: Conversation) -> None:
    """Make this the present step."""
    current()  # there is a step to go back to
    steps = every_step()
    steps.append(new)
    _say_in_link(new)
    while len(steps) > 2 and (
        len(steps) > MOST_STEPS + 1 or sum(s.state.nbytes for s in steps) > MOST_BYTES
    ):
        del steps[0]
