"""A question's run, continued with the wanted tokens, and where it failed.

Knows nothing of stores and links.
"""

from dataclasses import dataclass

import numpy as np

from model.memory import asking
from model.memory.state import MemoryState
from model.recall import probe
from model.recall.probe import Scored
from model.recall.told_facts import ToldSentence
from model.run import borders, tokens
from model.run.checkpoint import Checkpoint
from model.run.tokens import Ids
from model.run.trace import Trace, run


@dataclass(frozen=True, eq=False)
class QuestionRun:
    """The question's run, continued with the wanted tokens. scored, off: these, with memory and
    without; row: the token that predicts the first one that failed."""

    asked: asking.Recalled
    trace: Trace
    scored: Scored
    off: Scored
    row: int

    @property
    def failed(self) -> int:
        """Index of the first wanted token that is not the most probable; 0 where all are."""
        return int(np.argmax(self.scored.rank > 1))


def see(checkpoint: Checkpoint, asked: asking.Recalled, lead: Ids, wanted: Ids) -> QuestionRun:
    """The question's run, continued with the tokens `lead` and `wanted` (A,), A >= 1."""
    trace = probe.along(checkpoint, asked.trace, np.r_[lead, wanted])
    first = len(asked.trace) - 1 + len(lead)
    scored = probe.scored_rows(checkpoint, trace, first, wanted)
    off = _off(checkpoint, trace)
    off_scored = probe.scored_rows(checkpoint, off, first + len(off) - len(trace), wanted)
    return QuestionRun(asked, trace, scored, off_scored, first + int(np.argmax(scored.rank > 1)))


def target(
    checkpoint: Checkpoint, state: MemoryState, fact: ToldSentence, seen: QuestionRun
) -> tuple[int, ...]:
    """The told position of the wanted token that failed: the token with the same id, else the one
    at the same place in the answer."""
    ids = tokens.encode_part(checkpoint.tokenizer, state.prompts[fact.prompt - 1])
    same = [i for i in fact.wanted if ids[i] == seen.scored.ids[seen.failed]]
    return tuple(same[:1]) or (fact.wanted[min(seen.failed, len(fact.wanted) - 1)],)


def _off(checkpoint: Checkpoint, trace: Trace) -> Trace:
    """The same tokens with memory off."""
    begun = borders.start_length(checkpoint, trace.ids)
    return run(checkpoint, trace.ids if begun else borders.with_start(checkpoint, trace.ids))
