"""The stored keys and values that one run reads: in every layer they come before its own.

Knows nothing of where they come from.
"""

from dataclasses import dataclass

import numpy as np
import torch

SHORT = 16  # tokens of a prompt before whose end memory needs no help


@dataclass(frozen=True, eq=False)
class Reading:
    """What one run may read: M slots' keys and values (L,H,M,D), and where its positions begin.

    kept (M,): which slots of the bank these are. strength: added to every memory score before the
    softmax, in nats; 0 = GPT-2's own arithmetic, −inf = no memory. apart: the memory was read apart
    from the prompt, and `added` grows with the prompt. behind_first: the prompt's
    first token stands in front of the memory, at position 0, and reads none of it.
    """

    keys: torch.Tensor
    values: torch.Tensor
    kept: np.ndarray
    start: int
    strength: float = 0.0
    behind_first: bool = False
    apart: bool = False

    def added(self, first: int, last: int) -> torch.Tensor:
        """Nats that are added to the memory scores of the tokens `first` to `last` - 1, (last - first,).

        A token with n tokens of its own before it shares its softmax among them all; what was told
        apart would fade with n. So half of ln(n / SHORT) is added from SHORT tokens on.
        """
        n = torch.arange(first, last, dtype=torch.float32) + 1
        more = (n / SHORT).clamp(min=1).log() / 2 if self.apart else torch.zeros_like(n)
        return more + self.strength

    def positions(self, first: int, last: int) -> torch.Tensor:
        """Positions of the prompt's tokens `first` to `last` - 1, (last - first,)."""
        places = torch.arange(first, last) + self.start
        return places * (torch.arange(first, last) > 0) if self.behind_first else places

    def is_seen_whole(self, first: int, last: int) -> bool:
        """Whether the tokens `first` to `last` - 1 see all there is with no score changed: a single
        new one does, where nothing is added."""
        return last - first == 1 and not self.added(first, last).any()

    def join(
        self,
        layer: int,
        key: torch.Tensor,
        value: torch.Tensor,
        mask: torch.Tensor | None,
        query: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """This layer's local key and value (1,H,S,D) and mask -> the same with memory in front."""
        n_memory, (n_query, n_local) = len(self.kept), (query.shape[2], key.shape[2])
        keys = torch.cat([self.keys[layer][None].to(key), key], dim=2)
        values = torch.cat([self.values[layer][None].to(value), value], dim=2)
        first = n_local - n_query
        if n_local > 1 and self.is_seen_whole(first, n_local):  # the newest token sees everything
            return keys, values, None
        if mask is None or self.behind_first:  # the gap in positions looks like two texts to it
            mask = torch.ones(n_query, n_local, dtype=torch.bool, device=key.device)
            mask = mask.tril(n_local - n_query)[None, None]
        seen = mask.new_ones(*mask.shape[:-1], n_memory)
        if self.behind_first and n_query == n_local:
            seen[..., 0, :] = False
        mask = torch.cat([seen, mask], dim=-1)
        added = self.added(first, n_local)
        if added.any():
            mask = torch.zeros_like(mask, dtype=key.dtype).masked_fill_(~mask, -torch.inf)
            mask[..., :n_memory] += added.to(mask)[:, None]
        return keys, values, mask
