"""Salience: how much a token deserves to be remembered. Every score has one signature.

In: one prompt's surprisal, the attention its tokens received, and their keys. Out: one number per
token, larger = more salient. To add a score, write one function, one line in SCORES and one test.

Some scores look at whole sentences: every token of a sentence gets the same number, so that one
telling word is not averaged away. Fusion writes and evicts whole sentences by the mean of their
tokens, which is then that number.
"""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from model.disk.called import command

USUAL = 128  # tokens from which on the others say as much about what is usual as they leave open


class Evidence(Protocol):
    """What scores may look at, T tokens of one prompt.

    surprisal (T,) bits, 0 for the first token, which nothing predicted; received (T,): the
    attention weight a token got from later ones, divided by how many could see it, mean over
    layers and heads; keys (T,K): its keys of all layers and heads; stored (M,K): those in memory;
    gate (T,): the logit of the trained gate, None where no memory was trained for this model.
    sentence (T,): number of each token's sentence, −1 for <|endoftext|>; rarity (T,) bits, see
    `rarity_of`; in_context (T,) bits: surprisal behind the end of what was told before.
    """

    @property
    def surprisal(self) -> np.ndarray: ...
    @property
    def received(self) -> np.ndarray: ...
    @property
    def keys(self) -> np.ndarray: ...
    @property
    def stored(self) -> np.ndarray: ...
    @property
    def gate(self) -> np.ndarray | None: ...
    @property
    def sentence(self) -> np.ndarray: ...
    @property
    def rarity(self) -> np.ndarray: ...
    @property
    def in_context(self) -> np.ndarray: ...


def everything(evidence: Evidence) -> np.ndarray:
    """The same for every token: all is written, eviction decides."""
    return np.ones(len(evidence.surprisal))


def surprisal(evidence: Evidence) -> np.ndarray:
    """−log2 p(token | before), in bits (EM-LLM, arXiv:2407.09450). Random text scores highest."""
    return evidence.surprisal


def surprisal_in_context(evidence: Evidence) -> np.ndarray:
    """−log2 p(token | the end of the text told before, the prompt so far), in bits: words that fit
    the conversation surprise less. EM-LLM (arXiv:2407.09450) reads a text this way."""
    return evidence.in_context


def peak_surprisal(evidence: Evidence) -> np.ndarray:
    """For each sentence, its largest surprisal, in bits. Long sentences have larger ones."""
    return _by_sentence(evidence, evidence.surprisal, np.max)


def peak_over_the_rest(evidence: Evidence) -> np.ndarray:
    """For each sentence, its largest surprisal minus its median: high if one word stands out."""
    return _by_sentence(evidence, evidence.surprisal, lambda bits: bits.max() - np.median(bits))


def peak_over_rarity(evidence: Evidence) -> np.ndarray:
    """For each sentence, the largest difference of a token's surprisal and its rarity, in bits:
    high for a word that is unexpected here, though it is not rare."""
    return _by_sentence(evidence, evidence.surprisal - evidence.rarity, np.max)


def peak_for_its_length(evidence: Evidence) -> np.ndarray:
    """For each sentence, its largest surprisal in context, divided by the root of its number of
    tokens: much news for few slots."""
    return _by_sentence(
        evidence, evidence.in_context, lambda bits: bits.max() / np.sqrt(len(bits))
    )


def apart(evidence: Evidence) -> np.ndarray:
    """For each sentence, 1 − the cosine of its mean key to the mean key of all other sentences, in
    memory and in the prompt: another topic or another style scores high.

    Few other tokens say little about what is usual: with n of them the cosine counts n / (n +
    USUAL). The first sentence of an empty memory gets 1. Without this factor the second of two
    sentences of one form ("My dog is called …", "My cat is called …") got almost nothing in a short
    conversation: eight prompts later memory held 17 % of them, with it all (12 pairs, embedded model).

    `novelty` compares with the nearest slot, which any common word has; this score does not.
    """
    units, own = np.unique(evidence.sentence, return_inverse=True)
    member = (own == np.arange(len(units))[:, None]) & (units >= 0)[:, None]  # not <|endoftext|>
    sums = member.astype(evidence.keys.dtype) @ evidence.keys  # (sentences, K)
    others = sums.sum(0) - sums + evidence.stored.sum(0)
    n = len(evidence.stored) + member.sum() - member.sum(1)
    cosine = (_unit(sums) * _unit(others)).sum(1) * n / (n + USUAL)
    different: np.ndarray = (1 - cosine)[own]
    return different


def apart_and_surprising(evidence: Evidence) -> np.ndarray:
    """`apart` times the sentence's mean surprisal in context: high if both the topic and the words
    are unexpected."""
    bits = _by_sentence(evidence, evidence.in_context, np.mean)
    both: np.ndarray = apart(evidence) * bits
    return both


def novelty(evidence: Evidence) -> np.ndarray:
    """1 − the largest cosine of the token's keys to any stored slot's; 1 with an empty memory."""
    if not len(evidence.stored):
        return np.ones(len(evidence.keys))
    nearest: np.ndarray = (_unit(evidence.keys) @ _unit(evidence.stored).T).max(1)
    return 1 - nearest


def attention_received(evidence: Evidence) -> np.ndarray:
    """Attention received per query that could see the token (H2O, arXiv:2306.14048; divided as in
    kvpress). The first token is a sink and always wins, so it is not stored. Tokens of a short
    prompt win over those of a long one, because fewer tokens share a query's attention."""
    return evidence.received


def learned_gate(evidence: Evidence) -> np.ndarray:
    """The trained gate's logit: above 0 it votes to write. It learned from answers, through the
    logarithm added to a slot's score (model.grafts.external), and from which words were values.

    Raises ValueError if no gate was trained.
    """
    if evidence.gate is None:
        raise ValueError(
            "The learned gate needs trained memory, and there is none for this model. Choose "
            f"another salience, or train: {command('train memory')}"
        )
    return evidence.gate


# Scores that depend on what was told before.
BEHIND = {"novelty", "apart", "apart and surprising", "surprisal in context", "peak for its length"}

SCORES = {
    "everything": everything,
    "surprisal": surprisal,
    "surprisal in context": surprisal_in_context,
    "peak surprisal": peak_surprisal,
    "peak over the rest": peak_over_the_rest,
    "peak over rarity": peak_over_rarity,
    "peak for its length": peak_for_its_length,
    "novelty": novelty,
    "apart": apart,
    "apart and surprising": apart_and_surprising,
    "attention received": attention_received,
    "learned gate": learned_gate,
}


def chosen(score: np.ndarray, unit: np.ndarray, threshold: float, best: int) -> np.ndarray:
    """score (T,), unit (T,): the number of the unit that is written whole (a sentence, or one
    token) -> which tokens are written, (T,) bool: those of units whose mean score reaches the
    threshold, and of these only the `best` highest (0: all)."""
    _, inverse, sizes = np.unique(unit, return_inverse=True, return_counts=True)
    mean = np.bincount(inverse, weights=score) / sizes
    passing = mean >= threshold
    if best:
        order = np.argsort(np.where(passing, -mean, np.inf), kind="stable")
        passing[order[best:]] = False
    return passing[inverse]


def rarity_of(ids: np.ndarray) -> np.ndarray:
    """log2 of each token's rank in the vocabulary, in bits. Byte pair encoding makes the pieces of
    frequent words first, and word frequencies fall roughly as 1 / rank (Zipf): so this is a rough
    measure of rarity that needs no counts."""
    return np.log2(np.asarray(ids, dtype=np.float64) + 2)


def _by_sentence(
    evidence: Evidence, values: np.ndarray, together: Callable[..., Any]
) -> np.ndarray:
    """values (T,) -> (T,): every token gets `together` of the values of its sentence."""
    units, own = np.unique(evidence.sentence, return_inverse=True)
    each = np.array([together(values[own == i]) for i in range(len(units))])
    every: np.ndarray = each[own]
    return every


def _unit(rows: np.ndarray) -> np.ndarray:
    units: np.ndarray = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return units
