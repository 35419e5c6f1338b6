"""The words of a told fact that a question does not hold: some of them should be the answer.

Knows nothing of stores, nor of what a model computes.
"""

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from model.memory.english import NUMBERS, SMALL
from model.recall import near_miss
from model.recall.told_facts import ToldSentence, run_that_says
from model.recall.whole_words import is_spaceless, says
from model.run import tokens
from model.run.checkpoint import Checkpoint
from model.run.tokens import Ids

Places = tuple[int, ...]  # of neighbouring tokens


def runs(checkpoint: Checkpoint, ids: Ids, fact: ToldSentence, question: Ids) -> list[list[Places]]:
    """Neighbouring words that the question holds in no form; ids: of the told prompt. If it holds them
    all: all words; if the fact has no words: all its tokens as one."""
    texts = tokens.display(checkpoint.tokenizer, ids)
    words, old = _words(texts, fact), set(np.asarray(question).tolist())
    asked = near_miss.words(tokens.decode(checkpoint.tokenizer, question))

    def is_old(word: Places) -> bool:
        if _stands_alone(texts[word[0]]):
            return int(ids[word[0]]) in old
        return all(near_miss.has(asked, part) for part in near_miss.words(_text(checkpoint, ids, word)))

    new = [i for i, word in enumerate(words) if not is_old(word)] or list(range(len(words)))
    return [[words[i] for i in run] for run in _neighbours(new)] or [[tuple(range(fact.start, fact.stop))]]


def whole(run: list[Places]) -> Places:
    """The tokens from the first word's first to the last word's last."""
    return tuple(range(run[0][0], run[-1][-1] + 1))


def said(
    checkpoint: Checkpoint, ids: Ids, found: list[list[Places]], spoken: Ids
) -> tuple[Places, range] | None:
    """(the fact's words that a reply says, its own tokens that say them): the most words that stand
    together, of equally many the last. None if it says only small words, such as "in", or none."""
    reply = tokens.decode(checkpoint.tokenizer, spoken)

    def is_said(words: list[Places]) -> bool:
        text = _text(checkpoint, ids, whole(words))
        return _says_something(text) and says(reply, text)

    parts = [part for run in found for part in _parts(run, lambda word: says(reply, _text(checkpoint, ids, word)))]
    parts = [part for part in parts if is_said(part)] or [[w] for part in parts for w in part if is_said([w])]
    if not parts:
        return None
    best = whole(max(reversed(parts), key=len))
    return best, run_that_says(checkpoint, spoken, range(len(spoken)), _text(checkpoint, ids, best))


def _words(texts: list[str], fact: ToldSentence) -> list[Places]:
    """The tokens of each word of the sentence; texts: all tokens as they are shown."""
    found: list[Places] = []
    for i in range(fact.start, fact.stop):
        if any(c.isalnum() for c in texts[i]):
            goes_on = found and found[-1][-1] == i - 1 and not texts[i].startswith("·") and not (
                _stands_alone(texts[i]) or _stands_alone(texts[i - 1]))
            found[-1:] = [(*found[-1], i)] if goes_on else [*found[-1:], (i,)]
    return found


def _stands_alone(text: str) -> bool:
    """Whether a token is no part of a word between spaces: bytes of a letter, or a script without spaces."""
    return "‹" in text or any(is_spaceless(c) for c in text)


def _parts(run: list[Places], is_said: Callable[[Places], bool]) -> list[list[Places]]:
    """The longest stretches of a run whose every word is said."""
    return [[run[i] for i in part] for part in _neighbours([i for i, one in enumerate(run) if is_said(one)])]


def _neighbours(numbers: list[int]) -> list[list[int]]:
    """Rising numbers, cut where one is left out."""
    edges = [0, *(n for n in range(1, len(numbers)) if numbers[n] != numbers[n - 1] + 1), len(numbers)]
    return [numbers[a:b] for a, b in pairwise(edges) if b > a]


def _says_something(text: str) -> bool:
    words = {word.casefold() for word in near_miss.words(text)}
    return bool(words - SMALL or words & NUMBERS) or not words


def _text(checkpoint: Checkpoint, ids: Ids, places: Places) -> str:
    return tokens.decode(checkpoint.tokenizer, [ids[i] for i in places])
