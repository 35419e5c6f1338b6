"""Trained LoRA as a peft adapter: a folder that `peft.PeftModel.from_pretrained` reads.

The package peft puts adapters into the model it gets, and here all visitors share the model. So our
runs add the same matrices by a hook (model.grafts.lora), and peft gets them as a file. The folder
holds only the adapter; the memory's modules are in memory.safetensors. Knows nothing of training.
"""

import json
from pathlib import Path

from safetensors.torch import save

from model.disk.whole import make_folder, write_bytes, write_text
from model.grafts.lora import SCALE, Lora

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
TARGET = "attn.c_attn"


def save_adapter(lora: Lora, folder: Path, base: str) -> None:
    """Write adapter_config.json and adapter_model.safetensors; base: name or path of the model that
    the adapter changes, as transformers reads it. peft's lora_A is (R,C), its lora_B (3C,R)."""
    make_folder(folder)
    tensors = {}
    for layer, (down, up) in enumerate(zip(lora.down, lora.up)):
        name = f"base_model.model.transformer.h.{layer}.{TARGET}"
        tensors[f"{name}.lora_A.weight"] = down.detach().T.cpu().contiguous()
        tensors[f"{name}.lora_B.weight"] = up.detach().T.cpu().contiguous()
    write_bytes(folder / WEIGHTS, save(tensors, metadata={"format": "pt"}))
    write_text(folder / CONFIG, json.dumps(_config(lora.down.shape[-1], base), indent=1) + "\n")


def _config(rank: int, base: str) -> dict:
    """What peft calls the same thing: scale = lora_alpha / r; GPT-2 keeps its matrices (in, out)."""
    return {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": base,
        "r": rank, "lora_alpha": int(SCALE * rank), "lora_dropout": 0.0, "bias": "none",
        "target_modules": [TARGET], "fan_in_fan_out": True, "inference_mode": True,
    }
