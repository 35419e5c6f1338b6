"""What the Start page computes of this model and this prompt. No looks."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from components.frame import results, visit
from model.analysis import five_memories, flow, lens, logit_flow
from model.memory.state import MemoryState
from model.run import predict, tokens
from model.run.store import RunKey
from model.run.trace import Trace, logits_at

N_NEXT = 6  # next tokens that are listed


def memories() -> five_memories.FiveMemories:
    """The five kinds of memory, counted for this model and this prompt."""
    if visit.trace() is None:
        return visit.of_model(five_memories.count, None)
    return visit.derived(five_memories.count)


@dataclass(frozen=True, eq=False)
class Seen:
    """A run to look at. names: T display strings; n_start: 1 where <|endoftext|> was put in front of
    the prompt; key: what, beside the prompt, the run depends on; state: the memory that it read,
    None if none."""

    trace: Trace
    names: list[str]
    n_start: int
    key: tuple
    state: MemoryState | None


def seen(moment, with_memory: bool) -> Seen | None:
    """The run of the prompt, None where it is empty. moment: what the Memory page looks at, None
    where nothing was told: then, and where the prompt does not fit beside the memory, the prompt
    is run alone."""
    asked = None if moment is None else moment.asked
    if asked is None:
        trace = visit.trace()
        return None if trace is None else Seen(trace, visit.token_texts(), 0, (), None)
    if not with_memory:
        return Seen(asked.plain, visit.show_tokens(asked.plain.ids), 1, ("plain",), None)
    key = (asked.key, asked.settings)
    return Seen(asked.recalled.trace, asked.names, asked.n_start, key, moment.state)


@dataclass(frozen=True, eq=False)
class Whole:
    """The model at one token: what flows into it; the most probable next token at each of its L+1
    stations, `words` visible strings and `probability` (L+1,); what comes next."""

    flow: flow.Flow
    words: list[str]
    probability: np.ndarray
    next: predict.TopTokens


def whole(one: Seen, position: int) -> Whole:
    """Everything the picture shows of a run at one of its tokens."""
    return _computed("the whole model", _whole, one, position)


def logit(one: Seen, position: int, token: int) -> logit_flow.LogitFlow:
    """One logit of a run in its parts."""
    return _computed("a logit by what was read", logit_flow.split, one, position, token)


def _computed(what: str, compute, one: Seen, *given):
    key = RunKey.with_memory(visit.checkpoint(), what, one.trace.ids, one.key, *given)
    return results.computed(key, partial(compute, visit.checkpoint(), one.trace, *given))


def _whole(checkpoint, trace: Trace, position: int) -> Whole:
    ids, probability = lens.best_words(checkpoint, trace, position)
    behind = logits_at(checkpoint, trace, position)
    return Whole(
        flow.follow(checkpoint, trace, position), tokens.display(checkpoint.tokenizer, ids), probability,
        predict.top_tokens(checkpoint, behind, N_NEXT),
    )
