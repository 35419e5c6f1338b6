"""Telling a memory: a prompt in, a new state out.

We write what the plain model computed from the prompt. Knows nothing of sessions and files.
Nothing is stored on the model: the state is an argument, and a new state is returned.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from model.memory import cuts, fusion, held
from model.memory.asking import room
from model.memory.heard import Heard, ToldBefore
from model.memory.settings import Settings
from model.memory.state import MemoryState
from model.memory.window import Window
from model.run import tokens
from model.run.checkpoint import Checkpoint


@dataclass(frozen=True, eq=False)
class Gated:
    """What the EDM would write of a prompt: ids (T,) after <|endoftext|>; salience, gate (T,): the
    score that decides and the learned gate's logit; stored (T,) bool; n_evicted: slots evicted."""

    ids: np.ndarray
    salience: np.ndarray
    gate: np.ndarray
    stored: np.ndarray
    n_evicted: int


@dataclass(frozen=True, eq=False)
class Written:
    """What telling one prompt would do: the state after it, and why.

    ids (T,): the prompt's tokens, after <|endoftext|> if it was read alone; salience (T,); sentence
    (T,): number of each token's sentence, −1 for <|endoftext|>; stored (T,) bool, by fusion;
    n_evicted: the bank's slots evicted. gated: the same for the EDM, None if it is off.
    """

    state: MemoryState
    ids: np.ndarray
    salience: np.ndarray
    sentence: np.ndarray
    stored: np.ndarray
    n_evicted: int
    gated: Gated | None = None


def tell(
    checkpoint: Checkpoint,
    state: MemoryState,
    text: str,
    settings: Settings,
    now: Callable[[], float] = time.time,
    heard: Heard | None = None,
) -> Written:
    """Write one prompt into memory, in `cuts.windows` if it is longer than half the model's window.

    heard: a dict of the caller, for one checkpoint, that keeps the plain model's runs; for callers
    who tell one model the same texts many times. None: no run is kept.
    Raises ValueError for an empty prompt and for settings that do not exist.
    """
    ids = tokens.encode_part(checkpoint.tokenizer, text)
    if not len(ids):
        raise ValueError("The prompt is empty. Type something to remember.")
    return _tell_ids(checkpoint, state, ids, text, settings, now, heard)


def _tell_ids(
    checkpoint: Checkpoint,
    state: MemoryState,
    ids: np.ndarray,
    text: str,
    settings: Settings,
    now: Callable[[], float],
    heard: Heard | None = None,
) -> Written:
    number = state.bank.n_prompts + 1
    after = replace(state, bank=replace(state.bank, n_prompts=number), prompts=(*state.prompts, text))
    seen: list[tuple[np.ndarray, ...]] = []
    gated: list[tuple[np.ndarray, ...] | None] = []
    for part in cuts.windows(checkpoint, ids):
        before = ToldBefore(checkpoint, state.prompts, ids[: part.start], heard)
        window = Window(checkpoint, after.bank, ids[part], before, settings, now())
        bank, told = window.into_bank(after.bank)
        seen.append(told)
        after, gates = window.into_modules(replace(after, bank=bank))
        gated.append(gates)
    return _within_budget(after, settings, seen, gated, np.random.default_rng(number))


def behind_front(
    checkpoint: Checkpoint,
    state: MemoryState,
    text: str,
    settings: Settings,
    now: Callable[[], float] = time.time,
) -> Written | None:
    """For a prompt that is too long to ask with after this memory: what telling its first
    `cuts.n_front` tokens does, so that the rest can ask the state after that. That state is for
    asking only: telling the whole prompt (`tell`) gives another one.

    None if the whole prompt can ask. With positions `continue` the prompt cannot be split: None
    too.
    """
    ids = tokens.encode_part(checkpoint.tokenizer, text)
    n, fits = cuts.n_front(checkpoint, ids), len(ids) <= room(checkpoint, state, settings)
    if fits or not n or settings.fusion.positions == "continue":
        return None
    said = tokens.decode(checkpoint.tokenizer, ids[:n])
    return _tell_ids(checkpoint, state, ids[:n], said, settings, now)


def _within_budget(
    full: MemoryState,
    settings: Settings,
    seen: list[tuple[np.ndarray, ...]],
    gated: list[tuple[np.ndarray, ...] | None],
    rng: np.random.Generator,
) -> Written:
    """Evict the slots over the budget, and report for every token whether it was stored."""
    bank = fusion.evict(full.bank, settings.fusion.slots, settings.policy, rng)
    n_evicted, report = len(full.bank) - len(bank), None
    external = full.external
    if external is not None and gated[0] is not None:
        n_before = external.n_evicted
        external = held.evict(external, settings.edm.slots, settings.policy, rng)
        ids, score, gate, stored = (np.concatenate(column) for column in zip(*gated))
        report = Gated(ids, score, gate, stored, external.n_evicted - n_before)
    after = replace(
        full, bank=bank, external=external, n_evicted=full.n_evicted + n_evicted
    )
    ids, score, sentence, stored = (np.concatenate(column) for column in zip(*seen))
    return Written(after, ids, score, sentence, stored, n_evicted, report)
