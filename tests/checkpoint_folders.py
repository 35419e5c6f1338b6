"""What a test does to a checkpoint folder, and what loading it then says."""

import json
import re

import pytest
import torch
from safetensors.torch import load_file, save_file

from model.loading import checkpoint
from model.loading.errors import CheckpointError

IDS = torch.tensor([[72, 105, 32, 116, 104, 101, 114, 101]])


def edit_config(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def edit_weights(folder, change):
    """Rewrite model.safetensors with what `change` makes of its tensors."""
    path = folder / "model.safetensors"
    save_file({k: v.contiguous() for k, v in change(load_file(path)).items()}, path)


def problem(folder, **how) -> str:
    with pytest.raises(CheckpointError) as raised:
        checkpoint.load(str(folder), **how)
    sentence = str(raised.value)
    assert re.fullmatch(r"[A-Z].*\. [A-Z].*\.", sentence), "what is wrong. What to do."
    return sentence
