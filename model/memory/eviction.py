"""Eviction: which blocks leave when the memory is over its budget. Knows nothing of keys and
values.

A block is a sentence: its slots leave together, because half a sentence recalls nothing. Every
policy has one signature: the slot table and a random generator in, one number per block out; the
block with the smallest number leaves first. To add a policy, write one function, one line in
POLICIES and one test.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from model.memory.slots import Slots


def first_in_first_out(slots: Slots, blocks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The oldest leaves: block numbers grow with time."""
    return blocks.astype(np.float64)


def least_recently_read(slots: Slots, blocks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What was read least by the latest prompt that read the store leaves; the older of two alike (a
    soft LRU). The newer half stays: what was told just now could not be read yet."""
    return _of_older_half(blocks, _by_block(slots, blocks, slots.last_read, np.max))


def least_attended(slots: Slots, blocks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The smallest read weight ever gathered leaves: heavy hitters stay, beside the newer half (H2O,
    arXiv:2306.14048), a sentence at a time, and counting later prompts only, which H2O's simulation
    does not. Only prompts that read count: one that fusion was left out of adds nothing."""
    return _of_older_half(blocks, _by_block(slots, blocks, slots.total_read, np.max))


def least_salient(slots: Slots, blocks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The least salient leaves, by the mean of its tokens."""
    return _by_block(slots, blocks, slots.salience, np.mean)


def at_random(slots: Slots, blocks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Any block leaves (MemoryLLM drops at random, arXiv:2402.04624): the baseline."""
    return rng.random(len(blocks))


POLICIES = {
    "fifo": first_in_first_out,
    "least recently read": least_recently_read,
    "least attended": least_attended,
    "least salient": least_salient,
    "random": at_random,
}
NAMES = (*POLICIES, "merge", "summarise")  # the last two fold slots: see merging, summarising
TITLES = {  # who leaves, in words, of those whose name does not say it
    "fifo": "the oldest (first in, first out)", "merge": "nobody: merge the two most alike",
    "summarise": "the oldest, folded into summaries",
}


def title(policy: str) -> str:
    """Who leaves by this policy, in words."""
    return TITLES.get(policy, policy)


def keep(slots: Slots, budget: int, policy: str, rng: np.random.Generator) -> np.ndarray:
    """Indices of the slots that stay, in order, at most `budget` of them.

    Whole blocks leave, smallest number first; of equal ones, the older first. Pinned blocks stay,
    and newer blocks leave instead. The budget always holds: if only pinned blocks are left and they
    exceed it, they leave by the policy too. If the last block alone exceeds the budget, it is cut
    at its start. Raises ValueError for an unknown policy.
    """
    if policy not in POLICIES:
        raise ValueError(f"No policy {policy!r}. Choose one of {', '.join(NAMES)}.")
    blocks, sizes = np.unique(slots.block, return_counts=True)
    pinned = np.isin(blocks, slots.block[slots.pinned])
    order = np.lexsort((POLICIES[policy](slots, blocks, rng), pinned))  # pinned last; stable
    n_over = len(slots) - budget
    leaving: list[int] = []
    for index in order:
        if n_over <= 0 or len(leaving) == len(blocks) - 1:
            break
        leaving.append(blocks[index])
        n_over -= sizes[index]
    kept = np.flatnonzero(~np.isin(slots.block, leaving))
    return kept[max(0, len(kept) - budget):]


def _of_older_half(blocks: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The values of the older half of the sentences; the newer half leaves last."""
    n_older = (len(blocks) + 1) // 2  # blocks are in the order of their age
    return np.where(np.arange(len(blocks)) < n_older, values, np.inf)


def _by_block(
    slots: Slots, blocks: np.ndarray, values: np.ndarray, together: Callable[[np.ndarray], Any]
) -> np.ndarray:
    return np.array([together(values[slots.block == block]) for block in blocks])
