"""Copies of the embedded model for the memory page: without trained memory, with fake memory, with
the memory that ships."""

import os
from pathlib import Path

import torch

from model.grafts import modules
from model.loading import checkpoint

SHIPPED = checkpoint.EMBEDDED


def without(folder: Path) -> Path:
    """The embedded model as if no memory had been trained for it."""
    for file in SHIPPED.iterdir():
        if file.name != modules.FILE:
            os.symlink(file, folder / file.name)
    return folder


def with_fake(folder: Path, parts=("early", "edm", "late"), opens: float = 3.0) -> Path:
    """The embedded model with random memory that changes what is read; opens: the gate's bias, so
    that nearly every token is written."""
    without(folder)
    loaded = checkpoint.load(str(folder))
    made = modules.untrained(loaded.model.config)
    generator = torch.Generator().manual_seed(0)
    for module in (made.early, made.late, made.external):
        module.output.weight.data.normal_(std=0.05, generator=generator)
    made.external.gate.bias.data.fill_(opens)
    modules.save_modules(made, folder / modules.FILE, loaded.fingerprint, parts, {})
    return folder


def ships_memory() -> bool:
    """Whether trained memory lies beside the embedded model."""
    return (SHIPPED / modules.FILE).is_file()
