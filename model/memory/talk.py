"""Telling a memory and asking it: prompts in, a new state or a trace out.

Which modules take part is a setting (model.memory.variants). What is written is always what the
plain model made of the prompt; what is asked is read with every module that is on. Knows nothing
of sessions and files. Nothing here is stored on the model: the state is an argument and comes back
changed.
"""

import time
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch

from model.memory import cuts, fusion, held, salience, shared_words, slots
from model.memory.fusion import Bank
from model.memory.state import MemoryState
from model.run import tokens
from model.run.distance import total_variation
from model.run.trace import Trace, logits, run

LAST = 3  # tokens of a prompt that show whether memory moves anything
_NOTHING = np.zeros(0, dtype=np.int64)
CONTEXT = 200  # tokens told before that a score may read a prompt behind, see salience.Evidence


@dataclass(frozen=True)
class Settings:
    """How a memory is written and read.

    budget: slots at most; policy: one of eviction.NAMES; score: a key of
    salience.SCORES; threshold: a sentence whose mean score is below it is not written.
    positions: see fusion; unit: what is retrieved whole, "sentence", "prompt" or "all" (no second
    pass); n_retrieved: how many of them at most, and none that fits less than `fits` times as well as
    the best; strength: nats added to every memory score.
    All of these are fusion's (AM); budget and policy are the EDM's too, with `slots` for budget.
    needed: fusion is read only where what is stored (the bank, and the EDM where it is at work) moves
    at least this share of the next token's probability: a prompt that asks for nothing told is left
    to the rest of the model. 0, unit "all" or positions `continue`: it is always read.
    modules: those at work, see variants; slots, slot_score, slot_threshold: the EDM's, token by
    token. best: of a prompt only the best so many sentences (AM) or tokens (EDM) are written; 0: all
    that reach the threshold. lora: trained adapters are on wherever there is something to read.
    """

    budget: int = 512
    policy: str = "least salient"
    score: str = "apart and surprising"
    threshold: float = 0.0
    positions: str = "parallel"
    unit: str = "sentence"
    n_retrieved: int = 4
    fits: float = 0.8
    strength: float = 0.0
    needed: float = 0.4
    modules: frozenset[str] = frozenset({"am"})
    slots: int = 128
    slot_score: str = "learned gate"
    slot_threshold: float = 0.0
    best: int = 0
    lora: bool = True


@dataclass(frozen=True, eq=False)
class Gated:
    """What the EDM would write of a prompt: ids (T,) behind <|endoftext|>; salience, gate (T,): the
    score that decides and the learned gate's logit; stored (T,) bool; n_evicted: slots that left."""

    ids: np.ndarray
    salience: np.ndarray
    gate: np.ndarray
    stored: np.ndarray
    n_evicted: int


@dataclass(frozen=True, eq=False)
class Written:
    """What telling one prompt would do: the state after it, and why.

    ids (T,): the prompt's tokens, behind <|endoftext|> where it was read alone; salience (T,);
    sentence (T,): number of each token's sentence, −1 for <|endoftext|>; stored (T,) bool, by
    fusion; n_evicted: its slots that left. gated: the same of the EDM, None where it is off.
    """

    state: MemoryState
    ids: np.ndarray
    salience: np.ndarray
    sentence: np.ndarray
    stored: np.ndarray
    n_evicted: int
    gated: Gated | None = None


@dataclass(frozen=True, eq=False)
class Recalled:
    """What asking found. trace: the prompt's run with the retrieved slots; relevance: number of a
    block -> how well it fits: the largest weight that a token of it drew in the first pass, times 1 +
    what the words weigh that it shares with the prompt; kept (M,): slots read;
    moved: the share of the next token's probability that what is stored moves, the largest behind one
    of the prompt's last three tokens; None where fusion is read whatever it moves."""

    trace: Trace
    relevance: dict[int, float]
    kept: np.ndarray
    moved: float | None = None


def blank(checkpoint) -> MemoryState:
    """A memory that holds nothing: with it, the model is exactly GPT-2."""
    return MemoryState(fusion.empty_bank(checkpoint), (), checkpoint.fingerprint)


def tell(
    checkpoint, state: MemoryState, text: str, settings: Settings, now=time.time,
    heard: dict | None = None,
) -> Written:
    """One prompt into memory, in `cuts.windows` where it is longer than half the model's own.

    heard: where the plain model's runs are kept for whoever tells one model the same texts many
    times; a dict of the caller's, for one checkpoint. None: nothing is kept.
    Raises ValueError for an empty prompt and for settings that do not exist.
    """
    ids = tokens.encode(checkpoint.tokenizer, text)
    if not len(ids):
        raise ValueError("The prompt is empty. Type something to remember.")
    return _tell_ids(checkpoint, state, ids, text, settings, now, heard)


def _tell_ids(
    checkpoint, state: MemoryState, ids, text: str, settings: Settings, now, heard=None
) -> Written:
    number = state.bank.n_prompts + 1
    after = replace(state, bank=replace(state.bank, n_prompts=number), prompts=(*state.prompts, text))
    seen, gated = [], []
    for part in cuts.windows(checkpoint, ids):
        before = _Before(checkpoint, state.prompts, ids[: part.start], heard)
        window = _Window(checkpoint, after.bank, ids[part], before, settings, now())
        bank, told = window.into_bank(after.bank)
        seen.append(told)
        after, gates = window.into_modules(replace(after, bank=bank))
        gated.append(gates)
    return _within_budget(after, settings, seen, gated, np.random.default_rng(number))


def behind_front(
    checkpoint, state: MemoryState, text: str, settings: Settings, now=time.time
) -> Written | None:
    """For a prompt that is too long to ask with behind this memory: what telling its first
    `cuts.n_front` tokens does, so that the rest can ask the state behind it. That state is for
    asking only: what the prompt leaves behind is what `tell` says of the whole.

    None where the whole prompt can ask, and where it goes on with what is stored (positions
    `continue`): the prompt cannot be split.
    """
    ids = tokens.encode(checkpoint.tokenizer, text)
    n, fits = cuts.n_front(checkpoint, ids), len(ids) <= room(checkpoint, state, settings)
    if fits or not n or settings.positions == "continue":
        return None
    said = checkpoint.tokenizer.decode(ids[:n])
    return _tell_ids(checkpoint, state, ids[:n], said, settings, now)


def _within_budget(full: MemoryState, settings: Settings, seen, gated, rng) -> Written:
    """Evict what is too much, and say of every token what became of it."""
    bank = fusion.evict(full.bank, settings.budget, settings.policy, rng)
    n_evicted, report = len(full.bank) - len(bank), None
    external = full.external
    if external is not None and gated[0] is not None:
        external = held.evict(external, settings.slots, settings.policy, rng)
        columns = (np.concatenate(column) for column in zip(*gated))
        report = Gated(*columns, external.n_evicted - full.external.n_evicted)
    after = replace(
        full, bank=bank, external=external, n_evicted=full.n_evicted + n_evicted
    )
    return Written(after, *(np.concatenate(column) for column in zip(*seen)), n_evicted, report)


def ask(checkpoint, state: MemoryState, ids, settings: Settings) -> Recalled:
    """A prompt's run with memory: first what to read is found, then it is read.

    A first pass over the whole bank finds the sentences that fusion reads; where the EDM is at work,
    the sentences that its slots were written from count as well. Fusion is left out where reading
    them hardly changes what comes next.
    ids (T,) without <|endoftext|>, which is put in front unless the prompt continues the memory.
    With positions `replay` a first pass reads as `parallel`; a sentence or prompt that no longer
    fits the window behind better ones is not retrieved, and one that was merged is its older token,
    a summary its most salient one.
    Trained memory is read in every pass. Raises ValueError where prompt and memory together do
    not fit the model's positions.
    """
    bank, graft = _bank(checkpoint, state, settings), graft_of(checkpoint, state, settings)
    ids = _with_start(checkpoint, bank, ids, settings)
    everything = fusion.reading(bank, settings.positions, None, settings.strength)
    if everything is None:
        return Recalled(run(checkpoint, ids, graft=graft), {}, _NOTHING)
    first = run(checkpoint, ids, reading=everything, graft=graft)
    weight = weight_drawn(checkpoint, first) + _read_by_slots(state, bank, first)
    weight = weight * (1 + _shared(checkpoint, bank, first))
    found = _second_pass(checkpoint, bank, first, weight, settings)
    if not settings.needed or settings.unit == "all" or settings.positions == "continue":
        return found
    return _if_it_moves(checkpoint, ids, found, settings.needed)


def _if_it_moves(checkpoint, ids, found: Recalled, needed: float) -> Recalled:
    """What was found, or the run without fusion where what is stored moves too little."""
    graft = found.trace.graft
    others = None if graft is None else graft.without_external()
    moved = _moved(checkpoint, found.trace, run(checkpoint, ids, graft=others))
    if moved < needed:
        return Recalled(run(checkpoint, ids, graft=graft), found.relevance, _NOTHING, moved)
    return replace(found, moved=moved)


def _shared(checkpoint, bank: Bank, asked: Trace) -> np.ndarray:
    """What the words that each slot's sentence shares with the prompt weigh, (M,)."""
    blocks, where = np.unique(bank.slots.block, return_index=True)
    texts = [_said(checkpoint, bank, block, str(bank.slots.around[first]))
             for block, first in zip(blocks, where)]
    weights = shared_words.weights(texts, checkpoint.tokenizer.decode(asked.ids))
    return weights[np.searchsorted(blocks, bank.slots.block)]


def _said(checkpoint, bank: Bank, block: int, around: str) -> str:
    """A stored sentence as text: as it is shown, or, where single bytes are shown, its tokens."""
    if "‹" not in around:
        return around.replace("·", " ")
    return checkpoint.tokenizer.decode(bank.slots.token[bank.slots.block == block])


def _read_by_slots(state: MemoryState, bank: Bank, trace: Trace) -> np.ndarray:
    """Weight that the last token gave to each slot of the bank through the EDM's slot of the same
    token, (M,), mean over the EDM's heads; zeros where the EDM is not at work."""
    if trace.external_query() is None:
        return np.zeros(len(bank))
    read = held.read_weights(trace)[:, -1].mean(0)  # (1+slots,), the null slot first
    return slots.by_place(state.external.slots, read[1:], bank.slots)


def _moved(checkpoint, one: Trace, other: Trace) -> float:
    """Total variation distance of what two runs say comes next, 0 to 1.

    The largest behind one of the last LAST tokens: in the middle of an answer ("You live") one word
    follows from the other, whatever is remembered.
    """
    n = min(LAST, len(one), len(other))
    rows = (logits(checkpoint, trace, start=len(trace) - n) for trace in (one, other))
    return float(total_variation(*rows).max())


def _second_pass(checkpoint, bank: Bank, first: Trace, weight, settings: Settings) -> Recalled:
    """What was found is read, unless the first pass has read just that."""
    again = settings.positions == "replay"
    room = checkpoint.model.config.n_positions - len(first) if again else len(bank)
    kept = _retrieved(bank, weight, settings, room)
    drawn = _largest(weight, bank.slots.block)
    if len(kept) == len(bank) and not again:
        return Recalled(first, drawn, kept)
    found = reading(checkpoint, bank, kept, settings)
    return Recalled(run(checkpoint, first.ids, reading=found, graft=first.graft), drawn, kept)


def graft_of(checkpoint, state: MemoryState, settings: Settings):
    """The trained memory that a run with this state and these settings reads; None: nothing."""
    return held.graft_of(
        checkpoint.memory, state.external, state.carried, settings.modules, settings.lora
    )


def _bank(checkpoint, state: MemoryState, settings: Settings) -> Bank:
    return state.bank if "am" in settings.modules else fusion.empty_bank(checkpoint)


def reading(checkpoint, bank: Bank, kept, settings: Settings) -> fusion.Reading | None:
    """What the second pass reads: the slots `kept` as they are stored, or run again."""
    if settings.positions == "replay":
        return fusion.replayed(checkpoint, bank, kept, settings.strength)
    return fusion.reading(bank, settings.positions, kept, settings.strength)


def room(checkpoint, state: MemoryState, settings: Settings) -> int:
    """How many tokens a prompt that reads this memory may have (may be below 1: none)."""
    bank = _bank(checkpoint, state, settings)
    goes_on = settings.positions == "continue" and len(bank) > 0
    start = fusion.first_position(bank, settings.positions)
    return checkpoint.model.config.n_positions - start - (not goes_on)


def after_reading(
    checkpoint, state: MemoryState, recalled: Recalled, asked: MemoryState | None = None
) -> MemoryState:
    """The state with this prompt's reads counted: mean weight over layers and heads, the largest
    over the prompt's tokens behind the first; of the EDM, mean over its heads. A prompt that asks
    for nothing stored (`needed`) read nothing from the bank: its answer came without it, and what
    the first pass looked at is no read.

    asked: the state that was read, where it was another (`behind_front`): what it holds beyond
    `state` is not counted.
    """
    asked = state if asked is None else asked
    weight = np.zeros(len(asked.bank))
    if len(recalled.kept):
        read = fusion.read_weights(checkpoint, recalled.trace)  # (L,H,T,M)
        behind = _n_start(checkpoint, recalled.trace.ids)
        weight[recalled.kept] = read.mean((0, 1))[behind:].max(0, initial=0)
    table = _counted(state.bank.slots, asked.bank.slots, weight)
    state = replace(state, bank=replace(state.bank, slots=table))
    if state.external is None or recalled.trace.external_query() is None:
        return state
    read = held.read_weights(recalled.trace)[:, _n_start(checkpoint, recalled.trace.ids) :, 1:]
    weight = read.mean(0).max(0, initial=0)
    table = _counted(state.external.slots, asked.external.slots, weight)
    return replace(state, external=replace(state.external, slots=table))


def _counted(table: slots.Slots, asked: slots.Slots, weight) -> slots.Slots:
    """A store's table with the reads (M,) of the slots that were asked counted; those which that
    state no longer had could not be read and stay as they are."""
    had = slots.by_place(asked, np.ones(len(asked)), table) > 0
    after = table.read(slots.by_place(asked, weight, table))
    return replace(after, last_read=np.where(had, after.last_read, table.last_read))


def weight_drawn(checkpoint, trace: Trace) -> np.ndarray:
    """Of every slot a run read, (M,): the largest weight that one token of the prompt gave to it,
    mean over layers and heads.

    One word that looks for one word decides, not the sum over all: of 20 stored sentences the right
    one was so among the best four for 98 % of 80 questions with their lead and 80 % of 64 without,
    by summed attention for 76 % and 47 % (embedded model). The EDM, which was trained to find, has
    it in 98 % and 99 %.
    """
    read = fusion.read_weights(checkpoint, trace)[:, :, _n_start(checkpoint, trace.ids) :]
    return read.mean((0, 1)).max(0, initial=0)


def _largest(weight: np.ndarray, group: np.ndarray) -> dict[int, float]:
    """Number of each group of slots -> the largest weight in it."""
    return {int(g): float(weight[group == g].max()) for g in np.unique(group)}


class _Plain:
    """What the plain model makes of <|endoftext|> and some tokens: of nothing that is stored."""

    def __init__(self, checkpoint, ids: np.ndarray):
        self._checkpoint = checkpoint
        self.trace = run(checkpoint, np.r_[checkpoint.tokenizer.bos_token_id, ids])
        self.nats, self.gate = _surprisal(checkpoint, self.trace), None
        if checkpoint.memory is not None and "edm" in checkpoint.memory.parts:
            self.gate = held.gate(checkpoint.memory, self.trace, self.nats)

    @cached_property
    def texts(self) -> list[str]:
        """Its tokens as shown, (T,)."""
        return tokens.display(self._checkpoint.tokenizer, self.trace.ids)

    @cached_property
    def received(self) -> np.ndarray:
        """See salience.Evidence, (T,)."""
        return _all_received(self._checkpoint, self.trace)


@dataclass(frozen=True, eq=False)
class _Before:
    """What was told before a window: prompts, the front (n,) of its own; heard: see `tell`."""

    checkpoint: object
    prompts: tuple[str, ...]
    front: np.ndarray
    heard: dict | None

    def plain(self, ids: np.ndarray) -> _Plain:
        """The plain model's run of these tokens, alone."""
        if self.heard is None:
            return _Plain(self.checkpoint, ids)
        key = np.asarray(ids).tobytes()
        if key not in self.heard:
            self.heard[key] = _Plain(self.checkpoint, ids)
        return self.heard[key]

    def bits_behind(self, ids: np.ndarray) -> np.ndarray:
        """Surprisal, in bits, (T,) of these tokens behind the CONTEXT tokens told last."""
        window = self.checkpoint.model.config.n_positions
        last = self.last(min(CONTEXT, window - 1 - len(ids)))
        key = (last.tobytes(), np.asarray(ids).tobytes())
        if self.heard is not None and key in self.heard:
            return self.heard[key]
        whole = run(self.checkpoint, np.r_[self.checkpoint.tokenizer.bos_token_id, last, ids])
        bits = _surprisal(self.checkpoint, whole).cpu().numpy()[len(whole) - len(ids) :] / np.log(2)
        if self.heard is not None:
            self.heard[key] = bits
        return bits

    def last(self, n: int) -> np.ndarray:
        """The n tokens told last, or all, (n,)."""
        found = self.front
        for text in reversed(self.prompts):
            if len(found) >= n:
                break
            found = np.r_[tokens.encode(self.checkpoint.tokenizer, text), found]
        return np.asarray(found[max(0, len(found) - n) :], dtype=np.int64)


class _Window:
    """One window of a prompt, read by the plain model, on its way into memory."""

    def __init__(self, checkpoint, bank: Bank, ids, before: _Before, settings: Settings, now: float):
        self.checkpoint, self.settings, self.before, self.now = checkpoint, settings, before, now
        self.number, self.offset, self._ids = bank.n_prompts, len(before.front), ids
        self._heard = before.plain(ids)
        self.plain, self.nats, self.gate = self._heard.trace, self._heard.nats, self._heard.gate
        self.continued = settings.positions == "continue" and "am" in settings.modules
        self.trace = self.plain
        if self.continued and len(bank):
            stored = fusion.reading(bank, "continue", None, 0.0)
            self.trace = run(checkpoint, ids, reading=stored)

    def into_bank(self, bank: Bank):
        """Fusion's part -> the bank, and (ids, salience, sentence, stored) of the tokens."""
        trace, n_start = self.trace, _n_start(self.checkpoint, self.trace.ids)
        sentence, texts = self._sentences(trace)
        if "am" not in self.settings.modules:
            blank = np.zeros(len(trace))
            return bank, (trace.ids, blank, sentence, blank > 0)
        score = _score(self.settings.score)(self._evidence(bank))
        stored = np.full(len(trace), self.continued)  # <|endoftext|>: else the reader brings its own
        stored[n_start:] = salience.chosen(
            score[n_start:], sentence[n_start:], self.settings.threshold, self.settings.best
        )
        chosen = np.flatnonzero(stored)
        columns = self._columns(trace, chosen, sentence, texts, score, bank.slots)
        return fusion.remember(bank, trace, chosen, columns), (trace.ids, score, sentence, stored)

    def into_modules(self, state: MemoryState):
        """The trained modules' part -> the state, and (ids, salience, gate, stored) of the EDM."""
        modules, told = self.checkpoint.memory, None
        on = self.settings.modules & set(modules.parts) if modules is not None else frozenset()
        if on & {"early", "late"}:
            carried = held.carry(state.carried, modules, self.checkpoint, self.plain)
            state = replace(state, carried=carried, memory=modules.fingerprint)
        if "edm" in on:
            external, told = self._into_slots(state.external)
            state = replace(state, external=external, memory=modules.fingerprint)
        return state, told

    def _into_slots(self, before: held.Held | None):
        modules, plain = self.checkpoint.memory, self.plain
        before = held.nothing(modules, plain.next_logits.device) if before is None else before
        gate = self.gate.cpu().numpy()
        score = _score(self.settings.slot_score)(self._evidence_of_slots(before))
        sentence, texts = self._sentences(plain)
        stored = salience.chosen(
            score[1:], np.arange(len(plain) - 1), self.settings.slot_threshold, self.settings.best
        )
        stored = np.r_[False, stored]
        chosen = np.flatnonzero(stored)
        columns = self._columns(plain, chosen, sentence, texts, score, before.slots)
        after = held.write(before, modules, plain, chosen, self.gate, columns)
        return after, (plain.ids, score, gate, stored)

    def _sentences(self, trace: Trace) -> tuple[np.ndarray, list[str]]:
        texts = self._heard.texts[len(self.plain) - len(trace) :]
        n_start = _n_start(self.checkpoint, trace.ids)
        return np.r_[[-1] * n_start, cuts.sentences(texts[n_start:])].astype(np.int64), texts

    def _columns(self, trace: Trace, chosen, sentence, texts, score, table: slots.Slots):
        n_start = _n_start(self.checkpoint, trace.ids)
        first_block = int(table.block.max(initial=-1)) + 2
        said = {int(n): "".join(texts[i] for i in np.flatnonzero(sentence == n))
                for n in np.unique(sentence[chosen])}
        return slots.written(
            prompt=self.number,
            position=chosen - n_start + self.offset,
            token=trace.ids[chosen],
            block=first_block + sentence[chosen],
            text=[texts[i] for i in chosen],
            around=[said[n] for n in sentence[chosen].tolist()],
            now=self.now,
            salience=score[chosen],
        )

    def _evidence(self, bank: Bank) -> "_Evidence":
        trace = self.trace
        nats = self.nats if trace is self.plain else _surprisal(self.checkpoint, trace)
        gate = None if self.gate is None else self.gate[-len(trace) :]
        return _Evidence(self, trace, nats, gate, _flat(trace.k), _flat(bank.keys))

    def _evidence_of_slots(self, before: held.Held) -> "_Evidence":
        """For the EDM, novelty is against its own keys."""
        keys = held.keys_of(self.checkpoint.memory, self.plain)
        return _Evidence(self, self.plain, self.nats, self.gate, keys, before.keys)

    @cached_property
    def in_context(self) -> np.ndarray:
        """See salience.Evidence, of the tokens behind <|endoftext|>."""
        return self.before.bits_behind(self._ids)

    def received(self, trace: Trace) -> np.ndarray:
        """See salience.Evidence, (T,)."""
        if trace is self.plain:
            return self._heard.received
        return _all_received(self.checkpoint, trace)

    def sentence(self, trace: Trace) -> np.ndarray:
        """Number of each token's sentence, (T,), −1 for <|endoftext|>."""
        return self._sentences(trace)[0]


class _Evidence:
    """salience.Evidence of one prompt; each part is computed when a score looks at it."""

    def __init__(self, window: _Window, trace: Trace, nats, gate, keys, stored):
        self._window, self._trace, self._nats, self._gate = window, trace, nats, gate
        self._keys, self._stored = keys, stored

    @property
    def surprisal(self) -> np.ndarray:
        return self._nats.cpu().numpy() / np.log(2)

    @property
    def received(self) -> np.ndarray:
        return self._window.received(self._trace)

    @property
    def sentence(self) -> np.ndarray:
        return self._window.sentence(self._trace)

    @property
    def rarity(self) -> np.ndarray:
        return salience.rarity_of(self._trace.ids)

    @property
    def in_context(self) -> np.ndarray:
        bits = self._window.in_context
        return np.r_[np.zeros(len(self._trace) - len(bits)), bits]

    @property
    def keys(self) -> np.ndarray:
        return self._keys.float().cpu().numpy()

    @property
    def stored(self) -> np.ndarray:
        return self._stored.float().cpu().numpy()

    @property
    def gate(self) -> np.ndarray | None:
        return None if self._gate is None else self._gate.cpu().numpy()


def _flat(keys: torch.Tensor) -> torch.Tensor:
    """(L,H,M,D) -> (M,L·H·D)."""
    return keys.permute(2, 0, 1, 3).flatten(1)


def _surprisal(checkpoint, trace: Trace) -> torch.Tensor:
    """−ln p of every token (T,), 0 for the first, which nothing predicted."""
    ids = torch.as_tensor(np.array(trace.ids[1:]), device=trace.next_logits.device)
    nats = -logits(checkpoint, trace)[:-1].float().log_softmax(-1).gather(1, ids[:, None])[:, 0]
    return torch.nn.functional.pad(nats, (1, 0))


def _score(name: str):
    if name not in salience.SCORES:
        raise ValueError(f"No salience {name!r}. Choose one of {', '.join(salience.SCORES)}.")
    return salience.SCORES[name]


def _retrieved(bank: Bank, weight: np.ndarray, settings: Settings, room: int) -> np.ndarray:
    """Indices of the slots whose sentence or prompt fits best, `room` at most; none that fits less
    than `fits` times as well as the best."""
    units = {"sentence": bank.slots.block, "prompt": bank.slots.prompt, "all": bank.slots.block}
    if settings.unit not in units:
        raise ValueError(f"No unit {settings.unit!r}. Choose one of sentence, prompt, all.")
    unit = units[settings.unit]
    drawn = _largest(weight, unit)
    best = sorted(drawn, key=drawn.get, reverse=True)
    if settings.unit != "all":
        least = drawn[best[0]] * settings.fits
        best = [number for number in best[: settings.n_retrieved] if drawn[number] >= least]
    fitting = []
    for number in best:
        size = int((unit == number).sum())
        if size <= room:
            fitting, room = [*fitting, number], room - size
    return np.flatnonzero(np.isin(unit, fitting))


def _all_received(checkpoint, trace: Trace) -> np.ndarray:
    """See salience.Evidence, (T,): mean over layers."""
    layers = range(trace.n_layers)
    return np.mean([_received(checkpoint, trace, layer) for layer in layers], axis=0)


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
