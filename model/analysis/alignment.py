"""Which token of one prompt stands for which token of another. Knows nothing of models.

T tokens of the first prompt, S of the second.
"""

import numpy as np

from model.run.tokens import Ids

NONE = -1  # a token that no token stands for


def by_position(n_tokens: int, n_others: int) -> np.ndarray:
    """The token at the same place, (T,); NONE where the other prompt has ended."""
    places = np.arange(n_tokens)
    return np.where(places < n_others, places, NONE)


def by_subsequence(ids: Ids, others: Ids) -> np.ndarray:
    """ids (T,), others (S,) -> for each of the T tokens its token of the other prompt, (T,).

    Equal tokens of a longest common subsequence stand for each other. Between two of them, tokens
    stand for each other in order if there are as many on both sides; else none does (NONE).
    """
    ids, others = np.asarray(ids), np.asarray(others)
    found = np.full(len(ids), NONE)
    common = [*_common(ids, others), (len(ids), len(others))]
    i = j = 0
    for at, other in common:
        if at - i == other - j:
            found[i:at] = np.arange(j, other)
        if at < len(ids):
            found[at] = other
        i, j = at + 1, other + 1
    return found


def _common(ids: np.ndarray, others: np.ndarray) -> list[tuple[int, int]]:
    """The pairs of places of a longest common subsequence, ascending."""
    length = np.zeros((len(ids) + 1, len(others) + 1), dtype=np.int32)  # of what is left from (i,j) on
    for i in reversed(range(len(ids))):
        best = np.maximum(length[i + 1, :-1], length[i + 1, 1:] + (ids[i] == others))
        length[i, :-1] = np.maximum.accumulate(best[::-1])[::-1]
    pairs, i, j = [], 0, 0
    while i < len(ids) and j < len(others):
        if ids[i] == others[j]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif length[i + 1, j] >= length[i, j + 1]:
            i += 1
        else:
            j += 1
    return pairs
