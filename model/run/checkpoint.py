"""The loaded model that every run takes. Knows nothing of how it was loaded: `model.loading` does.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import GPT2LMHeadModel, PreTrainedTokenizerBase

from model.grafts.modules import Modules


@dataclass(frozen=True)
class Placement:
    """device and dtype of a loaded model, and a sentence why for each of the two."""

    device: torch.device
    dtype: torch.dtype
    why_device: str
    why_dtype: str

    @property
    def reason(self) -> str:
        return f"{self.why_device} {self.why_dtype}"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A loaded model with the files it came from.

    name: "embedded", a hub name or a folder, as chosen; folder: where its files lie.
    model: transformers' own, eval, no gradients, tapped. fingerprint: changes when config.json,
    weights or tokenizer change (device and number format are not in it). warnings: what is odd
    about the files, a sentence each. memory: what was trained for it (memory.safetensors beside
    its weights), None where nothing was.
    """

    name: str
    folder: Path
    model: GPT2LMHeadModel
    tokenizer: PreTrainedTokenizerBase
    placement: Placement
    fingerprint: str
    warnings: tuple[str, ...] = ()
    memory: Modules | None = None
