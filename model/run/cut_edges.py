"""Edges of attention that one run cuts: a query no longer reads a key, or reads it by another score.

They enter as an argument of the run, in the mask of transformers' fused attention; nothing is stored
on the model. Knows nothing of why. H heads, t new tokens, S keys, D head width.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class CutEdge:
    """query, key: tokens of the prompt, or with `slot` the key is a slot of the run's reading, by its
    place there. layer, head: None = all. factor: what the score q·k is multiplied by before the
    softmax; None: the score becomes −∞, so the weight is 0."""

    query: int
    key: int
    layer: int | None = None
    head: int | None = None
    factor: float | None = None
    slot: bool = False


@dataclass(frozen=True, eq=False)
class CutEdges:
    """The edges that a run cuts."""

    edges: Sequence[CutEdge]

    def mask(
        self, layer: int, query: torch.Tensor, key: torch.Tensor, mask: torch.Tensor | None,
        n_local: int, scaling: float,
    ) -> torch.Tensor | None:
        """What is added to a layer's scores of query (1,H,t,D) and key (1,H,S,D), of which the last
        n_local are the prompt's own, (1,H,t,S); `mask` itself where nothing is cut here."""
        first, n_memory = n_local - query.shape[2], key.shape[2] - n_local
        here = [edge for edge in self.edges if edge.layer in (None, layer) and edge.query >= first]
        if not here:
            return mask
        added = _added(query, key, mask, n_memory)
        factor = torch.ones_like(added)
        for edge in here:
            heads = slice(None) if edge.head is None else slice(edge.head, edge.head + 1)
            at, column = edge.query - first, edge.key + (0 if edge.slot else n_memory)
            if edge.factor is None:
                added[0, heads, at, column] = -torch.inf
            else:
                factor[0, heads, at, column] *= edge.factor
        if (factor == 1).all():
            return added
        return added + (factor - 1) * (query @ key.transpose(2, 3)) * scaling


def _added(
    query: torch.Tensor, key: torch.Tensor, mask: torch.Tensor | None, n_memory: int
) -> torch.Tensor:
    """A mask, or the causal one behind the memory for None, as numbers to add, (1,H,t,S); a copy."""
    n_queries, n_keys = query.shape[2], key.shape[2]
    if mask is None:
        mask = torch.ones(n_queries, n_keys, dtype=torch.bool, device=query.device)
        mask = mask.tril(n_keys - n_queries)[None, None]
    if mask.dtype == torch.bool:
        mask = torch.zeros_like(mask, dtype=query.dtype).masked_fill_(~mask, -torch.inf)
    return mask.expand(1, query.shape[1], n_queries, n_keys).clone()
