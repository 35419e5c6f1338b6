"""Attention of a batch whose rows each read keys and values of their own. Knows nothing of prompts."""

from dataclasses import dataclass
from typing import Any

import torch
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.models.gpt2.modeling_gpt2 import GPT2Attention

from model.grafts.reading import Reading


@dataclass(frozen=True, eq=False)
class Beside:
    """What each of B rows reads besides its own t new tokens: its earlier keys and values, in every
    layer blocks of (H,s,D) in order, and a reading or None."""

    keys: list[list[tuple[torch.Tensor, ...]]]  # [row][layer]
    values: list[list[tuple[torch.Tensor, ...]]]
    readings: list[Reading | None]

    def attend(
        self, module: GPT2Attention, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor,
        **kwargs: Any,
    ) -> torch.Tensor:
        """q, k, v of the new tokens (B,H,t,D) -> what attention mixed, (B,t,H,D)."""
        layer, mixed = module.layer_idx, []
        for b, reading in enumerate(self.readings):
            q, mask = query[b : b + 1], None
            front: tuple[torch.Tensor, ...] = ()
            n_old = sum(block.shape[1] for block in self.keys[b][layer])
            if reading is not None and reading.is_seen_whole(n_old, n_old + q.shape[2]):
                front = reading.keys[layer].to(q), reading.values[layer].to(q)
            k = torch.cat([*front[:1], *self.keys[b][layer], key[b]], dim=1)[None]
            v = torch.cat([*front[1:], *self.values[b][layer], value[b]], dim=1)[None]
            if reading is not None and not front:
                k, v, mask = reading.join(layer, k, v, None, q)
            elif q.shape[2] > 1:
                mask = q.new_ones(q.shape[2], k.shape[2], dtype=torch.bool)
                mask = mask.tril(k.shape[2] - q.shape[2])[None, None]
            mixed.append(sdpa_attention_forward(module, q, k, v, mask, **kwargs)[0])
        return torch.cat(mixed)
