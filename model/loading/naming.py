"""Tensors under the names and shapes that other programs save -> GPT-2's own, and what was done.

torch.compile, DistributedDataParallel and nanoGPT save the same numbers under other names, nanoGPT
its matrices transposed. Knows nothing of files: what is changed is read when it is read.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from model.disk.called import command

if TYPE_CHECKING:  # names alone can do without torch
    import torch
    from transformers import GPT2Config

PREFIXES = ("_orig_mod.", "module.", "model.", "transformer.")
MATRICES = re.compile(r"h\.\d+\.(attn\.c_attn|attn\.c_proj|mlp\.c_fc|mlp\.c_proj)\.weight")
MASK_BUFFER = re.compile(r"h\.\d+\.attn\.(bias|masked_bias)")  # causal masks old files carry


@dataclass(frozen=True)
class Stored:
    """One tensor on disk: its file, shape and dtype (safetensors' names); `read` loads it."""

    file: str
    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], "torch.Tensor"]


def bare(name: str) -> str:
    """A tensor's name without what was put in front: `h.0.attn.c_attn.weight`, `lm_head.weight`."""
    while prefix := next((p for p in PREFIXES if name.startswith(p)), ""):
        name = name.removeprefix(prefix)
    return name


def as_gpt2(
    config: "GPT2Config", found: dict[str, Stored]
) -> tuple[dict[str, Stored], list[str]]:
    """Tensors as they lie in files -> by bare names and in GPT-2's shapes, and what is odd, a
    sentence each."""
    named, odd = {bare(name): tensor for name, tensor in found.items()}, []
    if prefix := next((p for name in found for p in PREFIXES[:3] if name.startswith(p)), ""):
        odd.append(f"The tensors' names in the files begin with “{prefix}”. The app reads them all the "
                   "same; transformers' own loading would find none of them.")
    if config.tie_word_embeddings and "wte.weight" not in named and "lm_head.weight" in named:
        named["wte.weight"] = named.pop("lm_head.weight")
    if _is_transposed(config, named):
        named = {name: _upright(name, tensor) for name, tensor in named.items()}
        odd.append("The matrices are stored transposed, as nanoGPT does. The app turns them; "
                   f"transformers' own loading would refuse them. `{command('convert')}` writes "
                   "a folder that it takes.")
        if not any(name.endswith(".bias") and not MASK_BUFFER.fullmatch(name) for name in named):
            named |= _without_biases(config, named)
            odd.append("The files hold no biases: they are taken as 0.")
    return named, odd


def _is_transposed(config: "GPT2Config", named: dict[str, Stored]) -> bool:
    """Whether the first block's c_attn is (3C,C), as a Linear of nanoGPT has it."""
    first = named.get("h.0.attn.c_attn.weight")
    return first is not None and first.shape == (3 * config.n_embd, config.n_embd)


def _upright(name: str, tensor: Stored) -> Stored:
    if not MATRICES.fullmatch(name):
        return tensor
    return replace(tensor, shape=tensor.shape[::-1], read=lambda: tensor.read().t())


def _without_biases(config: "GPT2Config", named: dict[str, Stored]) -> dict[str, Stored]:
    """A bias of zeros beside every weight but the two embeddings'."""
    return {
        name.removesuffix("weight") + "bias": _zeros(tensor)
        for name, tensor in named.items() if name.startswith(("h.", "ln_f."))
    }


def _zeros(beside: Stored) -> Stored:
    shape = beside.shape[-1:]

    def read() -> "torch.Tensor":
        import torch

        return torch.zeros(shape)

    return Stored(beside.file, shape, beside.dtype, read)
