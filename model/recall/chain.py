"""Which link broke: how far a told fact came on its way from memory to the answer.

  written    its tokens reached the salience that a slot needs
  kept       no policy has evicted them since
  retrieved  the question found them among all that is stored
  read       attention went to them; in the EDM, what they add moves the next token
  said       the wanted token was the most probable one

Each link has its number. Two stores can hold a fact: fusion's bank and the EDM's slots. With both
on, a link holds if it holds in one of them. Knows nothing of looks.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from model.memory import asking
from model.memory.settings import Settings
from model.memory.state import MemoryState
from model.recall import new_words, probe
from model.recall.link import NAMES, Link, percent
from model.recall.probe import Outcome, Scored
from model.recall.seen import QuestionRun, see, target
from model.recall.stores import FactInStore, InBank, InEdm, ToldFact
from model.recall.told_facts import ToldSentence, holding
from model.recall.whole_words import says
from model.run import tokens
from model.run.checkpoint import Checkpoint
from model.run.tokens import Ids
from model.run.trace import logits

MOST_FACTS = 4  # told sentences that hold the same answer; the newest are followed
MOST_TOLD = 2_000  # tokens told again to find out when a fact was evicted


@dataclass(frozen=True)
class Chain:
    """A fact's five links, in the order of NAMES."""

    fact: ToldSentence
    links: tuple[Link, ...]

    @property
    def broken(self) -> Link | None:
        """The first link that did not hold; None: all held."""
        return next((link for link in self.links if link.passed is False), None)

    @property
    def n_passed(self) -> int:
        """Links that held before the first that did not."""
        return next((i for i, link in enumerate(self.links) if not link.passed), len(self.links))


def of_outcome(checkpoint: Checkpoint, one: Outcome) -> Chain | None:
    """The chain of the told fact that holds a probe's answer; of several such facts, the one that
    came furthest. None: no answer, no memory with slots, or no such fact."""
    answer = one.plan.probe.answer
    if answer is None or not _stores(checkpoint, one.settings):
        return None
    prompts = one.state.prompts[: len(one.plan.probe.tell)]
    seen = see(checkpoint, one.asked, one.lead_ids, one.scored.ids)
    said = _said(one.scored, one.said or one.whole, one.base.exact, one.continuation)
    followed = []
    for fact in holding(checkpoint, prompts, answer)[-MOST_FACTS:]:
        own = ToldFact(one.state, one.settings, fact, target(checkpoint, one.state, fact, seen),
                       lambda: _states(checkpoint, one))
        followed.append(_chain(checkpoint, own, seen, one.settings, said))
    return max(reversed(followed), key=lambda chain: chain.n_passed, default=None)


def of_question(
    checkpoint: Checkpoint,
    state: MemoryState,
    asked: asking.Recalled,
    settings: Settings,
    fact: ToldSentence,
    writing: Settings,
    states: Iterable[MemoryState] = (),
) -> Chain | None:
    """The chain of a told fact that should have answered a question. The right answer is not known:
    it may be any words of the fact that the question does not hold. None: no memory with slots.

    writing: the settings it was told with; states: memories from then on, oldest first, to find
    when it was evicted.
    """
    if not _stores(checkpoint, settings):
        return None
    room = probe.room_behind(checkpoint, asked.trace)
    spoken = probe.follow(checkpoint, asked, room)
    lead, ids, wanted = _likeliest(checkpoint, state, asked, fact, spoken)
    fact = replace(fact, wanted=wanted)
    seen = see(checkpoint, asked, lead, ids[: max(1, room - len(lead))])
    words = tokens.decode(checkpoint.tokenizer, spoken)
    is_said = says(words, tokens.decode(checkpoint.tokenizer, ids))
    said = _said(seen.scored, is_said, seen.off.exact, words)
    told = ToldFact(state, writing, fact, target(checkpoint, state, fact, seen), lambda: states)
    return _chain(checkpoint, told, seen, settings, said)


def _stores(checkpoint: Checkpoint, settings: Settings) -> list[type[FactInStore]]:
    """The stores with slots that these settings read."""
    parts = checkpoint.memory.parts if checkpoint.memory is not None else ()
    return [InBank] * ("am" in settings.modules) + [InEdm] * (
        "edm" in settings.modules and "edm" in parts)


def _chain(
    checkpoint: Checkpoint, told: ToldFact, seen: QuestionRun, settings: Settings, said: Link
) -> Chain:
    stores = (kind(checkpoint, told, seen, settings) for kind in _stores(checkpoint, settings))
    return Chain(told.fact, (*(_either(links) for links in zip(*map(_followed, stores))), said))


def _followed(store: FactInStore) -> list[Link]:
    """A store's four links; links after a break are not reached."""
    links: list[Link] = []
    for name in NAMES[:-1]:
        is_broken = links and not links[-1].passed
        links.append(Link(name, None) if is_broken else getattr(store, name)())
    return links


def _either(links: tuple[Link, ...]) -> Link:
    """The same link of every store: it holds if it holds in one store."""
    deciding = next((x for x in links if x.passed), None) or next(
        (x for x in links if x.passed is False), links[0])
    words = " ".join(link.sentence for link in links if link.sentence)
    return replace(deciding, sentence=words)


def _said(scored: Scored, is_said: bool, is_likely: bool, spoken: str) -> Link:
    """Whether the wanted words were said; else the token that failed. is_likely: memory off says
    them too."""
    at, spoken = int(np.argmax(scored.rank > 1)), spoken.strip()
    p, rank = float(scored.probability[at]), int(scored.rank[at])
    if is_said:
        words = f"Said: “{spoken}”" + "; GPT-2 says so without memory too" * is_likely
    elif scored.exact:
        words = f"Not said: the wanted tokens are the most probable, but the reply is “{spoken}”"
    else:
        words = (f"Not said: “{scored.texts[at]}” had probability {percent(p)}, rank {rank:,}; "
                 f"the model said “{spoken}”")
    words += "" if words.endswith((".”", "!”", "?”")) else "."
    return Link("said", bool(is_said), p, "probability", words)


def _states(checkpoint: Checkpoint, one: Outcome) -> Iterator[MemoryState]:
    """The memory after every prompt, told again, up to MOST_TOLD tokens."""
    for told in probe.tell(checkpoint, one.plan, one.settings):
        yield told.state
        if told.n_tokens > MOST_TOLD:
            return


def _likeliest(
    checkpoint: Checkpoint, state: MemoryState, asked: asking.Recalled, fact: ToldSentence,
    spoken: np.ndarray
) -> tuple[np.ndarray, Ids, tuple[int, ...]]:
    """(tokens said before it, its tokens, positions of the fact's words): of the words that are new to
    the question those that the reply says, with the reply's own tokens; else those whose first token is
    most probable after the question or after the model's own words."""
    ids = tokens.encode_part(checkpoint.tokenizer, state.prompts[fact.prompt - 1])
    found = new_words.runs(checkpoint, ids, fact, asked.trace.ids)
    if (is_said := new_words.said(checkpoint, ids, found, spoken)) is not None:
        wanted, own = is_said
        return spoken[: own.start], spoken[own.start : own.stop], wanted
    trace, runs = probe.along(checkpoint, asked.trace, spoken), [new_words.whole(run) for run in found]
    p = logits(checkpoint, trace, len(asked.trace) - 1).double().softmax(-1)  # (A,V)
    p = p[:, ids[[run[0] for run in runs]]]
    at, which = np.unravel_index(int(p.argmax()), tuple(p.shape))
    return spoken[:at], ids[list(runs[which])], runs[which]
