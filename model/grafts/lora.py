"""LoRA: low-rank changes of the attention's q, k, v projections, only in runs that read memory.

Hu et al. 2021 (arXiv:2106.09685): x·down·up beside the frozen matrix, `up` zero at the start, scale
2 (alpha = 2·rank). The matrices belong to the memory, and a hook of the run adds them: adapters put
into the model itself (as the peft package does) would change it for every visitor. Training, on a
model of its own, takes the same hook, because each of its steps reads with the adapters and without,
and what it learned is read here: peft there would need a switch twice a step and both directions of a
translation. peft reads the same matrices from model.grafts.adapter's folder. A trained LoRA changes
the base wherever it is on; if there is nothing to read, it is off.
"""

import torch
from torch import nn

SCALE = 2.0


class Lora(nn.Module):
    """down (L,C,R), up (L,R,3C) for the c_attn of each of L blocks."""

    def __init__(self, layers: int, width: int, rank: int) -> None:
        super().__init__()
        self.down = nn.Parameter(torch.randn(layers, width, rank) * width**-0.5)
        self.up = nn.Parameter(torch.zeros(layers, rank, 3 * width))

    def added(self, layer: int, x: torch.Tensor) -> torch.Tensor:
        """x (B,T,C), what c_attn of a block reads -> what is added to q, k and v (B,T,3C)."""
        return SCALE * (x @ self.down[layer] @ self.up[layer])
