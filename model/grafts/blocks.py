"""The blocks of transformers' GPT-2, as what they are: its own list says only `Module`."""

from typing import cast

from transformers import GPT2LMHeadModel
from transformers.models.gpt2.modeling_gpt2 import GPT2Block


def blocks(model: GPT2LMHeadModel) -> list[GPT2Block]:
    """The L blocks, from the first to the last."""
    return [cast(GPT2Block, block) for block in model.transformer.h]
