"""The five kinds of memory of a GPT, counted for one model and one prompt. Draws nothing."""

from dataclasses import dataclass

import numpy as np
import torch
from transformers import GPT2LMHeadModel

from model.run.checkpoint import Checkpoint
from model.run.trace import Trace


@dataclass(frozen=True, eq=False)
class FiveMemories:
    """Every count is read from tensors that exist now.

    Parametric: n_parameters, parameter_bytes, parts (name -> parameters, sums to n_parameters).
    Context: n_tokens of the window's n_positions.
    Working: n_layers × n_heads × n_tokens × head_width keys, as many values; cache_bytes.
    Positional: position_table (n_positions, C) shape, position_bytes, and position_similarity
    (n_positions,): cosine of the last used position's vector to every position's.
    """

    n_parameters: int
    parameter_bytes: int
    parts: dict[str, int]
    n_tokens: int
    n_positions: int
    n_layers: int
    n_heads: int
    head_width: int
    cache_bytes: int
    cache_bytes_per_token: int
    position_table: tuple[int, int]
    position_bytes: int
    position_similarity: np.ndarray


@torch.inference_mode()
def count(checkpoint: Checkpoint, trace: Trace | None) -> FiveMemories:
    """Count the memories of a checkpoint and of a prompt's trace (None: the empty prompt)."""
    config, table = checkpoint.model.config, checkpoint.model.transformer.wpe.weight
    parameters = list(checkpoint.model.parameters())  # tied tensors come once
    n_tokens = 0 if trace is None else len(trace)
    used = table[max(n_tokens - 1, 0)]
    return FiveMemories(
        n_parameters=sum(p.numel() for p in parameters),
        parameter_bytes=sum(p.numel() * p.element_size() for p in parameters),
        parts=_parts(checkpoint.model),
        n_tokens=n_tokens,
        n_positions=config.n_positions,
        n_layers=config.n_layer,
        n_heads=config.n_head,
        head_width=config.n_embd // config.n_head,
        cache_bytes=0 if trace is None else trace.cache_bytes,
        cache_bytes_per_token=2 * config.n_layer * config.n_embd * table.element_size(),
        position_table=(config.n_positions, config.n_embd),
        position_bytes=table.numel() * table.element_size(),
        position_similarity=torch.cosine_similarity(table.float(), used[None].float()).cpu().numpy(),
    )


def _parts(model: GPT2LMHeadModel) -> dict[str, int]:
    rooms = {"wte": "token embedding", "wpe": "position embedding", "attn": "attention"}
    rooms |= {"mlp": "MLP", "ln_1": "layer norm", "ln_2": "layer norm", "ln_f": "layer norm"}
    parts = dict.fromkeys(rooms.values(), 0) | {"unembedding": 0}
    for name, tensor in model.named_parameters():
        room = next((rooms[word] for word in name.split(".") if word in rooms), "unembedding")
        parts[room] += tensor.numel()
    return parts
