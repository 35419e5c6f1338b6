"""A told fact in one store: its links from written to read, each with the store's own numbers.

Two stores can hold a fact: fusion's bank and the EDM's slots. Knows nothing of the answer.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from model.memory import cuts, eviction, fusion, held, telling, told_of
from model.memory.salience import BEHIND
from model.memory.settings import Settings
from model.memory.slots import READ_FLOOR, Slots
from model.memory.state import MemoryState, blank
from model.recall.link import Link, number, percent
from model.recall.seen import QuestionRun
from model.recall.told_facts import ToldSentence
from model.run import tokens
from model.run.checkpoint import Checkpoint
from model.run.distance import total_variation
from model.run.trace import logits, run


@dataclass(frozen=True, eq=False)
class ToldFact:
    """A told fact. target: positions of its tokens that were wanted where the answer failed;
    writing: the settings it was told with; states: gives the memories from then on."""

    state: MemoryState
    writing: Settings
    fact: ToldSentence
    target: tuple[int, ...]
    states: Callable[[], Iterable[MemoryState]]


@dataclass(frozen=True, eq=False)
class FactInStore(ABC):
    """A fact in one store, and the run that should have read it."""

    checkpoint: Checkpoint
    told: ToldFact
    seen: QuestionRun
    settings: Settings

    name = what = ""

    @abstractmethod
    def table(self, state: MemoryState) -> Slots:
        """Its slots in that state."""

    @abstractmethod
    def budget(self) -> int:
        """How many slots it may have."""

    @abstractmethod
    def rule(self) -> tuple[str, float]:
        """The score that decides the writing, in words, and its threshold."""

    @abstractmethod
    def stored_salience(self) -> float:
        """The fact's salience, from its slots."""

    @abstractmethod
    def retold(self) -> tuple[float, bool]:
        """The fact's salience when its prompt is told again, and whether it is stored then."""

    def written(self) -> Link:
        """Judged by its slots if it has some, else by telling its prompt again."""
        if self.is_kept:
            return self.as_written(self.stored_salience(), True)
        return self.as_written(*self.retold())

    def as_written(self, salience: float, is_stored: bool) -> Link:
        """The link, with its salience against the threshold."""
        score, threshold = self.rule()
        words = f"{self.what} has {score} {number(salience)}, the threshold is {number(threshold)}"
        if not is_stored and salience >= threshold:
            words += f", but only the best {self.told.writing.best:,} of each prompt are written"
        verb = "Written to" if is_stored else "Not written to"
        return Link("written", is_stored, salience, "salience", f"{verb} {self.name}: {words}.")

    def kept(self) -> Link:
        """Whether its slots are still there; else which policy took them, and when."""
        n, budget = len(self.table(self.told.state)), self.budget()
        if self.is_kept:
            words = f"Kept in {self.name}: {n:,} of {budget:,} slots are in use."
            return Link("kept", True, n, "slots in use", words)
        left, policy = self.when_left(), self.told.writing.policy
        when = "when is not known" if left is None else f"gone after prompt {left:,} was told"
        words = (f"Evicted from {self.name}, which has at most {budget:,} slots; policy: "
                 f"{eviction.title(policy)}; {when}.")
        return Link("kept", False, left, "prompts told", words)

    def when_left(self) -> int | None:
        """How many prompts had been told when the fact was first gone."""
        for state in self.told.states():
            n = len(state.prompts)
            is_same = state.prompts == self.told.state.prompts[:n]
            if is_same and n >= self.told.fact.prompt and not len(self.mine(state)):
                return n
        return None

    def mine(self, state: MemoryState) -> np.ndarray:
        """Slots of this store that hold a wanted token."""
        table = self.table(state)
        return np.flatnonzero(
            (table.prompt == self.told.fact.prompt) & np.isin(table.position, self.told.target))

    def near_miss(self, hidden: np.ndarray) -> Link | None:
        """The link `retrieved` of a sentence that was told of something else than is asked; hidden
        (M,) bool: the slots of such sentences. None: it is none."""
        mine = self.mine(self.told.state)
        if not len(hidden) or not hidden[mine].any():
            return None
        sentences = told_of.sentences(self.checkpoint, self.table(self.told.state))
        pair = self.seen.asked.not_asked.pairs.get(str(sentences[mine[0]]))
        words = "it shares no word with the prompt, another sentence is a near miss"
        if pair is not None:
            words = f"a near miss, told of “{pair.told}”, asked of “{pair.asked}”"
        return Link("retrieved", False, None, "", f"Not retrieved from {self.name}: {words}.")

    @property
    def is_kept(self) -> bool:
        """Whether it holds a wanted token now."""
        return bool(len(self.mine(self.told.state)))

    @cached_property
    def again(self) -> telling.Written:
        """The fact's prompt told again, after the earlier prompts if they make a difference."""
        before, told, writing = blank(self.checkpoint), self.told.state, self.told.writing
        *earlier, own = told.prompts[: self.told.fact.prompt]
        scores = (writing.fusion.score, writing.edm.score)
        if BEHIND & set(scores) or writing.fusion.positions == "continue":
            for text in earlier:
                before = telling.tell(self.checkpoint, before, text, writing).state
        return telling.tell(self.checkpoint, before, own, writing)

    def of_prompt(self, n: int) -> np.ndarray:
        """(n,) bool: which rows of a telling are the prompt's own tokens, not an <|endoftext|> that
        stands in front of a window."""
        ids = tokens.encode_part(self.checkpoint.tokenizer, self.again.state.prompts[-1])
        starts = [window.start for window in cuts.windows(self.checkpoint, ids)][: n - len(ids)]
        return np.insert(np.ones(len(ids), dtype=bool), starts, False)

    @property
    def reader(self) -> str:
        """The token that should have read it, as shown."""
        return tokens.display(self.checkpoint.tokenizer, self.seen.trace.ids[[self.seen.row]])[0]


class InBank(FactInStore):
    """Fusion's bank: whole sentences, retrieved by rank, read by every attention head."""

    name, what = "the attention bank", "the sentence"

    def table(self, state: MemoryState) -> Slots:
        return state.bank.slots

    def budget(self) -> int:
        return self.told.writing.fusion.slots

    def rule(self) -> tuple[str, float]:
        own = self.told.writing.fusion
        return f"a mean salience ({own.score}) of", own.threshold

    def stored_salience(self) -> float:
        """Mean over the sentence's slots."""
        table, fact = self.told.state.bank.slots, self.told.fact
        inside = (table.position >= fact.start) & (table.position < fact.stop)
        return float(table.salience[(table.prompt == fact.prompt) & inside].mean())

    def retold(self) -> tuple[float, bool]:
        """Mean salience of the sentence, and whether it was stored."""
        told = self.of_prompt(len(self.again.ids))
        salience, stored = self.again.salience[told], self.again.stored[told]
        own = slice(self.told.fact.start, self.told.fact.stop)
        return float(salience[own].mean()), bool(stored[list(self.told.target)].any())

    def retrieved(self) -> Link:
        """Its rank among the sentences, and how well it fits against the last one retrieved."""
        if near := self.near_miss(self.seen.asked.not_asked.bank):
            return near
        drawn, block = self.seen.asked.relevance, self.told.state.bank.slots.block
        mine = block[self.mine(self.told.state)]
        own = max(drawn.get(int(b), 0.0) for b in mine)
        rank = 1 + sum(weight > own for weight in drawn.values())
        is_kept = bool(np.isin(mine, block[self.seen.asked.kept]).any())
        if self.is_vetoed:  # what would have been read
            best = max(drawn.values(), default=0.0)
            rules = self.settings.fusion
            is_kept = rank <= rules.n_retrieved and own > 0 and own >= best * rules.fits
        words = f"rank {rank:,} of {len(drawn):,} sentences, its fit is {number(own)}{self._last()}"
        verb = "Retrieved from" if is_kept else "Not retrieved from"
        return Link("retrieved", is_kept, rank, "rank", f"{verb} {self.name}: {words}.")

    def _last(self) -> str:
        """How well the last sentence that was retrieved fits; why none was."""
        block = self.told.state.bank.slots.block[self.seen.asked.kept]
        if len(block):
            last = min(self.seen.asked.relevance.get(int(b), 0.0) for b in block)
            return f", the last one retrieved fits {number(last)}"
        if self.is_vetoed:
            return ""
        return "; none was retrieved: none fits the window"

    @property
    def is_vetoed(self) -> bool:
        """Whether memory moves the next token too little, so that fusion is left out."""
        moved = self.seen.asked.moved
        return moved is not None and moved < self.settings.fusion.needed and not len(self.seen.asked.kept)

    def read(self) -> Link:
        """Its share of the attention; where fusion is left out, what memory moves."""
        if self.is_vetoed:
            moved, needed = self.seen.asked.moved, self.settings.fusion.needed
            assert moved is not None, "left out without a reason"
            words = (f"Not read from {self.name}: memory moves {percent(moved)} of the next token's "
                     f"probability, {percent(needed)} is needed.")
            return Link("read", False, moved, "of the probability moved", words)
        weights = fusion.read_weights(self.checkpoint, self.seen.trace)[:, :, self.seen.row]
        weights = weights.mean((0, 1))  # (K,)
        block = self.told.state.bank.slots.block
        own = np.isin(block[self.seen.asked.kept], block[self.mine(self.told.state)])
        share, all_read = float(weights[own].sum()), float(weights.sum())
        verb = "Read from" if share >= READ_FLOOR else "Not read from"
        words = (f"{verb} {self.name}: “{self.reader}” gave {percent(share)} of its attention to "
                 f"this sentence, {percent(all_read)} to memory; {percent(READ_FLOOR)} counts as "
                 "read.")
        return Link("read", share >= READ_FLOOR, share, "of the attention", words)


class InEdm(FactInStore):
    """The EDM: single tokens, all weighed in one softmax beside the null slot."""

    name, what = "the EDM", "the wanted token"

    def table(self, state: MemoryState) -> Slots:
        external = state.external
        return external.slots if external is not None else blank(
            self.checkpoint).bank.slots

    def budget(self) -> int:
        return self.told.writing.edm.slots

    def rule(self) -> tuple[str, float]:
        own = self.told.writing.edm
        return f"a salience ({own.score}) of", own.threshold

    def stored_salience(self) -> float:
        """The largest of a wanted token's slots."""
        return float(self.table(self.told.state).salience[self.mine(self.told.state)].max())

    def retold(self) -> tuple[float, bool]:
        """The largest salience of a wanted token, and whether one was stored."""
        gated = self.again.gated
        assert gated is not None, "the EDM is off"
        told = self.of_prompt(len(gated.ids))
        salience, stored = gated.salience[told], gated.stored[told]
        own = list(self.told.target)
        return float(salience[own].max()), bool(stored[own].any())

    def retrieved(self) -> Link:
        """Its rank among the slots, and what it drew against the best one."""
        if near := self.near_miss(self.seen.asked.not_asked.external):
            return near
        drawn = self._drawn()
        own, best = float(drawn[1:][self.mine(self.told.state)].max()), float(drawn[1:].max())
        rank = 1 + int((drawn[1:] > own).sum())
        is_found = own >= max(READ_FLOOR, best / 10)
        verb = "Retrieved from" if is_found else "Not retrieved from"
        words = (f"{verb} {self.name}: rank {rank:,} of {len(drawn) - 1:,} slots, it drew "
                 f"{number(own)}, the best slot {number(best)}, the null slot {number(drawn[0])}.")
        return Link("retrieved", is_found, rank, "rank", words)

    def read(self) -> Link:
        """The weight of its slot compared with the null slot, and how much of the next token's
        probability the EDM moves."""
        drawn = self._drawn()
        own, moved = float(drawn[1:][self.mine(self.told.state)].max()), self._moved()
        is_read = moved >= READ_FLOOR
        verb = "Read from" if is_read else "Not read from"
        words = (f"{verb} {self.name}: “{self.reader}” gave {percent(own)} to the wanted token's "
                 f"slot, {percent(float(drawn[0]))} to the null slot; what the EDM adds moves "
                 f"{percent(moved)} of the next token's probability, {percent(READ_FLOOR)} counts as "
                 "read.")
        return Link("read", is_read, moved, "of the probability moved", words)

    def _drawn(self) -> np.ndarray:
        """What the reader gave to each slot, (1+M,), the null slot first, mean over the heads."""
        drawn: np.ndarray = held.read_weights(self.seen.trace)[:, self.seen.row].mean(0)
        return drawn

    def _moved(self) -> float:
        """Share of the next token's probability that differs without the EDM, all else equal."""
        trace, row = self.seen.trace, self.seen.row
        assert trace.graft is not None, "the EDM was not read"
        others = trace.graft.without_external()
        silent = run(self.checkpoint, trace.ids, reading=trace.reading, graft=others)
        one, other = (logits(self.checkpoint, x, row)[0] for x in (trace, silent))
        return float(total_variation(one, other))
