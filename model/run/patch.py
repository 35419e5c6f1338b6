"""A patch: outputs that one run writes in place of its own. Knows nothing of why.

Nothing is stored on the model: heads are replaced through this run's `patch=` argument of the
attention function, MLPs and blocks by hooks that look at the patch current in this thread.
B batch, T tokens, H heads, D head width, C model width.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import nn
from transformers import GPT2LMHeadModel

from model.grafts.blocks import blocks
from model.grafts.context import current

_current: ContextVar["Patch | None"] = ContextVar("mnemoscope_patch", default=None)

Replaced = tuple[torch.Tensor, torch.Tensor]  # which (bool, broadcasts over the output), by what


@dataclass(frozen=True, eq=False)
class Patch:
    """Per layer: where an output is replaced, and by what; a layer left out runs as it is.

    heads: which (H,1) or (B,1,H,1), values (H,D), before the output projection.
    mlps: which (1,) or (B,1,1), values (C,), the MLP's output with its bias.
    blocks: which (1,) or (B,1,1), values (C,), what the whole block adds; zeros skip the block.
    """

    heads: Mapping[int, Replaced] = field(default_factory=dict)
    mlps: Mapping[int, Replaced] = field(default_factory=dict)
    blocks: Mapping[int, Replaced] = field(default_factory=dict)

    def open(self) -> AbstractContextManager["Patch"]:
        """While open, the runs of this thread write the patch's values."""
        return current(_current, self)

    def mix_heads(self, layer: int, mixed: torch.Tensor) -> torch.Tensor:
        """mixed (B,T,H,D), the heads' outputs of a layer -> the same with some replaced."""
        if layer not in self.heads:
            return mixed
        which, values = self.heads[layer]
        return torch.where(which, values, mixed)


def attach(model: GPT2LMHeadModel) -> None:
    """Two hooks a block, without effect while no patch is open."""
    for layer, block in enumerate(blocks(model)):
        block.mlp.register_forward_hook(partial(_patch_mlp, layer))
        block.register_forward_hook(partial(_patch_block, layer))


def _patch_mlp(
    layer: int, mlp: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor
) -> torch.Tensor | None:
    patch = _current.get()
    if patch is None or layer not in patch.mlps:
        return None
    which, values = patch.mlps[layer]
    return torch.where(which, values, output)


def _patch_block(
    layer: int, block: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor
) -> torch.Tensor | None:
    patch = _current.get()
    if patch is None or layer not in patch.blocks:
        return None
    which, added = patch.blocks[layer]
    return torch.where(which, inputs[0] + added, output)
