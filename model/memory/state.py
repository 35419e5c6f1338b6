"""MemoryState: everything a conversation has left in memory, as a value that can be kept.

Knows nothing of how it is written or read. One file holds it: safetensors, with the provenance as
JSON in its header. It is written under a temporary name and then renamed, so that whatever happens
the file is the old state or the new one, whole.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from model.memory import slots
from model.memory.fusion import Bank

VERSION = 1


@dataclass(frozen=True, eq=False)
class MemoryState:
    """A visitor's memory: the bank of keys and values, and the prompts that were told, in order.

    fingerprint: of the checkpoint whose keys and values these are; no other can read them.
    n_evicted: slots that have left so far.
    """

    bank: Bank
    prompts: tuple[str, ...]
    fingerprint: str
    n_evicted: int = 0

    @property
    def nbytes(self) -> int:
        """Bytes of the stored keys and values."""
        return sum(x.numel() * x.element_size() for x in (self.bank.keys, self.bank.values))


def save_state(state: MemoryState, path: Path) -> None:
    """Write the state to `path`; the former file stays whole until the new one is complete."""
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
    }
    tensors = {"keys": bank.keys.contiguous().cpu(), "values": bank.values.contiguous().cpu()}
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(draft, "wb") as file:
            file.write(save(tensors, metadata={"mnemoscope": json.dumps(told)}))
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def load_state(path: Path, checkpoint) -> MemoryState:
    """Read a state for this checkpoint.

    Raises ValueError, one sentence, for a file that is truncated or no memory, of another version,
    of another checkpoint or shape, or with numbers that are not finite.
    """
    told, tensors = _read(path)
    if told["fingerprint"] != checkpoint.fingerprint:
        raise ValueError(
            f"{path.name} holds the memory of another model ({told['fingerprint']}), wanted "
            f"{checkpoint.fingerprint} ({checkpoint.name}); load that model, or start a new session"
        )
    config = checkpoint.model.config
    table = slots.from_columns(told["slots"])
    wanted = (config.n_layer, config.n_head, len(table), config.n_embd // config.n_head)
    for name, tensor in tensors.items():
        _check_tensor(path, name, tensor, wanted)
    model = checkpoint.model
    keys, values = (tensors[n].to(model.device, model.dtype) for n in ("keys", "values"))
    counts = (told["n_prompts"], told["longest"], told["n_tokens"])
    bank = Bank(keys, values, table, *counts)
    return MemoryState(bank, tuple(told["prompts"]), told["fingerprint"], told["n_evicted"])


def describe(path: Path) -> dict:
    """What a memory file says of itself (prompts, slots, fingerprint …), without its tensors."""
    return _read(path)[0]


def _read(path: Path) -> tuple[dict, dict[str, torch.Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            told = json.loads((file.metadata() or {})["mnemoscope"])
            tensors = {name: file.get_tensor(name) for name in ("keys", "values")}
    except (SafetensorError, KeyError, json.JSONDecodeError) as problem:
        raise ValueError(
            f"{path.name} is no memory file, or only a part of one ({problem}); restore a copy, or "
            "start a new session"
        ) from problem
    if not isinstance(told, dict):
        raise ValueError(f"{path.name} is no memory file: its header is no table; restore a copy")
    if told.get("version") != VERSION:
        raise ValueError(
            f"{path.name} is a memory of version {told.get('version')}, this program reads version "
            f"{VERSION}; use the program that wrote it"
        )
    _check_header(path, told)
    return told, tensors


def _check_header(path: Path, told: dict) -> None:
    counts = [told.get(name) for name in ("n_prompts", "longest", "n_tokens", "n_evicted")]
    prompts = told.get("prompts")
    whole = (
        all(isinstance(n, int) and n >= 0 for n in counts)
        and isinstance(prompts, list) and all(isinstance(text, str) for text in prompts)
        and isinstance(told.get("fingerprint"), str) and isinstance(told.get("slots"), dict)
        and all(isinstance(column, list) for column in told["slots"].values())
    )
    if not whole:
        raise ValueError(
            f"{path.name} is no memory file, or only a part of one (its header is incomplete); "
            "restore a copy, or start a new session"
        )


def _check_tensor(path: Path, name: str, tensor: torch.Tensor, wanted: tuple) -> None:
    if tuple(tensor.shape) != wanted:
        raise ValueError(
            f"{path.name}: wanted {name} of shape {wanted} (layers, heads, slots, width), found "
            f"{tuple(tensor.shape)}; it belongs to another model"
        )
    if not torch.isfinite(tensor).all():
        raise ValueError(
            f"{path.name}: {name} holds numbers that are not finite; the file is damaged, restore "
            "a copy or start a new session"
        )
