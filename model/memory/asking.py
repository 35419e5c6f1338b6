"""Asking a memory: a prompt in, its run with the retrieved slots out.

A prompt is asked with every module that is on (model.memory.variants). Knows nothing of sessions
and files. Nothing is stored on the model: the state is an argument.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from model.grafts.graft import Graft, opened
from model.grafts.reading import Reading
from model.memory import fusion, held, shared_words, slots, told_of
from model.memory.fusion import Bank
from model.memory.passes import Passes, Runner, Trained, ahead
from model.memory.settings import Settings
from model.memory.state import MemoryState
from model.memory.told_of import NotAsked
from model.run import borders, tokens
from model.run.checkpoint import Checkpoint
from model.run.distance import total_variation
from model.run.tokens import Ids
from model.run.trace import Trace, final_logits, run

LAST = 3  # the last tokens of a prompt decide whether memory moves the prediction
_NOTHING = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Recalled:
    """The result of asking. trace: the prompt's run with the retrieved slots; relevance: number of
    a block -> how well it fits: the largest weight that one of its tokens drew in the first pass,
    times 1 + the weight of the words that it shares with the prompt; a tenth of that for a
    near miss (shared_words); kept (M,): slots read; moved:
    the share of the next token's probability that the stored slots move, the largest after one of
    the prompt's last three tokens; None if fusion is always read, or nothing was retrieved.
    not_asked: the stored sentences that were told of something else than the prompt asks, neither
    store's are read; empty if fusion is always read. passes: the runs that led here, for the ask of the next prompt."""

    trace: Trace
    relevance: dict[int, float]
    kept: np.ndarray
    moved: float | None = None
    not_asked: NotAsked = field(default_factory=NotAsked)
    passes: Passes | None = None


def ask(
    checkpoint: Checkpoint, state: MemoryState, ids: Ids, settings: Settings,
    before: Recalled | None = None,
) -> Recalled:
    """A prompt's run with memory: the first pass finds what to read, the second pass reads it.

    The first pass goes over the whole bank and finds the sentences that fusion reads; if the EDM is
    on, the sentences of its slots count as well. Fusion is left out if reading them hardly changes
    the next token. Sentences that were told of something else than is asked are left out of fusion
    and of the EDM (told_of), unless fusion is always read.
    ids (T,) without <|endoftext|>, which is put in front unless the prompt continues the memory.
    before: the ask of the prompt typed before, with the same state (the same object) and settings;
    rows that both prompts share are not run again. With another state it is ignored.
    With positions `replay` the first pass reads as `parallel`; a sentence or prompt that no longer
    fits the window after better ones is not retrieved; a merged slot is replayed as its older
    token, a summary as its most salient one.
    Trained memory is read in both passes. Raises ValueError if prompt and memory together do not
    fit the model's positions.
    """
    bank, rules = _bank(checkpoint, state, settings), settings.fusion
    ids = _with_start(checkpoint, bank, ids, settings)
    not_asked = _not_asked(checkpoint, state, bank, ids, settings)
    passes = _passes(checkpoint, state, settings, before, not_asked)
    if before is not None and fits(before, state, settings) and np.array_equal(ids, before.trace.ids):
        return before
    runner = Runner(checkpoint, ids, passes)
    everything = fusion.reading(bank, rules.positions, None, rules.strength)
    if everything is None:
        trace = runner.left_out()
        return Recalled(trace, {}, _NOTHING, None, not_asked, runner.passes)
    first = runner.first(everything)
    weight = _drawn_most(checkpoint, first.weights, ids) + _read_by_slots(state, bank, first.trace)
    weight = _with_words(checkpoint, bank, first.trace, weight)
    found = _second_pass(runner, bank, first.trace, weight, settings, not_asked)
    return replace(found, not_asked=not_asked, passes=runner.passes)


def plain(checkpoint: Checkpoint, ids: Ids, before: Trace | None = None) -> Trace:
    """The run of a prompt, ids (T,) without <|endoftext|>, without any memory: the same as `ask`
    with a blank state. before: such a run of another prompt; rows that both share are reused."""
    with_start = borders.with_start(checkpoint, ids)
    if before is not None and np.array_equal(with_start, before.ids):
        return before
    return run(checkpoint, with_start, before)


def go_on(
    checkpoint: Checkpoint, ids: Ids, before: Sequence[Recalled], plain: Trace | None = None,
) -> tuple[list[Recalled], Trace | None]:
    """What asks of the prompt before hand on to asks of this one, ids (T,) without <|endoftext|>, and
    to its plain run: the rows that all of them will need if each retrieves what it did are run in
    one batch. To be given to `ask` and `plain` as `before`."""
    some = [x.passes for x in before if x.passes is not None]
    assert len(some) == len(before), "an ask without the runs that led to it"
    if not some:
        return [], plain
    bank = _bank(checkpoint, some[0].state, some[0].settings)
    made, plain = ahead(
        checkpoint, _with_start(checkpoint, bank, ids, some[0].settings), some, plain)
    return [replace(x, passes=passes) for x, passes in zip(before, made)], plain


def fits(before: Recalled, state: MemoryState, settings: Settings) -> bool:
    """Whether an ask of this state may go on with that one."""
    return before.passes is not None and before.passes.fits(state, settings)


def _passes(
    checkpoint: Checkpoint, state: MemoryState, settings: Settings, before: Recalled | None,
    not_asked: NotAsked,
) -> Passes:
    """The runs that can be reused; empty if another memory was asked, or with other settings."""
    old = before.passes if before is not None else None
    if old is None or not old.fits(state, settings):
        old = Passes(state, settings, ())
    hidden = not_asked.external.tobytes() if not_asked.external.any() else b""
    known = next((t for t in old.trained if t.hidden == hidden), None)
    if known is None:
        graft = graft_of(checkpoint, state, settings, not_asked.external)
        known = _trained(hidden, graft, old.trained)
    return old.with_trained(known)


def _trained(hidden: bytes, graft: Graft | None, before: tuple[Trained, ...]) -> Trained:
    """What is read of trained memory. before: of the same memory, with the same settings: what they
    read without the EDM is the same, so that runs of it go on."""
    others = graft
    if graft is not None and graft.external is not None:
        others = graft.without_external()
    if others is not None:
        same = (t.others for t in before if t.others is not None and t.others.lora == others.lora)
        others = next(same, others)
    return Trained(hidden, others if graft is None or graft.external is None else graft, others)


def _chooses(settings: Settings) -> bool:
    """Whether a prompt decides if fusion is read."""
    rules = settings.fusion
    return bool(rules.needed) and rules.unit != "all" and rules.positions != "continue"


def _not_asked(
    checkpoint: Checkpoint, state: MemoryState, bank: Bank, ids: np.ndarray, settings: Settings
) -> NotAsked:
    """The near misses in the stores that these settings read."""
    is_read = "edm" in settings.modules and state.external is not None
    external = state.external.slots if is_read and state.external is not None else slots.empty()
    if not _chooses(settings):
        return NotAsked()
    prompt = tokens.decode(checkpoint.tokenizer, ids[borders.start_length(checkpoint, ids):])
    return told_of.not_asked(checkpoint, bank.slots, external, prompt)


def _second_pass(
    runner: Runner, bank: Bank, first: Trace, weight: np.ndarray, settings: Settings,
    not_asked: NotAsked,
) -> Recalled:
    """The second pass: read what was found, unless the first pass read exactly that. With `needed`,
    nothing of it is read if it moves the prediction too little. It must do so without the EDM: what
    both move together says nothing of either."""
    checkpoint, again = runner.checkpoint, settings.fusion.positions == "replay"
    room = checkpoint.model.config.n_positions - len(first) if again else len(bank)
    kept = _retrieved(bank, weight, settings, room, not_asked.bank)
    drawn, moved = _largest(weight, bank.slots.block), None
    if not len(kept):
        return Recalled(runner.left_out(), drawn, kept)
    read = first.reading
    if len(kept) < len(bank) or again:
        read = runner.reading(lambda which: reading(checkpoint, bank, which, settings), kept)
    if _chooses(settings):
        moved = _moved(checkpoint, runner.alone(read), runner.without())
        if moved < settings.fusion.needed:
            return Recalled(runner.left_out(), drawn, _NOTHING, moved)
    return Recalled(runner.found(read), drawn, kept, moved)


def _moved(checkpoint: Checkpoint, one: Trace, other: Trace) -> float:
    """Total variation distance of two runs' next-token distributions, 0 to 1.

    The largest one after the last LAST tokens counts: in the middle of an answer ("You live") one
    word follows from the other, with memory and without.
    """
    assert one.graft is other.graft and len(one) == len(other), "not two runs of one prompt"
    n, both = min(LAST, len(one)), (one, other)
    stream = torch.stack([t.layer_stream(-1)[-n:-1] for t in both])  # (2,n-1,C): their last is known
    with torch.inference_mode(), opened(one.graft):
        before = final_logits(checkpoint.model, stream.flatten(0, 1)).unflatten(0, (2, n - 1))
    last = torch.stack([t.next_logits for t in both])[:, None]
    return float(total_variation(*torch.cat([before, last.to(before)], dim=1)).max())


def reading(
    checkpoint: Checkpoint, bank: Bank, kept: np.ndarray, settings: Settings
) -> Reading | None:
    """What the second pass reads: the slots `kept` as they are stored, or run again."""
    if settings.fusion.positions == "replay":
        return fusion.replayed(checkpoint, bank, kept, settings.fusion.strength)
    return fusion.reading(bank, settings.fusion.positions, kept, settings.fusion.strength)


def graft_of(
    checkpoint: Checkpoint, state: MemoryState, settings: Settings, hidden: np.ndarray = _NOTHING
) -> Graft | None:
    """The trained memory that a run with this state and these settings reads, without the EDM's
    slots `hidden` (N,) bool; None: nothing."""
    return held.graft_of(
        checkpoint.memory, state.external, state.carried, settings.modules, settings.lora,
        hidden if len(hidden) else None,
    )


def room(checkpoint: Checkpoint, state: MemoryState, settings: Settings) -> int:
    """How many tokens a prompt that reads this memory may have (may be below 1: none)."""
    bank = _bank(checkpoint, state, settings)
    goes_on = settings.fusion.positions == "continue" and len(bank) > 0
    start = fusion.first_position(bank, settings.fusion.positions)
    return checkpoint.model.config.n_positions - start - (0 if goes_on else len(borders.start(checkpoint)))


def _bank(checkpoint: Checkpoint, state: MemoryState, settings: Settings) -> Bank:
    return state.bank if "am" in settings.modules else fusion.empty_bank(checkpoint)


def _with_start(checkpoint: Checkpoint, bank: Bank, ids: Ids, settings: Settings) -> np.ndarray:
    """<|endoftext|> in front: where a text begins, and a place for attention to rest (a sink)."""
    ids = np.asarray(ids, dtype=np.int64)
    goes_on = settings.fusion.positions == "continue" and len(bank)
    return ids if goes_on else borders.with_start(checkpoint, ids)


def _drawn_most(checkpoint: Checkpoint, drawn: np.ndarray, ids: Ids) -> np.ndarray:
    """Weights (T,M) of every token -> the largest after <|endoftext|>, (M,).

    The largest weight of one word finds the sentence better than the sum over all words. Of 20
    stored sentences the right one was among the best four for 98 % of 80 questions with the
    beginning of their answer, and for 80 % of 64 without; by summed attention for 76 % and 47 %
    (embedded model). The EDM, which was trained to find it, reaches 98 % and 99 %.
    """
    most: np.ndarray = drawn[borders.start_length(checkpoint, ids) :].max(0, initial=0)
    return most


def _with_words(checkpoint: Checkpoint, bank: Bank, asked: Trace, weight: np.ndarray) -> np.ndarray:
    """Each slot's weight (M,) times 1 + the weight of the words that its sentence shares with the
    prompt; a tenth of it if another sentence shares these words and more: a near miss."""
    blocks, where, of = np.unique(bank.slots.block, return_index=True, return_inverse=True)
    texts = told_of.sentences(checkpoint, bank.slots)[where].tolist()
    prompt = tokens.decode(checkpoint.tokenizer, asked.ids)
    weight = weight * (1 + shared_words.weights(texts, prompt))[of]
    fits = np.array([weight[of == i].max() for i in range(len(blocks))])
    return np.where(shared_words.near_misses(texts, prompt, fits)[of], weight / 10, weight)


def _read_by_slots(state: MemoryState, bank: Bank, trace: Trace) -> np.ndarray:
    """For each slot of the bank, the weight that the prompt's last token gave to the EDM's slot of
    the same token, (M,), mean over the EDM's heads; zeros if the EDM is off."""
    if state.external is None or trace.external_query() is None:
        return np.zeros(len(bank))
    read = held.read_weights(trace, len(trace) - 1)[:, -1].mean(0)  # (1+slots,), null first
    return slots.by_place(state.external.slots, read[1:], bank.slots)


def _retrieved(
    bank: Bank, weight: np.ndarray, settings: Settings, room: int, not_asked: np.ndarray
) -> np.ndarray:
    """Indices of the slots whose sentence or prompt fits best, at most `room`, without those that
    fit less than `fits` times as well as the best, and without those `not_asked` (M,) bool."""
    asked = np.ones(len(bank), dtype=bool)
    if len(not_asked):
        asked = ~not_asked
    units = {"sentence": bank.slots.block, "prompt": bank.slots.prompt, "all": bank.slots.block}
    if settings.fusion.unit not in units:
        raise ValueError(f"No unit {settings.fusion.unit!r}. Choose one of sentence, prompt, all.")
    unit = units[settings.fusion.unit]
    drawn = _largest(weight, unit)
    best = sorted(drawn, key=drawn.__getitem__, reverse=True)
    if settings.fusion.unit != "all":
        least = drawn[best[0]] * settings.fusion.fits
        best = [number for number in best if drawn[number] >= least and asked[unit == number].any()]
        best = best[: settings.fusion.n_retrieved]
    fitting: list[int] = []
    for number in best:
        size = int(((unit == number) & asked).sum())
        if size <= room:
            fitting, room = [*fitting, number], room - size
    return np.flatnonzero(np.isin(unit, fitting) & asked)


def _largest(weight: np.ndarray, group: np.ndarray) -> dict[int, float]:
    """Number of each group of slots -> the largest weight in it."""
    return {int(g): float(weight[group == g].max()) for g in np.unique(group)}


def after_reading(
    checkpoint: Checkpoint, state: MemoryState, recalled: Recalled, asked: MemoryState | None = None
) -> MemoryState:
    """The state with this prompt's reads counted: mean weight over layers and heads, the largest
    over the prompt's tokens after the first; of the EDM, mean over its heads. If fusion was left
    out (`needed`), the bank was not read and stays as it is: what the first pass looked at does not
    count as a read.

    asked: the state that was read, if it was another one (`behind_front`): slots that only it holds
    are not counted.
    """
    asked = state if asked is None else asked
    if len(recalled.kept):
        weight = np.zeros(len(asked.bank))
        read = fusion.read_weights(checkpoint, recalled.trace)  # (L,H,T,M)
        behind = borders.start_length(checkpoint, recalled.trace.ids)
        weight[recalled.kept] = read.mean((0, 1))[behind:].max(0, initial=0)
        table = _counted(state.bank.slots, asked.bank.slots, weight)
        state = replace(state, bank=replace(state.bank, slots=table))
    if state.external is None or recalled.trace.external_query() is None:
        return state
    assert asked.external is not None, "slots of an EDM were read that the asked state does not hold"
    read = held.read_weights(recalled.trace)[:, borders.start_length(checkpoint, recalled.trace.ids) :, 1:]
    weight = read.mean(0).max(0, initial=0)
    table = _counted(state.external.slots, asked.external.slots, weight)
    return replace(state, external=replace(state.external, slots=table))


def _counted(table: slots.Slots, asked: slots.Slots, weight: np.ndarray) -> slots.Slots:
    """A store's table with the reads (M,) of the asked slots counted. Slots that the asked state no
    longer had could not be read and stay as they are."""
    had = slots.by_place(asked, np.ones(len(asked)), table) > 0
    after = table.read(slots.by_place(asked, weight, table))
    return replace(after, last_read=np.where(had, after.last_read, table.last_read))
