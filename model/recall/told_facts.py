"""Told sentences: the place of each, and which of its tokens belong to an answer.

Knows nothing of what is stored: a sentence is a fact whether memory kept it or not.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from model.memory import cuts
from model.recall.whole_words import says
from model.run import tokens
from model.run.checkpoint import Checkpoint
from model.run.tokens import Ids


@dataclass(frozen=True)
class ToldSentence:
    """One told sentence: the tokens start to stop - 1 of a prompt, counted from 1.

    wanted: positions of its tokens that should be said, () if that is not known.
    """

    prompt: int
    start: int
    stop: int
    text: str
    wanted: tuple[int, ...] = ()


def sentences(checkpoint: Checkpoint, text: str, prompt: int) -> list[ToldSentence]:
    """The sentences of a prompt, cut as memory cuts them."""
    ids, found = tokens.encode_part(checkpoint.tokenizer, text), []
    for window in cuts.windows(checkpoint, ids):
        number = cuts.sentences(tokens.display(checkpoint.tokenizer, ids[window]))
        edges = np.r_[0, np.flatnonzero(np.diff(number)) + 1, len(number)] + window.start
        found += [_fact(checkpoint, ids, prompt, int(a), int(b)) for a, b in pairwise(edges)]
    return found


def newest(checkpoint: Checkpoint, prompts: Sequence[str], most: int) -> list[ToldSentence]:
    """The last `most` told sentences, oldest first; older prompts are not cut at all."""
    found: list[ToldSentence] = []
    for number in range(len(prompts), 0, -1):
        found = sentences(checkpoint, prompts[number - 1], number) + found
        if len(found) >= most:
            break
    return found[-most:]


def holding(checkpoint: Checkpoint, prompts: Iterable[str], answer: str) -> list[ToldSentence]:
    """The told sentences that say the answer, oldest first, each with the answer's tokens."""
    found = []
    for number, text in enumerate(prompts, 1):
        if says(text, answer):
            ids = tokens.encode_part(checkpoint.tokenizer, text)
            found += [
                replace(fact, wanted=_wanted(checkpoint, ids, fact, answer))
                for fact in sentences(checkpoint, text, number) if says(fact.text, answer)
            ]
    return found


def _fact(checkpoint: Checkpoint, ids: Ids, prompt: int, start: int, stop: int) -> ToldSentence:
    return ToldSentence(
        prompt, start, stop, tokens.decode(checkpoint.tokenizer, ids[start:stop]).strip()
    )


def _wanted(checkpoint: Checkpoint, ids: Ids, fact: ToldSentence, answer: str) -> tuple[int, ...]:
    """The shortest run of tokens that says the answer: its first end, then its last start."""
    def said(start: int, stop: int) -> bool:
        return says(tokens.decode(checkpoint.tokenizer, ids[start:stop]), answer)

    ends = range(fact.start + 1, fact.stop + 1)
    end = next(e for e in ends if said(fact.start, e) and said(fact.start, min(e + 1, fact.stop)))
    start = next(s for s in range(end - 1, fact.start - 1, -1) if said(s, end))
    return tuple(range(start, end))
