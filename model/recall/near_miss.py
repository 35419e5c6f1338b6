"""A near miss: what memory answers was told of something else than what is asked.

"My dog is called Rex." was told, "What is my cat called?" is asked, "Rex" is said: in the place of
the told "dog" the question has "cat". Decided from the words alone: which stand in the same place,
and how common the model's tokenizer found them. It cannot tell a synonym from another thing.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import product
from os.path import commonprefix

import numpy as np

from model.memory import shared_words
from model.memory.asking import Recalled
from model.memory.slots import Slots
from model.memory.state import MemoryState
from model.recall.told_facts import ToldSentence
from model.run import tokens
from model.run.checkpoint import Checkpoint

COMMON = 1_000  # tokens that byte-pair merging made first: "what", "did", "his"; they name nothing
ALIKE = 0.7  # from which likeness on two spellings are forms of one word: "gave" and "give"


@dataclass(frozen=True)
class NearMiss:
    """fact: the told sentence that the answer's words come from; told, asked: its word, and the
    question's in the same place; lacks: the question's words, common ones left out, that it does not
    have; share: what of the weight of the question's words it has, 0 to 1 (shared_words.shares);
    fit: how well retrieval found that it fits (Recalled), None where only the EDM read it; is_read:
    False if memory found the near miss itself, and left it out (memory.told_of)."""

    fact: ToldSentence
    told: str
    asked: str
    lacks: tuple[str, ...]
    share: float
    fit: float | None
    is_read: bool = True


def find(
    checkpoint: Checkpoint, state: MemoryState, asked: Recalled, facts: Sequence[ToldSentence],
    question: str,
    said: str, without: str = "",
) -> NearMiss | None:
    """The near miss of an answer, None where it is none: every stored sentence that holds what
    memory said was told of something else. Of several the one that shares most with the question.
    Where nothing is read because of a near miss, that one.

    facts: the told sentences; said: the answer; without: the answer that the model gives without
    memory, whose words memory did not put there.
    """
    if asked.trace.reading is None and asked.trace.external_query() is None and asked.not_asked.nearest:
        return _left_out(checkpoint, state, asked, facts, question)
    new = _folded(said) - _folded(question) - _folded(without)
    texts = [fact.text for fact in facts]
    shares = dict(zip(facts, shared_words.shares(texts, question)))
    holding = [fact for fact in facts if _folded(fact.text) & new and _is_stored(state, fact)]
    most = max((len(_folded(fact.text) & new) for fact in holding), default=0)
    holding = [fact for fact in holding if len(_folded(fact.text) & new) == most]
    exchanged = [exchanged_word(checkpoint, fact.text, question, said) for fact in holding]
    pairs = [(fact, words) for fact, words in zip(holding, exchanged) if words is not None]
    if not holding or len(pairs) < len(holding):
        return None
    fact, (its_word, asked_word) = max(pairs, key=lambda pair: shares[pair[0]])
    lacks = _rare_lacking(checkpoint, question, fact)
    return NearMiss(fact, its_word, asked_word, lacks, float(shares[fact]), _fit(state, asked, fact))


def _left_out(
    checkpoint: Checkpoint, state: MemoryState, asked: Recalled, facts: Sequence[ToldSentence], question: str
) -> NearMiss | None:
    """The near miss that memory left out; of several the one that shares most with the question.
    None if its sentence is not among the facts."""
    nearest, shares = asked.not_asked.nearest, shared_words.shares([f.text for f in facts], question)
    same = [i for i, fact in enumerate(facts) if fact.text.strip() == nearest.strip()]
    if not same:
        return None
    pair, fact = asked.not_asked.pairs[nearest], facts[same[-1]]
    lacks = _rare_lacking(checkpoint, question, fact) or (pair.asked,)
    fit, share = _fit(state, asked, fact), float(shares[same[-1]])
    return NearMiss(fact, pair.told, pair.asked, lacks, share, fit, is_read=False)


def _rare_lacking(checkpoint: Checkpoint, question: str, fact: ToldSentence) -> tuple[str, ...]:
    return tuple(word for word in _lacking(question, fact.text)
                 if _commonness(checkpoint, word) >= COMMON)


def exchanged_word(checkpoint: Checkpoint, told: str, question: str, said: str) -> tuple[str, str] | None:
    """A told sentence's word and the question's in the same place, behind or before the same word;
    neither stands in the other text, in any form, nor in what is said. The least common pair; None
    where there is none that is less common than COMMON."""
    own, other = words(told), words(question)
    mine = [i for i, word in enumerate(own) if not has([*other, *words(said)], word)]
    its = [j for j, word in enumerate(other) if not has(own, word)]
    pairs = [(own[i], other[j]) for i, j in product(mine, its) if _same_place(own, i, other, j)]
    rare = {pair: min(_commonness(checkpoint, word) for word in pair) for pair in pairs}
    best = max(rare, key=rare.__getitem__, default=None)
    return best if best and rare[best] >= COMMON else None


def _same_place(own: list[str], i: int, other: list[str], j: int) -> bool:
    """Whether the word before both is the same, or the word behind both."""
    before = i > 0 and j > 0 and _is_same(own[i - 1], other[j - 1])
    behind = i + 1 < len(own) and j + 1 < len(other) and _is_same(own[i + 1], other[j + 1])
    return before or behind


def _is_same(one: str, other: str) -> bool:
    """Whether two words are forms of one: all but an ending, or spellings much alike."""
    one, other = one.casefold(), other.casefold()
    start = len(commonprefix([one, other]))
    short, long = sorted((len(one), len(other)))
    if one == other or (start >= 3 and start >= short - 1 and start >= long - 3):
        return True
    return start > 0 and SequenceMatcher(None, one, other).ratio() >= ALIKE


def _commonness(checkpoint: Checkpoint, word: str) -> int:
    """How late byte-pair merging made the word's token: a small number is a common word. A word of
    several tokens is behind all that have their own."""
    ids = tokens.encode_part(checkpoint.tokenizer, f" {word}")
    return int(ids[0]) if len(ids) == 1 else len(checkpoint.tokenizer) + int(ids.max(initial=0))


def _lacking(question: str, told: str) -> list[str]:
    own = words(told)
    return [word for word in dict.fromkeys(words(question)) if not has(own, word)]


def has(among: list[str], word: str) -> bool:
    """Whether one of these words is this one, in any form."""
    return any(_is_same(word, other) for other in among)


def words(text: str) -> list[str]:
    """A text's words, without the marks between them."""
    return re.findall(r"\w+", text)


def _folded(text: str) -> set[str]:
    return {word.casefold() for word in words(text)}


def _is_stored(state: MemoryState, fact: ToldSentence) -> bool:
    """Whether a store holds one of the sentence's tokens."""
    return any(_inside(table, fact).any() for table in _tables(state))


def _fit(state: MemoryState, asked: Recalled, fact: ToldSentence) -> float | None:
    table = state.bank.slots
    blocks = table.block[_inside(table, fact)]
    return max((asked.relevance[int(b)] for b in blocks if int(b) in asked.relevance), default=None)


def _tables(state: MemoryState) -> list[Slots]:
    return [state.bank.slots] + ([] if state.external is None else [state.external.slots])


def _inside(table: Slots, fact: ToldSentence) -> np.ndarray:
    """Which slots hold a token of the sentence, (M,) bool."""
    inside = (table.position >= fact.start) & (table.position < fact.stop)
    found: np.ndarray = (table.prompt == fact.prompt) & inside
    return found
