"""training.pt, read back: what a resumed training needs, checked before it is put anywhere.

Knows nothing of what is trained.
"""

import os
import pickle
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from tokenizers import Tokenizer
from torch import nn

from model.disk.schema import Count, Seconds, Told, checked, from_json, one_line

_Word = Annotated[int, Field(ge=0, lt=2**32)]
_Words = Annotated[tuple[_Word, ...], Field(strict=False, min_length=625, max_length=625)]


class StateTold(Told):
    """How far a training has come; each kind of training adds its own fields."""

    step: Count
    tokens: Count
    seconds: Seconds


class BasePointTold(Told):
    """A point of a base model's curves."""

    step: Count
    tokens: Count
    seconds: Seconds
    tokens_per_second: float
    seconds_left: float
    stage: str
    loss: float
    bits_per_byte: float
    recall_known: float
    recall_unseen: float
    recall_open: float


class BaseStateTold(StateTold):
    """Of a base model's training: its stage and its curves."""

    stage: Count
    seed: int
    curves: list[BasePointTold]


class MemoryStateTold(StateTold):
    """Of a memory's training: its lesson and its curves, which nobody reads back."""

    lesson: Count
    curves: list[dict[str, Any]]


class OptimizerTold(Told):
    """An optimizer's state; state: number of a parameter -> its tensors."""

    state: dict[Count, dict[str, Any]]
    param_groups: list[dict[str, Any]]


class RandomTold(Told):
    """The state of Python's random numbers."""

    state: Annotated[tuple[Literal[3], _Words, float | None], Field(strict=False)]


def read(
    path: Path, device: torch.device, needed: tuple[str, ...], schema: type[StateTold]
) -> dict[str, Any]:
    """What a training saved; under "state" the schema's fields. ValueError where the file is none, or
    only a part of one."""
    try:
        found = dict(torch.load(path, map_location=device, weights_only=True))
        missing = [name for name in needed if name not in found]
        if missing:
            raise ValueError(f"it has no {missing[0]}")
        found["state"] = checked(schema, from_json(found["state"])).model_dump()
        checked(RandomTold, {"state": from_json(found["rng"])})
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, TypeError, KeyError,
            IndexError, AttributeError) as problem:
        raise refused(path, one_line(problem)) from problem
    return found


def check_new(folder: Path, names: Iterable[str]) -> None:
    """Raises ValueError where a folder holds one of these already: a new training would replace it."""
    found = [name for name in names if os.path.lexists(folder / name)]
    if found:
        raise ValueError(f"There is {found[0]} in {folder} already. Choose a new folder with --out, or go on "
                         "with the training there with --resume.")


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


def pairs(
    optimizers: Sequence[torch.optim.Optimizer], saved: object, path: Path
) -> Iterator[tuple[torch.optim.Optimizer, object]]:
    """Each optimizer with what was saved of it. ValueError where there are more or fewer."""
    if not isinstance(saved, list) or len(saved) != len(optimizers):
        raise refused(path, f"it does not hold {len(optimizers)} optimizers")
    return zip(optimizers, saved)


def fill_optimizer(optimizer: torch.optim.Optimizer, saved: object, path: Path) -> None:
    """A saved state into its optimizer. ValueError where it is of another one."""
    try:
        told = checked(OptimizerTold, saved)
    except ValueError as problem:
        raise refused(path, f"of its optimizer, {problem}") from problem
    parameters = [one for group in optimizer.param_groups for one in group["params"]]
    own = [(set(group), group["params"]) for group in optimizer.state_dict()["param_groups"]]
    fits = own == [(set(group), group.get("params")) for group in told.param_groups] and all(
        number < len(parameters) and _fit(tensors, parameters[number])
        for number, tensors in told.state.items()
    )
    if not fits:
        raise refused(path, "its optimizer is of another model or other options")
    optimizer.load_state_dict({"state": told.state, "param_groups": told.param_groups})


def _fit(tensors: dict[str, Any], parameter: torch.Tensor) -> bool:
    """Whether an optimizer's numbers of a parameter have its shape, or are one number."""
    return all(x.shape in ((), parameter.shape) for x in tensors.values() if isinstance(x, torch.Tensor))


def set_torch_random(state: object, path: Path) -> None:
    """torch's random numbers as they were. ValueError where this is no state of them."""
    own = torch.get_rng_state()
    if not isinstance(state, torch.Tensor) or (state.dtype, state.shape) != (own.dtype, own.shape):
        raise refused(path, "its torch_rng is no state of torch's random numbers")
    torch.set_rng_state(state.cpu())


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
