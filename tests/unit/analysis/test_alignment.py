"""Tokens that stand for each other: longest common subsequence, gaps of equal size in order."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from model.analysis import alignment

SHORT = st.lists(st.integers(0, 3), max_size=8)


def longest_by_trying(a, b):
    """The length of the longest common subsequence, by trying all of them."""
    for n in range(min(len(a), len(b)), 0, -1):
        others = set(itertools.combinations(b, n))
        if any(part in others for part in itertools.combinations(a, n)):
            return n
    return 0


@given(SHORT, SHORT)
def test_the_common_subsequence_is_a_longest_one(a, b):
    pairs = alignment._common(np.array(a), np.array(b))
    assert len(pairs) == longest_by_trying(a, b)
    assert all(a[i] == b[j] for i, j in pairs)
    assert pairs == sorted(pairs) and len({j for _, j in pairs}) == len(pairs)


@given(SHORT, SHORT)
def test_pairs_ascend_and_no_token_stands_for_two(a, b):
    found = alignment.by_subsequence(a, b)
    some = found[found != alignment.NONE]
    assert len(found) == len(a) and (np.diff(some) > 0).all()
    assert len(some) >= longest_by_trying(a, b)


def test_a_gap_of_equal_size_is_paired_in_order_and_no_other():
    assert alignment.by_subsequence([1, 2, 3, 4], [1, 8, 9, 4]).tolist() == [0, 1, 2, 3]
    assert alignment.by_subsequence([1, 2, 4], [1, 8, 9, 4]).tolist() == [0, -1, 3]
    assert alignment.by_subsequence([7, 1], [1]).tolist() == [-1, 0]


def test_equal_prompts_are_paired_by_position():
    ids = [5, 5, 6, 5]
    assert alignment.by_subsequence(ids, ids).tolist() == alignment.by_position(4, 4).tolist()
    assert alignment.by_position(3, 2).tolist() == [0, 1, -1]
