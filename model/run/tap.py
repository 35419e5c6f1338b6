"""The tap: what a run of transformers' own GPT-2 lets us see. Knows nothing of prompts.

Two openings, both without any state on the model. An attention function registered with
transformers receives this run's `tap=` as an argument and hands it q, k and v before it calls
transformers' own fused attention. A hook on every LayerNorm hands its input, which is the residual
stream, to the tap that is current in this thread.
"""

from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import Any, Protocol

import torch
from torch import nn
from transformers import AttentionInterface, AttentionMaskInterface, GPT2LMHeadModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask
from transformers.models.gpt2.modeling_gpt2 import GPT2Attention

from model.grafts import graft as grafts
from model.grafts.blocks import blocks
from model.grafts.context import current
from model.grafts.reading import Reading
from model.run import patch as patches
from model.run import turn
from model.run.cut_edges import CutEdges

ATTENTION = "mnemoscope"

_current: ContextVar["Tap | None"] = ContextVar("mnemoscope_tap", default=None)


class AttentionTap(Protocol):
    """What a run hands to the attention function as `tap=`."""

    def see_attention(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor
    ) -> None:
        """A layer's q (B,H,t,D), and its k and v (B,H,S,D), of which the last t are new."""


class Attending(Protocol):
    """Takes the place of the attention itself: rows that read keys and values of their own."""

    def attend(
        self, module: GPT2Attention, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor,
        scaling: float, **kwargs: Any,
    ) -> torch.Tensor:
        """A layer's q, k, v of the new tokens (B,H,t,D) -> what attention mixed, (B,t,H,D)."""


class Tap:
    """Collects the new rows of one run of one prompt (batch 1); t = number of rows run."""

    def __init__(self) -> None:
        self.q: list[torch.Tensor] = []  # per layer (H,t,D)
        self.k: list[torch.Tensor] = []
        self.v: list[torch.Tensor] = []
        self.stream: list[torch.Tensor] = []  # 2L+1 of (t,C)
        self.query: list[torch.Tensor] = []  # (t,C), the stream that queried the external memory

    def see_attention(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor
    ) -> None:
        """query (1,H,t,D); key, value (1,H,S,D) with the cache in front: only the last t are new.

        Without a cache all three are views of what c_attn gave, (t,3C), and stay in it."""
        t = query.shape[2]
        new = [query[0], key[0, :, -t:], value[0, :, -t:]]
        if key.shape[2] > t:  # views would keep the whole cache
            new = [x.clone() for x in new]
        for kept, seen in zip((self.q, self.k, self.v), new):
            kept.append(seen)

    def see_stream(self, stream: torch.Tensor) -> None:
        """The residual stream (1,t,C) before a LayerNorm."""
        self.stream.append(stream[0])

    def see_query(self, stream: torch.Tensor) -> None:
        """The stream (1,t,C) that queries the external memory."""
        self.query.append(stream[0])

    def open(self) -> AbstractContextManager["Tap"]:
        """While open, the residual stream of this thread's run flows into this tap."""
        return current(_current, self)


def tapped_attention(
    module: GPT2Attention,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    tap: AttentionTap | None = None,
    memory: Reading | Attending | None = None,
    patch: patches.Patch | None = None,
    cuts: CutEdges | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """transformers' SDPA attention. First this call's tap gets q, k and v; this call's cuts change
    its mask; last, this call's patch may replace what the heads wrote. Before all that, others may
    run (turn.give_way).

    With a `memory` attention goes over Memory ∪ Local in one softmax.
    """
    turn.give_way()
    if tap is not None:
        tap.see_attention(query, key, value)
    if memory is not None and not isinstance(memory, Reading):
        return memory.attend(module, query, key, value, **kwargs), None
    n_local, layer = key.shape[2], module.layer_idx
    if memory is not None:
        key, value, attention_mask = memory.join(layer, key, value, attention_mask, query)
    if cuts is not None:
        attention_mask = cuts.mask(layer, query, key, attention_mask, n_local, kwargs["scaling"])
    mixed, weights = sdpa_attention_forward(module, query, key, value, attention_mask, **kwargs)
    return mixed if patch is None else patch.mix_heads(layer, mixed), weights


AttentionInterface.register(ATTENTION, tapped_attention)
AttentionMaskInterface.register(ATTENTION, sdpa_mask)


def attach(model: GPT2LMHeadModel) -> None:
    """Make a GPT2LMHeadModel tappable: our attention function, hooks that hold no state."""
    model.set_attn_implementation(ATTENTION)
    body = model.transformer
    norms = [norm for block in blocks(model) for norm in (block.ln_1, block.ln_2)] + [body.ln_f]
    for norm in norms:
        norm.register_forward_pre_hook(_see_stream)
    patches.attach(model)
    grafts.attach(model, _see_query)


def _see_stream(norm: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
    tap = _current.get()
    if tap is not None:
        tap.see_stream(inputs[0])


def _see_query(stream: torch.Tensor) -> None:
    tap = _current.get()
    if tap is not None:
        tap.see_query(stream)
