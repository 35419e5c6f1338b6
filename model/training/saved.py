"""training.pt, read back: what a resumed training needs, checked before it is put anywhere.

Knows nothing of what is trained.
"""

import pickle
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field
from tokenizers import Tokenizer
from torch import nn

from model.disk.schema import Count, Seconds, Told, checked, from_json, one_line


class StateTold(Told):
    """How far a training has come; each kind of training has its own of the last fields."""

    step: Count
    tokens: Count
    seconds: Seconds
    curves: list[dict[str, Any]]


class RandomTold(Told):
    """The state of Python's random numbers."""

    state: Annotated[
        tuple[int, Annotated[tuple[Count, ...], Field(strict=False)], float | None], Field(strict=False)
    ]


def read(path: Path, device: torch.device, needed: tuple[str, ...]) -> dict[str, Any]:
    """What a training saved. ValueError where the file is none, or only a part of one."""
    try:
        found = torch.load(path, map_location=device, weights_only=True)
        missing = [name for name in needed if name not in found]
        if missing:
            raise ValueError(f"it has no {missing[0]}")
        checked(StateTold, from_json(found["state"]))
        checked(RandomTold, {"state": from_json(found["rng"])})
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, TypeError, KeyError,
            IndexError, AttributeError) as problem:
        raise refused(path, one_line(problem)) from problem
    return dict(found)


def refused(path: Path, why: str) -> ValueError:
    """The error for a file that does not go on."""
    return ValueError(f"Cannot go on from {path}: {why or 'it is empty'}. Begin anew without --resume, "
                      "or restore a copy.")


def fill(module: nn.Module, tensors: object, path: Path) -> None:
    """Saved weights into their module. ValueError where they are of another one."""
    own = module.state_dict()
    shapes = {name: tuple(x.shape) for name, x in own.items()}
    found = {name: tuple(x.shape) for name, x in tensors.items() if isinstance(x, torch.Tensor)} \
        if isinstance(tensors, Mapping) else {}
    if not isinstance(tensors, Mapping) or shapes != found:
        raise refused(path, "its weights are of another model or other options")
    module.load_state_dict(tensors)


def set_random(rng: random.Random, text: str) -> None:
    """Python's random numbers as they were."""
    version, internal, gauss = from_json(text)
    rng.setstate((version, tuple(internal), gauss))


def tokenizer(path: Path) -> Tokenizer:
    """tokenizer.json of a training. ValueError where it is none."""
    try:
        return Tokenizer.from_file(str(path))
    except Exception as problem:  # the library raises Exception itself, nothing narrower
        raise ValueError(f"No readable tokenizer in {path} ({one_line(problem)}). Restore a copy, or "
                         "begin anew.") from problem
