"""MemoryState: everything that a conversation left in memory, as a value that can be saved.

Knows nothing of how it is written or read. One file holds it: safetensors, with the provenance as
JSON in its header. The file is written under a temporary name and then renamed, so it always holds
the whole old state or the whole new one.
"""

import json
import os
import reprlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import model_validator
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from model.disk.schema import Count, Told, check_is_file, checked, from_json, one_line
from model.disk.whole import replacing
from model.grafts.modules import FLOATS
from model.memory import slots
from model.memory.fusion import Bank, empty_bank
from model.memory.held import Carried, Held
from model.memory.slots import Columns, Slots
from model.run import sampling
from model.run.checkpoint import Checkpoint

VERSION = 2
READS = (1, 2)  # 1: before there was trained memory
EXTERNAL, CARRIED = ("edm.keys", "edm.values", "edm.gate"), ("early", "late")


class StateTold(Told):
    """The header of a memory file."""

    fingerprint: str
    n_prompts: Count
    longest: Count
    n_tokens: Count
    n_evicted: Count
    prompts: list[str]
    slots: Columns
    memory: str = ""
    external: Columns | None = None
    external_evicted: Count | None = None

    @model_validator(mode="after")
    def fits_together(self) -> "StateTold":
        """The EDM's part is complete or wholly absent; a slot is of a prompt that was told."""
        if (self.external is None) != (self.external_evicted is None):
            raise ValueError("external and external_evicted go together, and one is missing")
        for table in filter(None, (self.slots, self.external)):
            folded = [origin[0] for every in table.origins for origin in every]
            wrong = [n for n in (*table.prompt, *folded) if not 1 <= n <= len(self.prompts)]
            if wrong:
                raise ValueError(f"a slot is of prompt {wrong[0]}, and {len(self.prompts)} were told")
        return self


@dataclass(frozen=True, eq=False)
class MemoryState:
    """A visitor's memory: the bank of keys and values, and the prompts that were told, in order.

    fingerprint: of the checkpoint whose keys and values these are; no other can read them.
    n_evicted: slots of the bank evicted so far. external, carried: what trained memory holds, None
    if it never wrote; memory: fingerprint of the trained weights that wrote it.
    """

    bank: Bank
    prompts: tuple[str, ...]
    fingerprint: str
    n_evicted: int = 0
    external: Held | None = None
    carried: Carried | None = None
    memory: str = ""

    @property
    def nbytes(self) -> int:
        """Bytes of everything stored for reading: keys, values and recurrent states."""
        return sum(x.numel() * x.element_size() for x in _tensors(self).values())


def blank(checkpoint: Checkpoint) -> MemoryState:
    """A memory that holds nothing: with it, the model is exactly GPT-2."""
    return MemoryState(empty_bank(checkpoint), (), checkpoint.fingerprint)


def _tensors(state: MemoryState) -> dict[str, torch.Tensor]:
    found = {"keys": state.bank.keys, "values": state.bank.values}
    if state.external is not None:
        held = state.external
        found |= dict(zip(EXTERNAL, (held.keys, held.values, held.gate)))
    if state.carried is not None:
        found |= {name: getattr(state.carried, name) for name in CARRIED}
    return found


def save_state(state: MemoryState, path: Path) -> None:
    """Write the state to `path`; the old file stays whole until the new one is complete.

    Raises ValueError, and writes nothing, for numbers that are not finite: the file would not open.
    """
    bank = state.bank
    told = {
        "version": VERSION,
        "fingerprint": state.fingerprint,
        "n_prompts": bank.n_prompts,
        "longest": bank.longest,
        "n_tokens": bank.n_tokens,
        "n_evicted": state.n_evicted,
        "prompts": list(state.prompts),
        "slots": slots.to_columns(bank.slots),
        "memory": state.memory,
    }
    if state.external is not None:
        told["external"] = slots.to_columns(state.external.slots)
        told["external_evicted"] = state.external.n_evicted
    tensors = {name: x.contiguous().cpu() for name, x in _tensors(state).items()}
    for name, values in tensors.items():
        sampling.check_finite(values, f"{name} of the memory")
    with replacing(path) as draft, open(draft, "wb") as file:
        file.write(save(tensors, metadata={"mnemoscope": json.dumps(told)}))
        file.flush()
        os.fsync(file.fileno())


def load_state(path: Path, checkpoint: Checkpoint) -> MemoryState:
    """Read a state for this checkpoint.

    Raises ValueError, one line, for a file that is truncated or no memory, of another version,
    checkpoint or shape, or with numbers that are not finite.
    """
    told, tensors = _read(path)
    if told["fingerprint"] != checkpoint.fingerprint:
        raise ValueError(
            f"Wrong model: {path.name} holds the memory of another model ({told['fingerprint']}), "
            f"this one is {checkpoint.fingerprint} ({checkpoint.name}). Load that model, or start "
            "a new session."
        )
    table = slots.from_columns(told["slots"])
    config, model = checkpoint.model.config, checkpoint.model
    _check_ids(path, table, config.vocab_size)
    shape = (config.n_layer, config.n_head, len(table), config.n_embd // config.n_head)
    _check_tensors(path, tensors, {"keys": shape, "values": shape})
    keys, values = (tensors[n].to(model.device, model.dtype) for n in ("keys", "values"))
    counts = (told["n_prompts"], told["longest"], told["n_tokens"])
    bank = Bank(keys, values, table, *counts)
    trained = _trained(path, told, tensors, checkpoint)
    return MemoryState(bank, tuple(told["prompts"]), told["fingerprint"], told["n_evicted"], *trained)


def _trained(
    path: Path, told: dict[str, Any], tensors: dict[str, Any], checkpoint: Checkpoint
) -> tuple[Held | None, Carried | None, str]:
    """(external, carried, memory) of a file."""
    written = told.get("memory", "")
    if not written:
        return None, None, ""
    own = checkpoint.memory.fingerprint if checkpoint.memory is not None else "none"
    if written != own:
        raise ValueError(
            f"Wrong memory: {path.name} was written by other trained memory ({written}), this "
            f"model has {own}. Choose that memory file, or start a new session."
        )
    return _external(path, told, tensors, checkpoint), _carried(path, tensors, checkpoint), written


def _external(
    path: Path, told: dict[str, Any], tensors: dict[str, Any], checkpoint: Checkpoint
) -> Held | None:
    if "external" not in told:
        return None
    table, width = slots.from_columns(told["external"]), checkpoint.model.config.n_embd
    _check_ids(path, table, checkpoint.model.config.vocab_size)
    vectors = (len(table), width)
    _check_tensors(path, tensors, dict(zip(EXTERNAL, (vectors, vectors, (len(table),)))))
    keys, values, gate = (tensors[name].to(checkpoint.model.device) for name in EXTERNAL)
    return Held(keys, values, gate, table, told["external_evicted"])


def _carried(path: Path, tensors: dict[str, Any], checkpoint: Checkpoint) -> Carried | None:
    if "early" not in tensors:
        return None
    wide = {name: (getattr(checkpoint.memory, name).state_width,) for name in CARRIED}
    _check_tensors(path, tensors, wide)
    return Carried(*(tensors[name].to(checkpoint.model.device) for name in CARRIED))


def describe(path: Path) -> dict[str, Any]:
    """The header of a memory file (prompts, slots, fingerprint …), without its tensors.
    Raises ValueError for a file that is no memory, not whole or damaged."""
    return _read(path)[0]


def _read(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    check_is_file(path)
    try:
        with safe_open(path, framework="pt") as file:
            told = from_json((file.metadata() or {})["mnemoscope"])
            names = file.keys()  # the file itself cannot be iterated
            tensors = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, KeyError, ValueError, OSError) as problem:
        raise ValueError(
            f"Cannot read {path.name}: it is no memory file, or only a part of one ({one_line(problem)}). "
            "Restore a copy, or start a new session."
        ) from problem
    if isinstance(told, dict):  # null is as good as nothing
        told = {name: value for name, value in told.items() if value is not None}
    version = told.get("version") if isinstance(told, dict) else None
    if isinstance(told, dict) and (type(version) is not int or version not in READS):
        raise ValueError(
            f"Wrong version: {path.name} is a memory of version {reprlib.repr(version)}, this "
            f"program reads version {VERSION} and older. Use the program that wrote it."
        )
    try:
        checked(StateTold, told)
    except ValueError as problem:
        raise ValueError(
            f"Cannot read {path.name}: it is no memory file, or only a part of one (in its header, "
            f"{problem}). Restore a copy, or start a new session."
        ) from problem
    _check_numbers(path, tensors)
    return told, tensors


def _check_ids(path: Path, table: Slots, n_vocab: int) -> None:
    """Raises ValueError where a slot, or a token folded into one, is none of this model's tokens."""
    folded = [token for every in table.origins for origin in every for token in origin.tokens]
    highest = max([*table.token.tolist(), *folded], default=0)
    if highest >= n_vocab:
        raise ValueError(
            f"The file {path.name} is damaged: token {highest:,} is none of this model's {n_vocab:,}. "
            "Restore a copy, or start a new session."
        )


def _check_tensors(
    path: Path, tensors: dict[str, torch.Tensor], wanted: dict[str, tuple[Any, ...]]
) -> None:
    for name, shape in wanted.items():
        found = tuple(tensors[name].shape) if name in tensors else None
        if found != shape:
            raise ValueError(
                f"Wrong model: {path.name} has {name} of shape {found or 'none'}, this model needs "
                f"{shape}. Load the model that it belongs to, or start a new session."
            )


def _check_numbers(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    for name, values in tensors.items():
        if values.dtype not in FLOATS or not torch.isfinite(values).all():
            raise ValueError(
                f"The file {path.name} is damaged: {name} holds numbers that are not finite. "
                "Restore a copy, or start a new session."
            )
