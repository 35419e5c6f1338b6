"""The frozen base in 4 bits while its memory is trained (QLoRA: Dettmers et al. 2023,
arXiv:2305.14314): an eighth of the weights' bytes, so that a large GPT-2 fits a small GPU.

Only the blocks' matrices are stored so, in NF4; embeddings and norms stay as they are. The model must
be the training's own copy. Knows nothing of memory.
"""

from importlib import import_module
from types import ModuleType

import torch
from torch import nn
from transformers import GPT2LMHeadModel
from transformers.pytorch_utils import Conv1D

from model.grafts.blocks import blocks


def check(device: str) -> None:
    """ValueError, one sentence, where 4 bits cannot be had."""
    if device == "cpu" or not torch.cuda.is_available():
        raise ValueError(f"--four-bit needs a CUDA GPU, and torch {torch.__version__} finds none here. "
                         "Leave it out; gradient checkpointing comes by itself where memory is short.")
    _library()


def quantize(model: GPT2LMHeadModel) -> None:
    """Put 4-bit matrices in the place of every block's, in this model; hooks stay where they were."""
    library = _library()
    for block in blocks(model):
        for part, name in ((block.attn, "c_attn"), (block.attn, "c_proj"),
                           (block.mlp, "c_fc"), (block.mlp, "c_proj")):
            setattr(part, name, _four_bit(library, getattr(part, name)))


def _four_bit(library: ModuleType, plain: Conv1D) -> nn.Module:
    """GPT-2's matrices are (in, out), torch's Linear is (out, in)."""
    n_in, n_out = plain.weight.shape
    small: nn.Module = library.nn.Linear4bit(
        n_in, n_out, bias=True, compute_dtype=torch.bfloat16, quant_type="nf4", device="cpu")
    small.weight = library.nn.Params4bit(
        plain.weight.detach().T.contiguous().cpu(), requires_grad=False, quant_type="nf4")
    small.bias = nn.Parameter(plain.bias.detach().cpu(), requires_grad=False)
    small._forward_hooks = plain._forward_hooks  # the run's own: LoRA, what is seen, what is put in
    small._forward_pre_hooks = plain._forward_pre_hooks
    return small.to(plain.weight.device)


def _library() -> ModuleType:
    try:
        return import_module("bitsandbytes")
    except ImportError as problem:
        raise ValueError("--four-bit needs bitsandbytes. Install it: pip install bitsandbytes") from problem
