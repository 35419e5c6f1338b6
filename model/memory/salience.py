"""How much a token deserves to be remembered. Every score has one signature.

One prompt's surprisal, the attention its tokens received and their keys in; one number a token
out, larger = more salient. Adding a score is one function, one line in SCORES and one test.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Evidence:
    """What scores may look at, T tokens of one prompt.

    surprisal (T,) bits, 0 for the first token, which nothing predicted; received (T,): the
    attention weight a token got from later ones, divided by how many could see it, mean over
    layers and heads; keys (T,K): its keys of all layers and heads; stored (M,K): those in memory;
    gate (T,): the logit of the trained gate, None where no memory was trained for this model.
    """

    surprisal: np.ndarray
    received: np.ndarray
    keys: np.ndarray
    stored: np.ndarray
    gate: np.ndarray | None = None


def everything(evidence: Evidence) -> np.ndarray:
    """Every token alike: all is written, eviction decides."""
    return np.ones(len(evidence.surprisal))


def surprisal(evidence: Evidence) -> np.ndarray:
    """−log2 p(token | before), in bits (EM-LLM, arXiv:2407.09450). Random text scores highest."""
    return evidence.surprisal


def novelty(evidence: Evidence) -> np.ndarray:
    """1 − the largest cosine of the token's keys to any stored slot's; 1 with an empty memory."""
    if not len(evidence.stored):
        return np.ones(len(evidence.keys))
    return 1 - (_unit(evidence.keys) @ _unit(evidence.stored).T).max(1)


def attention_received(evidence: Evidence) -> np.ndarray:
    """Attention received per query that could see the token (H2O, arXiv:2306.14048; divided as in
    kvpress). The first token, a sink, always wins: it is not stored."""
    return evidence.received


def learned_gate(evidence: Evidence) -> np.ndarray:
    """The trained gate's logit: above 0 it would rather write. It learned from answers, through the
    logarithm added to a slot's score (model.grafts.external), and from which words were values.

    Raises ValueError where nothing was trained.
    """
    if evidence.gate is None:
        raise ValueError(
            "the learned gate needs trained memory, and there is none for this model; choose "
            "another salience, or train: python -m model train memory"
        )
    return evidence.gate


SCORES = {
    "everything": everything,
    "surprisal": surprisal,
    "novelty": novelty,
    "attention received": attention_received,
    "learned gate": learned_gate,
}


def chosen(score: np.ndarray, unit: np.ndarray, threshold: float, best: int) -> np.ndarray:
    """score (T,), unit (T,): number of what is written whole (a sentence, or each token for itself)
    -> which tokens are written, (T,) bool: those of units whose mean score reaches the threshold,
    and of these only the `best` highest (0: all)."""
    units, inverse, sizes = np.unique(unit, return_inverse=True, return_counts=True)
    mean = np.bincount(inverse, weights=score) / sizes
    passing = mean >= threshold
    if best:
        order = np.argsort(np.where(passing, -mean, np.inf), kind="stable")
        passing[order[best:]] = False
    return passing[inverse]


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
