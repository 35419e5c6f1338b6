"""Summarising instead of evicting: sentences that would be evicted are folded into summary slots.

The oldest sentences leave, as under `fifo`, but their slots become one: the mean of their keys and
the mean of their values, weighted by salience. One slot of every SHARE is for summaries. A summary
covers neighbouring sentences, of one prompt if possible, and records every token that went into it
(slots.Origin). Knows nothing of layers and files.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from model.memory.slots import Origin, Slots

SHARE = 8  # one slot in 8, and at least one, may be a summary: 64 of 512, 16 of 128
LEAST = 1e-6  # a token's weight in the mean if its salience is 0 or below
APART = 2  # summaries of different prompts fold as if they were twice as large


def n_summaries(budget: int) -> int:
    """How many slots of a store may be summaries."""
    return -(-budget // SHARE)


def groups(table: Slots, budget: int) -> np.ndarray:
    """M slots -> (M,): the number, from 0, of the slot that each becomes part of; -1: it leaves.

    Slots that stay are alone in their group. Pinned slots stay untouched while they fit the budget;
    if they fill it, no other slot has a place. If the newest sentence alone is too long, it is cut
    at its start.
    """
    group, pinned = np.arange(len(table)), table.pinned & (table.pinned.sum() <= budget)
    if len(table) <= budget:
        return group
    left = budget - int(pinned.sum())
    few = min(n_summaries(budget), left)
    unit = _units(table, ~pinned, left - few)
    within = unit >= 0
    joined = np.full(unit.max() + 1, -1)
    if few:
        joined = _joined(*_extents(table, unit), few)
    group[within] = np.where(joined[unit[within]] < 0, -1, len(table) + joined[unit[within]])
    return _in_order(group)


def _units(table: Slots, free: np.ndarray, room: int) -> np.ndarray:
    """Number, from 0 by age, of what is folded together at first: each summary that may change and
    the slots of each sentence that leaves; -1: the slot stays."""
    summary = np.array([len(every) > 0 for every in table.origins], dtype=bool)
    raw = np.flatnonzero(free & ~summary)
    raw = raw[np.lexsort((table.block[raw], table.pinned[raw]))]  # what leaves first comes first
    mine = np.r_[np.flatnonzero(free & summary), raw[: _n_leaving(table.block[raw], room)]]
    mine = mine[np.lexsort((mine, ~summary[mine], table.block[mine]))]
    starts = np.diff(table.block[mine], prepend=-1) != 0
    starts |= summary[mine] | np.r_[False, summary[mine][:-1]]
    unit = np.full(len(table), -1)
    unit[mine] = np.cumsum(starts) - 1
    return unit


def _n_leaving(block: np.ndarray, room: int) -> int:
    """How many of these slots leave so that at most `room` stay: whole sentences from the front,
    and of the last one only as many slots as needed."""
    n_over = len(block) - room
    if n_over <= 0:
        return 0
    ends = np.r_[np.flatnonzero(np.diff(block)) + 1, len(block)]
    end = int(ends[np.searchsorted(ends, n_over)])
    return n_over if end == len(block) else end


def _extents(table: Slots, unit: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each of U units: how many tokens it holds, its first prompt and its last, (U,) each."""
    mine = np.flatnonzero(unit >= 0)
    own, n_units = unit[mine], unit.max() + 1
    sizes = np.bincount(own, weights=table.n_tokens[mine], minlength=n_units)
    first, last = np.full(n_units, np.iinfo(np.int64).max), np.zeros(n_units, dtype=np.int64)
    np.minimum.at(first, own, [_prompts(table, i)[0] for i in mine.tolist()])
    np.maximum.at(last, own, [_prompts(table, i)[1] for i in mine.tolist()])
    return sizes, first, last


def _prompts(table: Slots, i: int) -> tuple[int, int]:
    every = [origin.prompt for origin in table.origins[i]] or [int(table.prompt[i])]
    return min(every), max(every)


def _joined(sizes: np.ndarray, first: np.ndarray, last: np.ndarray, few: int) -> np.ndarray:
    """U units -> (U,): which of at most `few` summaries each goes into. The two neighbours that
    hold the fewest tokens together are folded first, the older among equals."""
    members = [[i] for i in range(len(sizes))]
    while len(members) > few:
        cost = (sizes[:-1] + sizes[1:]) * np.where(last[:-1] == first[1:], 1, APART)
        i = int(cost.argmin())
        sizes[i], last[i] = sizes[i] + sizes[i + 1], last[i + 1]
        members[i] += members.pop(i + 1)
        sizes, first, last = (np.delete(x, i + 1) for x in (sizes, first, last))
    joined = np.empty(sum(map(len, members)), dtype=np.int64)
    for number, units in enumerate(members):
        joined[units] = number
    return joined


def _in_order(group: np.ndarray) -> np.ndarray:
    """The same groups, numbered from 0 in the order of their first slots; -1 stays -1."""
    stays = group >= 0
    _, first, own = np.unique(group[stays], return_index=True, return_inverse=True)
    out = np.full(len(group), -1)
    out[stays] = np.argsort(np.argsort(first))[own]
    return out


def weights(table: Slots) -> np.ndarray:
    """The weight of each slot in a mean, (M,): its salience; for a summary, the sum of its
    tokens'."""
    return np.array([
        sum(max(s, LEAST) for o in every for s in o.saliences) if every else max(own, LEAST)
        for every, own in zip(table.origins, table.salience.tolist())
    ])


def means(rows: torch.Tensor, group: np.ndarray, weight: np.ndarray) -> torch.Tensor:
    """rows (M,…) of M slots, weight (M,) -> (G,…): each group's weighted mean. A slot that is alone
    in its group comes back bit for bit."""
    first, several = _firsts(group)
    out = rows[torch.as_tensor(first, device=rows.device)]
    inside = np.flatnonzero(np.r_[several, False][group])  # −1 is no group
    own = torch.as_tensor(group[inside], device=rows.device)
    share = torch.as_tensor(weight[inside], device=rows.device).double()
    total = share.new_zeros(len(first)).index_add_(0, own, share)
    part = rows[torch.as_tensor(inside, device=rows.device)].double()
    part = part * (share / total[own]).view(-1, *[1] * (rows.dim() - 1))
    summed = part.new_zeros(out.shape).index_add_(0, own, part)
    many = torch.as_tensor(several, device=rows.device)
    out[many] = summed[many].to(out.dtype)
    return out


def folded(table: Slots, group: np.ndarray) -> Slots:
    """The table after folding. A summary has the place and the word of its most salient token, the
    oldest block and the latest time of writing. Its reads are the sum of all; its `n_reads` is the
    largest of one (a prompt that read two of them counts once)."""
    first, several = _firsts(group)
    after = table.select(first)
    columns = {name: getattr(after, name).copy() for name in vars(after)}
    order = np.argsort(group, kind="stable")
    ends = np.searchsorted(group[order], np.arange(len(first) + 1))
    for number in np.flatnonzero(several):
        members = order[ends[number] : ends[number + 1]]
        for name, value in _summary(table, members).items():
            columns[name][number] = value
    return replace(after, **columns)


def _firsts(group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each group: its first slot, (G,), and whether it has several, (G,) bool."""
    numbers, first, sizes = np.unique(group, return_index=True, return_counts=True)
    return first[numbers >= 0], sizes[numbers >= 0] > 1


def _summary(table: Slots, members: np.ndarray) -> dict[str, Any]:
    members = members[np.lexsort((members, table.block[members]))]
    origins = _origins(table, members)
    said = [(o, i) for o in origins for i in range(len(o.positions))]
    head, at = max(said, key=lambda one: one[0].saliences[one[1]])  # the first among equals
    more = f" +{len(said) - 1}" if len(said) > 1 else ""
    return {
        "prompt": head.prompt, "position": head.positions[at], "token": head.tokens[at],
        "text": head.texts[at] + more, "around": head.around, "origins": origins,
        "block": table.block[members].min(), "written": table.written[members].max(),
        "salience": np.mean([o.saliences[i] for o, i in said]),
        "n_reads": table.n_reads[members].max(), "pinned": table.pinned[members].any(),
        "total_read": table.total_read[members].sum(),
        "last_read": table.last_read[members].sum(),
    }


def _origins(table: Slots, members: np.ndarray) -> tuple[Origin, ...]:
    """Where all of these slots came from, a sentence each."""
    found: list[Origin] = []
    for i in members:
        for new in table.origins[i] or (_own(table, i),):
            same = found and (found[-1].prompt, found[-1].around) == (new.prompt, new.around)
            if same:
                old = found.pop()
                new = Origin(
                    old.prompt, old.positions + new.positions, old.tokens + new.tokens,
                    old.texts + new.texts, old.saliences + new.saliences, old.around,
                )
            found.append(new)
    return tuple(found)


def _own(table: Slots, i: int) -> Origin:
    """The origin of a slot that one token wrote."""
    return Origin(
        int(table.prompt[i]), (int(table.position[i]),), (int(table.token[i]),),
        (str(table.text[i]),), (float(table.salience[i]),), str(table.around[i]),
    )
