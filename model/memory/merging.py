"""Merging instead of evicting: finds the two most similar slots and joins their rows.

The idea of merging caches (arXiv:2402.05099). Knows nothing of layers and files.
"""

from dataclasses import replace

import numpy as np
import torch

from model.memory.slots import Slots


def most_alike(keys: torch.Tensor, pinned: np.ndarray) -> tuple[int, int]:
    """keys (M,K), M >= 2; pinned (M,) bool -> (older, younger) of the two slots of largest cosine.

    Pinned slots are not merged while two others can be; after that, all slots can.
    """
    flat = torch.nn.functional.normalize(keys.float(), dim=1)
    alike = (flat @ flat.T).fill_diagonal_(-torch.inf)
    held = torch.as_tensor(pinned, device=alike.device)
    if (~held).sum() >= 2:
        alike[held] = alike[:, held] = -torch.inf
    old, young = sorted(divmod(int(alike.argmax()), len(keys)))
    return old, young


def folded(table: Slots, old: int, young: int) -> Slots:
    """The table with the younger slot's reads and pin added to the older one, which keeps its own
    provenance; the younger slot's row is not removed yet."""
    reads = {name: getattr(table, name).copy() for name in ("n_reads", "total_read", "last_read")}
    for column in reads.values():
        column[old] += column[young]
    pinned = table.pinned.copy()
    pinned[old] |= pinned[young]
    return replace(table, pinned=pinned, **reads)
