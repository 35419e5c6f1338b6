"""What trained memory adds to one run. Nothing is stored on the model, and nothing is patched.

Hooks on transformers' own GPT-2 look at the graft that is open in this thread and add its memory's
output: over the embeddings (early), before a block in mid-stack (edm), before the LM head (late),
and LoRA, if trained, beside the projections to q, k and v. Without an open graft, or without these
modules, the run is GPT-2's, bit for bit.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import nn
from transformers import GPT2LMHeadModel

from model.grafts.blocks import blocks
from model.grafts.context import current
from model.grafts.external import Contents
from model.grafts.modules import Modules

_current: ContextVar["Graft | None"] = ContextVar("mnemoscope_graft", default=None)


@dataclass(frozen=True, eq=False)
class Graft:
    """What one run reads, B rows: a state (B,S·C) for early and late, slots for the EDM.

    None: that module is off, or carries nothing yet. lora: whether the adapters are on.
    """

    modules: Modules
    early: torch.Tensor | None = None
    late: torch.Tensor | None = None
    external: Contents | None = None
    lora: bool = False

    def without_external(self) -> "Graft | None":
        """The same without the EDM, LoRA unchanged; None if no other module is on."""
        if self.early is None and self.late is None and not self.lora:
            return None
        return replace(self, external=None)

    def open(self) -> AbstractContextManager["Graft"]:
        """While open, this thread's runs read this memory."""
        return current(_current, self)


def opened(graft: Graft | None) -> AbstractContextManager[Graft | None]:
    """`graft.open()`, or no context at all for None."""
    return nullcontext() if graft is None else graft.open()


def attach(model: GPT2LMHeadModel, see_query: Callable[[torch.Tensor], None]) -> None:
    """A hook before every block and one before the LM head, without effect while no graft is open.

    see_query: gets the stream (B,T,C) that queries the EDM, before the EDM's output is added.
    """
    for layer, block in enumerate(blocks(model)):
        block.register_forward_pre_hook(partial(_before_block, layer, see_query))
        block.attn.c_attn.register_forward_hook(partial(_beside_projection, layer))
    model.lm_head.register_forward_pre_hook(_before_head)


def _before_block(
    layer: int,
    see_query: Callable[[torch.Tensor], None],
    block: nn.Module,
    inputs: tuple[torch.Tensor, ...],
) -> tuple[torch.Tensor, ...] | None:
    graft = _current.get()
    if graft is None:
        return None
    stream = inputs[0]
    if layer == 0 and graft.early is not None:
        stream = stream + graft.modules.early.read(stream, graft.early).to(stream)
    if graft.external is not None and layer == graft.modules.external.layer:
        see_query(stream)
        stream = stream + graft.modules.external.read(stream, graft.external)[0].to(stream)
    return (stream, *inputs[1:])


def _before_head(
    head: nn.Module, inputs: tuple[torch.Tensor, ...]
) -> tuple[torch.Tensor] | None:
    graft = _current.get()
    if graft is None or graft.late is None:
        return None
    stream = inputs[0]
    rows = stream if stream.ndim == 3 else stream[None]  # (B,T,C)
    return (stream + graft.modules.late.read(rows, graft.late).to(stream).view_as(stream),)


def _beside_projection(
    layer: int, projection: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor
) -> torch.Tensor | None:
    graft = _current.get()
    if graft is None or not graft.lora or graft.modules.lora is None:
        return None
    return output + graft.modules.lora.added(layer, inputs[0]).to(output)
