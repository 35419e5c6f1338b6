"""Which link broke: how far a told fact came on its way from memory to what is said.

  written    its tokens reached the salience that a slot needs
  kept       no policy has evicted them since
  retrieved  the question found them among all that is stored
  read       attention, or the probability of the next token, moved because of them
  said       the wanted token was the most probable one

Each link has its number. Two stores can hold a fact, fusion's bank and the EDM's slots; with both
at work a link holds where one of them holds it. Knows nothing of looks.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np

from model.memory import cuts, fusion, held, talk
from model.memory.salience import BEHIND
from model.memory.slots import READ_FLOOR, Slots
from model.memory.state import MemoryState
from model.memory.talk import Settings
from model.recall import probe
from model.recall.probe import Outcome, Scored
from model.recall.told_facts import Fact, holding
from model.recall.whole_words import says
from model.run import tokens
from model.run.trace import Trace, logits, run

NAMES = ("written", "kept", "retrieved", "read", "said")
MOST_FACTS = 4  # told sentences that hold the same answer; the newest are followed
MOST_TOLD = 2_000  # tokens told again to find out when a fact was evicted
POLICIES = {"fifo": "first in, first out", "merge": "merge the two most alike"}


@dataclass(frozen=True)
class Link:
    """One link. passed: None where it was not reached, or cannot be judged; number: what decides,
    in `unit`; sentence: both in words."""

    name: str
    passed: bool | None
    number: float | None = None
    unit: str = ""
    sentence: str = ""


@dataclass(frozen=True)
class Chain:
    """A fact's five links, in the order of NAMES."""

    fact: Fact
    links: tuple[Link, ...]

    @property
    def broken(self) -> Link | None:
        """The first link that did not hold; None: all held."""
        return next((link for link in self.links if link.passed is False), None)

    @property
    def n_passed(self) -> int:
        """Links that held before the first that did not."""
        return next((i for i, link in enumerate(self.links) if not link.passed), len(self.links))


def of_outcome(checkpoint, one: Outcome) -> Chain | None:
    """The chain of the told fact that holds a probe's answer, as far as it came; of several that
    hold it the one that came furthest. None: no answer, no memory with slots, or no such fact."""
    answer = one.plan.probe.answer
    if answer is None or not _stores(checkpoint, one.settings):
        return None
    prompts = one.state.prompts[: len(one.plan.probe.tell)]
    seen = _seen(checkpoint, one.asked, one.lead_ids, one.scored.ids)
    said = _said(one.scored, one.said or one.whole, one.base.exact, one.continuation)
    followed = []
    for fact in holding(checkpoint, prompts, answer)[-MOST_FACTS:]:
        own = _Told(one.state, one.settings, fact, _target(checkpoint, one.state, fact, seen),
                    lambda: _states(checkpoint, one))
        followed.append(_chain(checkpoint, own, seen, one.settings, said))
    return max(reversed(followed), key=lambda chain: chain.n_passed, default=None)


def of_question(
    checkpoint, state: MemoryState, asked: talk.Recalled, settings: Settings, fact: Fact,
    writing: Settings, states: Iterable[MemoryState] = (),
) -> Chain | None:
    """The chain of a told fact that should have answered a question. What it should have said is
    not known: any words of the fact that the question does not hold. None: no memory with slots.

    writing: the settings it was told with; states: memories from then on, oldest first, to find
    when it was evicted.
    """
    if not _stores(checkpoint, settings):
        return None
    room = probe.room_behind(checkpoint, asked.trace)
    spoken = probe.follow(checkpoint, asked, room)
    lead, wanted = _likeliest(checkpoint, state, asked, fact, spoken)
    fact = replace(fact, wanted=wanted)
    ids = tokens.encode(checkpoint.tokenizer, state.prompts[fact.prompt - 1])[list(wanted)]
    seen = _seen(checkpoint, asked, lead, ids[: max(1, room - len(lead))])
    words = checkpoint.tokenizer.decode(spoken)
    is_said = says(words, checkpoint.tokenizer.decode(ids))
    said = _said(seen.scored, is_said, seen.off.exact, words)
    told = _Told(state, writing, fact, _target(checkpoint, state, fact, seen), lambda: states)
    return _chain(checkpoint, told, seen, settings, said)


def _stores(checkpoint, settings: Settings) -> list[type["_Store"]]:
    """The stores with slots that these settings read."""
    parts = checkpoint.memory.parts if checkpoint.memory is not None else ()
    return [_Bank] * ("am" in settings.modules) + [_External] * (
        "edm" in settings.modules and "edm" in parts)


def _chain(checkpoint, told: "_Told", seen: "_Seen", settings: Settings, said: Link) -> Chain:
    stores = (kind(checkpoint, told, seen, settings) for kind in _stores(checkpoint, settings))
    return Chain(told.fact, (*(_either(links) for links in zip(*map(_followed, stores))), said))


def _followed(store: "_Store") -> list[Link]:
    """A store's four links; those behind a break are not reached."""
    links = []
    for name in NAMES[:-1]:
        is_broken = links and not links[-1].passed
        links.append(Link(name, None) if is_broken else getattr(store, name)())
    return links


def _either(links: tuple[Link, ...]) -> Link:
    """The same link of every store: it holds where one of them holds it."""
    deciding = next((x for x in links if x.passed), None) or next(
        (x for x in links if x.passed is False), links[0])
    words = " ".join(link.sentence for link in links if link.sentence)
    return replace(deciding, sentence=words)


@dataclass(frozen=True, eq=False)
class _Told:
    """A fact as it was told. target: positions of its tokens that are wanted where it failed;
    writing: the settings it was told with; states: gives the memories from then on."""

    state: MemoryState
    writing: Settings
    fact: Fact
    target: tuple[int, ...]
    states: Callable[[], Iterable[MemoryState]]


@dataclass(frozen=True, eq=False)
class _Seen:
    """The question's run, gone on with the wanted tokens. scored, off: these, with memory and
    without; row: the token that foresees the first one that failed; moved: share of the probability
    there that memory moves."""

    asked: talk.Recalled
    trace: Trace
    scored: Scored
    off: Scored
    row: int
    moved: float

    @property
    def failed(self) -> int:
        """Index of the first wanted token that is not the most probable; 0 where all are."""
        return int(np.argmax(self.scored.rank > 1))


@dataclass(frozen=True, eq=False)
class _Store:
    """A fact in one store, and the run that should have read it."""

    checkpoint: object
    told: _Told
    seen: _Seen
    settings: Settings

    name = what = ""

    def written(self) -> Link:
        """By its slots where it has some, else by telling its prompt again."""
        if self.is_kept:
            return self.as_written(self.stored_salience(), True)
        return self.as_written(*self.retold())

    def as_written(self, salience: float, is_stored: bool) -> Link:
        """The link, with its salience against the threshold."""
        score, threshold = self.rule()
        words = f"{self.what} has {score} {number(salience)}, the threshold is {number(threshold)}"
        if not is_stored and salience >= threshold:
            words += f", but only the best {self.told.writing.best:,} of a prompt are written"
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
        words = (f"Evicted from {self.name} (at most {budget:,} slots) by the policy "
                 f"“{POLICIES.get(policy, policy)}”: {when}.")
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

    @property
    def is_kept(self) -> bool:
        """Whether it holds a wanted token now."""
        return bool(len(self.mine(self.told.state)))

    @cached_property
    def again(self) -> talk.Written:
        """The fact's prompt told again, behind those before it where they make a difference."""
        before, told, writing = talk.blank(self.checkpoint), self.told.state, self.told.writing
        *earlier, own = told.prompts[: self.told.fact.prompt]
        scores = (writing.score, writing.slot_score)
        if BEHIND & set(scores) or writing.positions == "continue":
            for text in earlier:
                before = talk.tell(self.checkpoint, before, text, writing).state
        return talk.tell(self.checkpoint, before, own, writing)

    def of_prompt(self, n: int) -> np.ndarray:
        """(n,) bool: which rows of a telling are the prompt's own tokens, not an <|endoftext|> that
        stands in front of a window."""
        ids = tokens.encode(self.checkpoint.tokenizer, self.again.state.prompts[-1])
        starts = [window.start for window in cuts.windows(self.checkpoint, ids)][: n - len(ids)]
        return np.insert(np.ones(len(ids), dtype=bool), starts, False)

    @property
    def reader(self) -> str:
        """The token that should have read it, as shown."""
        return tokens.display(self.checkpoint.tokenizer, self.seen.trace.ids[[self.seen.row]])[0]


class _Bank(_Store):
    """Fusion's bank: whole sentences, retrieved by rank, read by every attention head."""

    name, what = "the attention bank", "the sentence"

    def table(self, state: MemoryState) -> Slots:
        return state.bank.slots

    def budget(self) -> int:
        return self.told.writing.budget

    def rule(self) -> tuple[str, float]:
        return f"a mean salience ({self.told.writing.score}) of", self.told.writing.threshold

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
        drawn, block = self.seen.asked.relevance, self.told.state.bank.slots.block
        mine = block[self.mine(self.told.state)]
        own = max(drawn.get(int(b), 0.0) for b in mine)
        rank = 1 + sum(weight > own for weight in drawn.values())
        is_kept = bool(np.isin(mine, block[self.seen.asked.kept]).any())
        if self.is_vetoed:  # what would have been read
            best = max(drawn.values(), default=0.0)
            is_kept = rank <= self.settings.n_retrieved and own > 0 and own >= best * self.settings.fits
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
        return moved is not None and moved < self.settings.needed and not len(self.seen.asked.kept)

    def read(self) -> Link:
        """Its share of the attention; where fusion is left out, what memory moves."""
        if self.is_vetoed:
            moved, needed = self.seen.asked.moved, self.settings.needed
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


class _External(_Store):
    """The EDM: single tokens, all weighed in one softmax beside the null slot."""

    name, what = "the EDM", "the wanted token"

    def table(self, state: MemoryState) -> Slots:
        external = state.external
        return external.slots if external is not None else talk.blank(
            self.checkpoint).bank.slots

    def budget(self) -> int:
        return self.told.writing.slots

    def rule(self) -> tuple[str, float]:
        return f"a salience ({self.told.writing.slot_score}) of", self.told.writing.slot_threshold

    def stored_salience(self) -> float:
        """The largest of a wanted token's slots."""
        return float(self.table(self.told.state).salience[self.mine(self.told.state)].max())

    def retold(self) -> tuple[float, bool]:
        """The largest salience of a wanted token, and whether one was stored."""
        gated = self.again.gated
        told = self.of_prompt(len(gated.ids))
        salience, stored = gated.salience[told], gated.stored[told]
        own = list(self.told.target)
        return float(salience[own].max()), bool(stored[own].any())

    def retrieved(self) -> Link:
        """Its rank among the slots, and what it drew against the best one."""
        drawn = held.read_weights(self.seen.trace)[:, self.seen.row].mean(0)  # (1+M,), null first
        own, best = float(drawn[1:][self.mine(self.told.state)].max()), float(drawn[1:].max())
        rank = 1 + int((drawn[1:] > own).sum())
        is_found = own >= max(READ_FLOOR, best / 10)
        verb = "Retrieved from" if is_found else "Not retrieved from"
        words = (f"{verb} {self.name}: rank {rank:,} of {len(drawn) - 1:,} slots, it drew "
                 f"{number(own)}, the best slot {number(best)}, the null slot {number(drawn[0])}.")
        return Link("retrieved", is_found, rank, "rank", words)

    def read(self) -> Link:
        """How much of the next token's probability moved because slots were read."""
        needed = self.settings.needed
        moved = self.seen.moved if self.seen.asked.moved is None else self.seen.asked.moved
        is_read = moved > 0 and moved >= needed
        verb = "Read from" if is_read else "Not read from"
        words = (f"{verb} {self.name}: memory moved {percent(moved)} of the next token's "
                 f"probability, {percent(needed) if needed else 'anything'} counts as read.")
        return Link("read", is_read, moved, "of the probability moved", words)


# -- said --------------------------------------------------------------------------------------------


def _said(scored: Scored, is_said: bool, is_likely: bool, spoken: str) -> Link:
    """Whether the wanted words were said; else the token that failed. is_likely: memory off says
    them too."""
    at, spoken = int(np.argmax(scored.rank > 1)), spoken.strip()
    p, rank = float(scored.probability[at]), int(scored.rank[at])
    if is_said:
        words = f"Said: “{spoken}”" + "; GPT-2 says so without memory too" * is_likely
    elif scored.exact:
        words = f"Not said: the wanted tokens come first, but other words go on: “{spoken}”"
    else:
        words = (f"Not said: “{scored.texts[at]}” had probability {percent(p)}, rank {rank:,}; "
                 f"the model said “{spoken}”")
    words += "" if words.endswith((".”", "!”", "?”")) else "."
    return Link("said", bool(is_said), p, "probability", words)


def _seen(checkpoint, asked: talk.Recalled, lead, wanted) -> _Seen:
    trace = probe.along(checkpoint, asked.trace, np.r_[lead, wanted])
    first = len(asked.trace) - 1 + len(lead)
    scored = probe.scored_rows(checkpoint, trace, first, wanted)
    off = _off(checkpoint, trace)
    first_off = first + len(off) - len(trace)
    at = int(np.argmax(scored.rank > 1))
    return _Seen(
        asked, trace, scored, probe.scored_rows(checkpoint, off, first_off, wanted), first + at,
        _moved(checkpoint, (trace, first + at), (off, first_off + at)),
    )


def _target(checkpoint, state: MemoryState, fact: Fact, seen: _Seen) -> tuple[int, ...]:
    """The position of the wanted token that failed, as it was told: of the same id, else of the
    same place in the answer."""
    ids = tokens.encode(checkpoint.tokenizer, state.prompts[fact.prompt - 1])
    same = [i for i in fact.wanted if ids[i] == seen.scored.ids[seen.failed]]
    return tuple(same[:1]) or (fact.wanted[min(seen.failed, len(fact.wanted) - 1)],)


def _states(checkpoint, one: Outcome) -> Iterator[MemoryState]:
    """The memory behind every prompt, told again, as far as MOST_TOLD tokens."""
    for told in probe.tell(checkpoint, one.plan, one.settings):
        yield told.state
        if told.n_tokens > MOST_TOLD:
            return


def _likeliest(checkpoint, state: MemoryState, asked, fact: Fact, spoken):
    """(tokens said before it, positions of the fact's words) of those of its words, new to the
    question, whose beginning is likeliest behind the question or behind what is said."""
    trace = probe.along(checkpoint, asked.trace, spoken)
    runs = _new_words(checkpoint, state.prompts[fact.prompt - 1], fact, asked.trace.ids)
    ids = tokens.encode(checkpoint.tokenizer, state.prompts[fact.prompt - 1])
    p = logits(checkpoint, trace, len(asked.trace) - 1).double().softmax(-1)  # (A,V)
    p = p[:, ids[[run[0] for run in runs]]]
    at, which = np.unravel_index(int(p.argmax()), tuple(p.shape))
    return spoken[:at], runs[which]


def _new_words(checkpoint, prompt: str, fact: Fact, asked) -> list[tuple[int, ...]]:
    """Positions of the fact's words that the question does not hold, neighbours together; of all
    its words where it holds them all, of all its tokens where it has no words."""
    texts = tokens.display(checkpoint.tokenizer, tokens.encode(checkpoint.tokenizer, prompt))
    old = {_bare(text) for text in tokens.display(checkpoint.tokenizer, asked)}
    own = list(range(fact.start, fact.stop))
    words = [i for i in own if any(c.isalnum() for c in texts[i])] or own
    new = [i for i in words if _bare(texts[i]) not in old] or words
    edges = [0, *(n for n in range(1, len(new)) if new[n] != new[n - 1] + 1), len(new)]
    return [tuple(new[a:b]) for a, b in pairwise(edges)]


def _bare(text: str) -> str:
    return text.strip("·").casefold()


def _off(checkpoint, trace: Trace) -> Trace:
    """The same tokens with memory off."""
    bos = checkpoint.tokenizer.bos_token_id
    return run(checkpoint, trace.ids if trace.ids[0] == bos else np.r_[bos, trace.ids])


def _moved(checkpoint, one: tuple[Trace, int], other: tuple[Trace, int]) -> float:
    """Share of the next token's probability that differs behind two rows (total variation)."""
    p, q = (logits(checkpoint, *at)[0].double().softmax(-1) for at in (one, other))
    return float((p - q).abs().sum() / 2)


def number(x: float) -> str:
    """Two or three digits, never e-notation."""
    if 0 < abs(x) < 0.001:
        return "less than 0.001" if x > 0 else "more than −0.001"
    if not np.isfinite(x):
        return "∞" if x > 0 else "−∞"
    is_whole = abs(x) >= 100 or x == int(x)
    return (f"{x:,.0f}" if is_whole else f"{x:.3f}".rstrip("0")).replace("-", "−")


def percent(share: float) -> str:
    """A share, never 0 % for what is not 0, never 100 % for what is not 1."""
    if 0 < share < 0.001:
        return "less than 0.1 %"
    if 0.999 < share < 1:
        return "more than 99.9 %"
    return f"{100 * share:.1f} %".replace(".0 %", " %")
