"""Attention of a batch whose rows each read keys and values of their own. Knows nothing of prompts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers.models.gpt2.modeling_gpt2 import GPT2Attention

from model.grafts.reading import Reading
from model.run import causal

LARGE = 48  # tokens of a block that is read where it lies; smaller ones are joined


@dataclass(frozen=True, eq=False)
class Beside:
    """What each of B rows reads besides its own t new tokens: its earlier keys and values, in every
    layer blocks of (H,s,D) in order; a reading or None, and the nats (t,1) that are added to its
    memory scores."""

    keys: list[list[tuple[torch.Tensor, ...]]]  # [row][layer]
    values: list[list[tuple[torch.Tensor, ...]]]
    readings: list[Reading | None]
    added: list[torch.Tensor | None]

    def attend(
        self, module: GPT2Attention, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor,
        scaling: float, **kwargs: Any,
    ) -> torch.Tensor:
        """q, k, v of the new tokens (B,H,t,D) -> what attention mixed, (B,t,H,D)."""
        layer, found = module.layer_idx, []
        for b, (reading, added) in enumerate(zip(self.readings, self.added)):
            keys, values = (*self.keys[b][layer], key[b]), (*self.values[b][layer], value[b])
            read = None if reading is None else (
                reading.keys[layer].to(query), reading.values[layer].to(query))
            found.append(mixed(query[b] * scaling, few(keys), few(values), read, added))
        return torch.stack(found).transpose(1, 2)


def few(blocks: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Blocks of (H,s,D) -> the large ones as they lie, then the small ones and the last as one."""
    large = [x for x in blocks[:-1] if x.shape[1] >= LARGE]
    small = [x for x in blocks[:-1] if x.shape[1] < LARGE]
    return [*large, torch.cat([*small, blocks[-1]], dim=1)]


def mixed(
    q: torch.Tensor, keys: list[torch.Tensor], values: list[torch.Tensor],
    read: tuple[torch.Tensor, torch.Tensor] | None = None, added: torch.Tensor | None = None,
) -> torch.Tensor:
    """Scaled q (H,t,D) over blocks of keys and values (H,s,D), whose last t tokens are its own, and
    over what is read of a memory: one softmax -> (H,t,D). No block is copied."""
    scores = [q @ k.transpose(1, 2) for k in keys]  # (H,t,s) each
    if q.shape[1] > 1:
        scores[-1] = causal.without_future(scores[-1], keys[-1].shape[1] - q.shape[1])
    if read is not None:
        memory = q @ read[0].transpose(1, 2)
        scores = [memory if added is None else memory + added.to(memory), *scores]
        values = [read[1], *values]
    weights = torch.cat(scores, dim=-1).softmax(-1, dtype=torch.float32).to(q)
    shares: Sequence[torch.Tensor] = weights.split([v.shape[1] for v in values], dim=-1)
    found = shares[0] @ values[0]
    for share, v in zip(shares[1:], values[1:]):
        found = torch.baddbmm(found, share, v)
    return found
