"""The trained memory of one checkpoint: early and late recurrent memory and the EDM, as one file.

safetensors with JSON in its header: version, sizes, the fingerprint of the model it was trained
on, and the card of its training. Knows nothing of runs and states.
"""

import hashlib
import json
import reprlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field, model_validator
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn
from transformers import GPT2Config

from model.disk.called import command
from model.disk.schema import Count, Told, check_is_file, checked, from_json, one_line
from model.disk.whole import replacing
from model.grafts.external import External
from model.grafts.lora import Lora
from model.grafts.recurrent import Recurrent

VERSION = 1
FILE = "memory.safetensors"
MAX_RANK = 256  # of LoRA adapters
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


@dataclass(frozen=True)
class Sizes:
    """width C; the EDM's heads and the block before which it sits; which recurrent cell; LoRA's rank
    (0: none) and the base's number of layers."""

    width: int
    heads: int
    layer: int
    cell: str = "gru"
    rank: int = 0
    n_layers: int = 0


class SizesTold(Told):
    """`Sizes`, as a memory file says them."""

    width: int = Field(ge=1, le=100_000)
    heads: int = Field(ge=1)
    layer: Count
    cell: Literal["gru", "lstm"] = "gru"
    rank: int = Field(default=0, ge=0, le=MAX_RANK)
    n_layers: int = Field(default=0, ge=0, le=10_000)

    @model_validator(mode="after")
    def heads_fit(self) -> "SizesTold":
        """Heads share the width without rest."""
        if self.width % self.heads:
            raise ValueError(f"sizes.heads = {self.heads} does not divide sizes.width = {self.width}")
        return self


class MemoryTold(Told):
    """The header of a memory file."""

    base: str
    sizes: SizesTold
    parts: list[Literal["early", "late", "edm", "lora"]]
    card: dict[str, Any] = Field(default_factory=dict)


def sizes_for(config: GPT2Config, cell: str = "gru", rank: int = 0) -> Sizes:
    """Sizes for a GPT-2 config: the middle of the stack, heads of 64 (one of C where C < 64)."""
    heads = max(1, config.n_embd // 64)
    return Sizes(config.n_embd, heads, config.n_layer // 2, cell, rank, config.n_layer)


class Modules(nn.Module):
    """early, late: Recurrent; external: External; lora: Lora or None. Weights only: stored states
    and slots are arguments.

    fingerprint: of these weights, "untrained" until they are saved; parts: which of early, late,
    edm and lora were trained; card: facts about the training.
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.early = Recurrent(sizes.width, sizes.cell)
        self.late = Recurrent(sizes.width, sizes.cell)
        self.external = External(sizes.width, sizes.heads, sizes.layer)
        self.lora = Lora(sizes.n_layers, sizes.width, sizes.rank) if sizes.rank else None
        self.fingerprint = "untrained"
        self.parts: tuple[str, ...] = ()
        self.card: dict = {}


def untrained(config: GPT2Config, cell: str = "gru", seed: int = 0, rank: int = 0) -> Modules:
    """Fresh modules for a GPT-2 config: with them the model is exactly GPT-2."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Modules(sizes_for(config, cell, rank))


def save_modules(modules: Modules, path: Path, base: str, parts: Iterable[str], card: dict[str, Any]) -> None:
    """Write the weights (float16) for the model of fingerprint `base`; the old file stays whole
    until the new one is complete."""
    told = {
        "version": VERSION, "base": base, "sizes": asdict(modules.sizes), "parts": list(parts),
        "card": card,
    }
    wanted = prefixes(parts)
    tensors = {
        name: tensor.detach().to("cpu", torch.float16).contiguous()
        for name, tensor in modules.state_dict().items() if name.startswith(wanted)
    }
    with replacing(path) as draft:
        draft.write_bytes(save(tensors, metadata={"mnemoscope_memory": json.dumps(told)}))


def load_modules(path: Path, config: GPT2Config, base: str) -> Modules:
    """Trained memory for the model with this config and fingerprint, in float32, on the CPU.

    Raises ValueError, one line, for a file that is damaged, of another version, model or width, or
    with numbers that are not finite.
    """
    told, tensors = _read(path)
    if told.base != base:
        raise ValueError(
            f"Wrong memory: {path.name} was trained for another model ({told.base[:80]}), this one "
            f"is {base}. Load that model, or train memory for this one: {command('train memory')}"
        )
    sizes = Sizes(**told.sizes.model_dump())
    if sizes.width != config.n_embd or sizes.layer >= config.n_layer:
        raise ValueError(
            f"Wrong memory: {path.name} needs a model of width {sizes.width} with more than "
            f"{sizes.layer} layers, this one has width {config.n_embd} and {config.n_layer} "
            "layers. Choose another memory file."
        )
    if sizes.rank and sizes.n_layers != config.n_layer:
        raise ValueError(
            f"Wrong memory: {path.name} has adapters for {sizes.n_layers} layers, this model has "
            f"{config.n_layer}. Choose another memory file."
        )
    modules = Modules(sizes)
    _fill(modules, tensors, path)
    _check_parts(modules, told.parts, tensors, path)
    modules.parts, modules.card = tuple(told.parts), told.card
    modules.fingerprint = _fingerprint(path.read_bytes())
    return modules.eval().requires_grad_(False)


def _fingerprint(raw: bytes) -> str:
    """Of the numbers in a safetensors file; its header, with the card, may be written again."""
    n_header = int.from_bytes(raw[:8], "little")
    return hashlib.sha256(raw[8 + n_header :]).hexdigest()[:16]


def fill_from(modules: Modules, path: Path) -> None:
    """Put the weights of a memory file, trained on whatever model, into fresh modules of its sizes.

    Raises ValueError, one sentence, for a damaged file and one of other sizes."""
    told, tensors = _read(path)
    if Sizes(**told.sizes.model_dump()) != modules.sizes:
        raise ValueError(
            f"Wrong memory: {path.name} holds memory of other sizes ({told.sizes}) than this "
            f"model's ({asdict(modules.sizes)}). Give --cell {told.sizes.cell} --lora {told.sizes.rank}, or "
            "train it anew, without --from."
        )
    _fill(modules, tensors, path)


def card_of(path: Path) -> dict:
    """The card of a memory file's training; {} if it has none."""
    return _read(path)[0].card


def beside(folder: Path, config: GPT2Config, base: str) -> Modules | None:
    """The memory that lies beside a checkpoint's weights; None where there is none."""
    path = folder / FILE
    return load_modules(path, config, base) if path.is_file() else None


def prefixes(parts: Iterable[str]) -> tuple[str, ...]:
    """How the names of these parts' tensors begin."""
    return tuple({"edm": "external."}.get(part, f"{part}.") for part in parts)


def _read(path: Path) -> tuple[MemoryTold, dict[str, torch.Tensor]]:
    check_is_file(path)
    try:
        with safe_open(path, framework="pt") as file:
            told = from_json((file.metadata() or {})["mnemoscope_memory"])
            names = file.keys()  # the file itself cannot be iterated
            tensors = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, KeyError, ValueError, OSError) as problem:
        raise ValueError(
            f"Damaged memory: {path.name} is no trained memory, or only a part of one ({one_line(problem)}). "
            "Train it again, or restore a copy."
        ) from problem
    version = told.get("version") if isinstance(told, dict) else None
    if type(version) is not int or version != VERSION:
        raise ValueError(
            f"Wrong version: {path.name} is trained memory of version {reprlib.repr(version)}, this "
            f"program reads {VERSION}. Train it again."
        )
    try:
        return checked(MemoryTold, told), tensors
    except ValueError as problem:
        raise ValueError(f"Damaged memory: in the header of {path.name}, {problem}. Train it again, "
                         "or restore a copy.") from problem


def _check_parts(
    modules: Modules, parts: Iterable[str], tensors: dict[str, torch.Tensor], path: Path
) -> None:
    """Raises ValueError where a part that the file names is not wholly in it."""
    for part in parts:
        own = [name for name in modules.state_dict() if name.startswith(prefixes([part]))]
        missing = [name for name in own if name not in tensors]
        if missing or not own:
            raise ValueError(f"Damaged memory: {path.name} names the part {part!r} and lacks "
                             f"{(missing or ['all of it'])[0]}. Train it again, or restore a copy.")


def _fill(modules: Modules, tensors: dict[str, torch.Tensor], path: Path) -> None:
    own = modules.state_dict()
    for name, tensor in tensors.items():
        if name not in own or own[name].shape != tensor.shape:
            raise ValueError(f"Damaged memory: in {path.name}, {name} of shape "
                             f"{tuple(tensor.shape)} fits no module. Train it again, or restore a "
                             "copy.")
        if tensor.dtype not in FLOATS or not torch.isfinite(tensor).all():
            raise ValueError(
                f"Damaged memory: in {path.name}, {name} holds numbers that are not finite. Train "
                "it again, or restore a copy."
            )
    modules.load_state_dict({**own, **{n: t.float() for n, t in tensors.items()}})
