"""A trained state -> a checkpoint folder that transformers loads. Knows nothing of training."""
from pathlib import Path

import torch
from safetensors.torch import save
from tokenizers import Tokenizer
from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast

from model.disk.whole import make_folder, write_bytes
from model.training.corpus import END


def write_folder(model: GPT2LMHeadModel, tokenizer: Tokenizer, folder: Path) -> None:
    """Writes config.json, model.safetensors (float16), tokenizer.json and tokenizer_config.json.

    float16 halves the file; config.json says float32, so that from_pretrained computes in float32.
    """
    make_folder(folder)
    _write_config(model, folder)
    _write_tokenizer(tokenizer, model.config.n_positions, folder)
    tensors = {name: tensor.detach().to("cpu", torch.float16).contiguous()
               for name, tensor in model.state_dict().items() if name != "lm_head.weight"}
    write_bytes(folder / "model.safetensors", save(tensors, metadata={"format": "pt"}))


def _write_config(model: GPT2LMHeadModel, folder: Path) -> None:
    config = model.config.__class__(**model.config.to_diff_dict())
    config.architectures, config.dtype, config.use_cache = ["GPT2LMHeadModel"], "float32", True
    config.save_pretrained(folder)


def _write_tokenizer(tokenizer: Tokenizer, n_positions: int, folder: Path) -> None:
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=END, eos_token=END, model_max_length=n_positions,
        clean_up_tokenization_spaces=False).save_pretrained(folder)
