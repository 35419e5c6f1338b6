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
                replace(fact, wanted=tuple(
                    run_that_says(checkpoint, ids, range(fact.start, fact.stop), answer)))
                for fact in sentences(checkpoint, text, number) if says(fact.text, answer)
            ]
    return found


def _fact(checkpoint: Checkpoint, ids: Ids, prompt: int, start: int, stop: int) -> ToldSentence:
    return ToldSentence(
        prompt, start, stop, tokens.decode(checkpoint.tokenizer, ids[start:stop]).strip()
    )


def run_that_says(checkpoint: Checkpoint, ids: Ids, within: range, answer: str) -> range:
    """The shortest run of tokens that says the answer, which all of `within` say: its first end, then
    its last start."""
    def said(start: int, stop: int) -> bool:
        return says(tokens.decode(checkpoint.tokenizer, ids[start:stop]), answer)

    first, stop = within.start, within.stop
    end = next(e for e in range(first + 1, stop + 1) if said(first, e) and said(first, min(e + 1, stop)))
    start = next(s for s in range(end - 1, first - 1, -1) if said(s, end))
    return range(start, end)
