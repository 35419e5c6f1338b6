"""Telling a memory and asking it, training-free: prompts in, a new state or a trace out.

Knows nothing of sessions and files. Nothing here is stored on the model: the state is an argument
and comes back changed.
"""

import time
from dataclasses import dataclass, replace

import numpy as np
import torch

from model import tokens
from model.memory import fusion, salience, slots
from model.memory.fusion import Bank
from model.memory.state import MemoryState
from model.trace import Trace, logits, run


@dataclass(frozen=True)
class Settings:
    """How a memory is written and read.

    budget: slots at most; policy: a key of eviction.POLICIES, or "merge"; score: a key of
    salience.SCORES; threshold: a sentence whose mean score is below it is not written.
    positions: see fusion; unit: what is retrieved whole, "sentence", "prompt" or "all" (no second
    pass); n_retrieved: how many of them; strength: nats added to every memory score.
    """

    budget: int = 512
    policy: str = "fifo"
    score: str = "everything"
    threshold: float = 0.0
    positions: str = "parallel"
    unit: str = "sentence"
    n_retrieved: int = 4
    strength: float = 0.0


@dataclass(frozen=True, eq=False)
class Written:
    """What telling one prompt would do: the state after it, and why.

    ids (T,): the prompt's tokens, behind <|endoftext|> where it was read alone; salience (T,);
    sentence (T,): number of each token's sentence, −1 for <|endoftext|>; stored (T,) bool;
    n_evicted: slots that left.
    """

    state: MemoryState
    ids: np.ndarray
    salience: np.ndarray
    sentence: np.ndarray
    stored: np.ndarray
    n_evicted: int


@dataclass(frozen=True, eq=False)
class Recalled:
    """What asking found. trace: the prompt's run with the retrieved slots; block_mass: number of a
    block -> share of the question's attention it drew in the first pass; kept (M,): slots read."""

    trace: Trace
    block_mass: dict[int, float]
    kept: np.ndarray


def blank(checkpoint) -> MemoryState:
    """A memory that holds nothing: with it, the model is exactly GPT-2."""
    return MemoryState(fusion.empty_bank(checkpoint), (), checkpoint.fingerprint)


def tell(checkpoint, state: MemoryState, text: str, settings: Settings, now=time.time) -> Written:
    """One prompt into memory, in windows where it is longer than half the model's own.

    Raises ValueError for an empty prompt and for settings that do not exist.
    """
    ids = tokens.encode(checkpoint.tokenizer, text)
    if not len(ids):
        raise ValueError("wanted a prompt to remember, got an empty one; type something first")
    number = state.bank.n_prompts + 1
    size = checkpoint.model.config.n_positions // 2 - 1
    bank = replace(state.bank, n_prompts=number)
    seen = []
    for start in range(0, len(ids), size):
        part = _with_start(checkpoint, bank, ids[start : start + size], settings)
        bank, told = _write_window(checkpoint, bank, part, start, settings, now())
        seen.append(told)
    full = len(bank)
    rng = np.random.default_rng(number)
    bank = fusion.evict(bank, settings.budget, settings.policy, rng)
    n_evicted = full - len(bank)
    after = MemoryState(
        bank, (*state.prompts, text), state.fingerprint, state.n_evicted + n_evicted
    )
    return Written(after, *(np.concatenate(column) for column in zip(*seen)), n_evicted)


def ask(checkpoint, state: MemoryState, ids, settings: Settings) -> Recalled:
    """A prompt's run with memory: one pass over everything, one over what it attended to most.

    ids (T,) without <|endoftext|>, which is put in front unless the prompt continues the memory.
    With positions `replay` the first pass reads as `parallel`; a sentence or prompt that no longer
    fits the window behind better ones is not retrieved, and one that was merged is its older token.
    Raises ValueError where prompt and memory together do not fit the model's positions.
    """
    ids = _with_start(checkpoint, state.bank, ids, settings)
    everything = fusion.reading(state.bank, settings.positions, None, settings.strength)
    first = run(checkpoint, ids, reading=everything)
    if everything is None:
        return Recalled(first, {}, np.zeros(0, dtype=np.int64))
    mass = block_mass(checkpoint, first, state.bank)
    again = settings.positions == "replay"
    room = checkpoint.model.config.n_positions - len(ids) if again else len(state.bank)
    kept = _retrieved(state.bank, mass, settings, room)
    if len(kept) == len(state.bank) and not again:
        return Recalled(first, mass, kept)
    found = reading(checkpoint, state.bank, kept, settings)
    return Recalled(run(checkpoint, ids, reading=found), mass, kept)


def reading(checkpoint, bank: Bank, kept, settings: Settings) -> fusion.Reading | None:
    """What the second pass reads: the slots `kept` as they are stored, or run again."""
    if settings.positions == "replay":
        return fusion.replayed(checkpoint, bank, kept, settings.strength)
    return fusion.reading(bank, settings.positions, kept, settings.strength)


def room(checkpoint, state: MemoryState, settings: Settings) -> int:
    """How many tokens a prompt that reads this memory may have (may be below 1: none)."""
    goes_on = settings.positions == "continue" and len(state.bank) > 0
    start = fusion.first_position(state.bank, settings.positions)
    return checkpoint.model.config.n_positions - start - (not goes_on)


def after_reading(checkpoint, state: MemoryState, recalled: Recalled) -> MemoryState:
    """The state with this prompt's reads counted: mean weight over layers and heads, the largest
    over the prompt's tokens behind the first."""
    weight = np.zeros(len(state.bank))
    if len(recalled.kept):
        read = fusion.read_weights(checkpoint, recalled.trace)  # (L,H,T,M)
        behind = _n_start(checkpoint, recalled.trace.ids)
        weight[recalled.kept] = read.mean((0, 1))[behind:].max(0, initial=0)
    return replace(state, bank=replace(state.bank, slots=state.bank.slots.read(weight)))


def block_mass(checkpoint, trace: Trace, bank: Bank) -> dict[int, float]:
    """Block -> its share of the attention of the prompt's tokens, over all layers and heads."""
    read = fusion.read_weights(checkpoint, trace)[:, :, _n_start(checkpoint, trace.ids) :]
    read = read.mean((0, 1, 2))  # (M,)
    block = bank.slots.block[trace.reading.kept]
    return {int(b): float(read[block == b].sum()) for b in np.unique(block)}


def sentences(texts: list[str]) -> np.ndarray:
    """Display strings (T,) -> number of each token's sentence, from 0: a sentence ends behind
    `.`, `!`, `?` or a line end, closing quotes included."""
    number, numbers, ended = 0, [], False
    for text in texts:
        if ended and not set(text) <= set("\"')]}»”’.!?↵"):
            number, ended = number + 1, False
        ended = ended or text.rstrip("\"')]»”’")[-1:] in (".", "!", "?", "↵")
        numbers.append(number)
    return np.array(numbers, dtype=np.int64)


def _write_window(checkpoint, bank: Bank, ids, offset: int, settings: Settings, now: float):
    """One window into the bank -> the bank, and (ids, salience, sentence, stored) of its tokens."""
    continued = settings.positions == "continue"
    before = fusion.reading(bank, "continue", None, 0.0) if continued else None
    trace = run(checkpoint, ids, reading=before)
    texts = tokens.display(checkpoint.tokenizer, ids)
    n_start = _n_start(checkpoint, ids)
    sentence = np.r_[[-1] * n_start, sentences(texts[n_start:])].astype(np.int64)
    score = _score(settings.score)(_evidence(checkpoint, trace, bank))
    stored = _salient(score, sentence, settings.threshold)
    if n_start:
        stored[0] = continued  # the reader of separate prompts brings a first token of its own
    chosen = np.flatnonzero(stored)
    first_block = int(bank.slots.block.max(initial=-1)) + 2
    columns = slots.written(
        prompt=bank.n_prompts,
        position=chosen - n_start + offset,
        token=ids[chosen],
        block=first_block + sentence[chosen],
        text=[texts[i] for i in chosen],
        around=["".join(t for t, s in zip(texts, sentence) if s == sentence[i]) for i in chosen],
        now=now,
        salience=score[chosen],
    )
    return fusion.remember(bank, trace, chosen, columns), (ids, score, sentence, stored)


def _salient(score: np.ndarray, sentence: np.ndarray, threshold: float) -> np.ndarray:
    means = {number: score[sentence == number].mean() for number in np.unique(sentence)}
    return np.array([means[number] >= threshold for number in sentence])


def _score(name: str):
    if name not in salience.SCORES:
        raise ValueError(f"no salience {name!r}: expected one of {', '.join(salience.SCORES)}")
    return salience.SCORES[name]


def _retrieved(bank: Bank, mass: dict[int, float], settings: Settings, room: int) -> np.ndarray:
    """Indices of the slots whose sentence or prompt drew the most attention, `room` at most."""
    units = {"sentence": bank.slots.block, "prompt": bank.slots.prompt, "all": bank.slots.block}
    if settings.unit not in units:
        raise ValueError(f"no unit {settings.unit!r}: expected one of sentence, prompt, all")
    unit = units[settings.unit]
    drawn = {u: sum(mass[int(b)] for b in np.unique(bank.slots.block[unit == u])) for u in unit}
    best = sorted(drawn, key=drawn.get, reverse=True)
    if settings.unit != "all":
        best = best[: settings.n_retrieved]
    fitting = []
    for number in best:
        size = int((unit == number).sum())
        if size <= room:
            fitting, room = [*fitting, number], room - size
    return np.flatnonzero(np.isin(unit, fitting))


def _evidence(checkpoint, trace: Trace, bank: Bank) -> salience.Evidence:
    ids = torch.as_tensor(np.array(trace.ids[1:]), device=trace.next_logits.device)
    nats = -logits(checkpoint, trace)[:-1].float().log_softmax(-1).gather(1, ids[:, None])[:, 0]
    received = [_received(checkpoint, trace, layer) for layer in range(trace.n_layers)]
    return salience.Evidence(
        surprisal=np.r_[0.0, nats.cpu().numpy() / np.log(2)],
        received=np.mean(received, axis=0),
        keys=trace.k.permute(2, 0, 1, 3).flatten(1).float().cpu().numpy(),
        stored=bank.keys.permute(2, 0, 1, 3).flatten(1).float().cpu().numpy(),
    )


def _received(checkpoint, trace: Trace, layer: int) -> np.ndarray:
    """(T,): weight each token got from later ones, over how many could see it, mean over heads."""
    n = len(trace)
    local = fusion.union_weights(checkpoint, trace, layer)[..., -n:].mean(0).tril(-1)
    return (local.sum(0) / torch.arange(n - 1, -1, -1, device=local.device).clamp(min=1)).cpu().numpy()


def _with_start(checkpoint, bank: Bank, ids, settings: Settings) -> np.ndarray:
    """<|endoftext|> in front: where a text begins, and a place for attention to rest (a sink)."""
    ids = np.asarray(ids, dtype=np.int64)
    goes_on = settings.positions == "continue" and len(bank)
    return ids if goes_on else np.r_[checkpoint.tokenizer.bos_token_id, ids]


def _n_start(checkpoint, ids) -> int:
    """1 where the first token is <|endoftext|>, else 0."""
    return int(len(ids) > 0 and ids[0] == checkpoint.tokenizer.bos_token_id)
