"""Finds the weight files of a folder and reads their headers, checked before use.

The only reader of indexes and safetensors headers; needs no torch and loads no tensor. Knows
nothing of what a GPT-2 must hold (model.loading.weights) or of its parts (model.analysis.anatomy).
"""

import json
from pathlib import Path

from model.disk.called import command
from model.loading.errors import CheckpointError

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLED, PICKLED_INDEX = "pytorch_model.bin", "pytorch_model.bin.index.json"
ADAPTER, NANOGPT = "adapter_config.json", "ckpt.pt"
MAX_HEADER_BYTES = 100_000_000  # the limit of the safetensors format


def read_json(path: Path) -> dict:
    """A JSON object from a file, or a CheckpointError that names the file."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CheckpointError(
            f"No {path.name} in {path.parent}: found {_listing(path.parent)}. Choose a folder "
            "that holds config.json, model.safetensors and tokenizer.json."
        ) from error
    except OSError as error:
        raise CheckpointError(
            f"Cannot read {path}: {error.strerror or error}. Choose a folder that this program may "
            "read."
        ) from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(
            f"Not JSON: {path} ({error}). Get this file again."
        ) from error
    if not isinstance(found, dict):
        raise CheckpointError(
            f"No JSON object in {path}: found a {type(found).__name__}. Get this file again."
        )
    return found


def weight_files(folder: Path) -> list[str]:
    """The files that hold the weights, in transformers' order: one safetensors, its shards, one
    pickled file, its shards.

    Raises CheckpointError where there are none, a shard is missing, or the index names a path.
    """
    for whole, index in ((SINGLE, INDEX), (PICKLED, PICKLED_INDEX)):
        if (folder / whole).is_file():
            return [whole]
        if (folder / index).is_file():
            return _shards(folder, index)
    check_kind(folder)
    raise CheckpointError(
        f"No {SINGLE} (nor its shards, nor {PICKLED}) in {folder}: found {_listing(folder)}. "
        "Choose a folder with weights, or save them with save_pretrained."
    )


def check_kind(folder: Path) -> None:
    """Raise CheckpointError where a folder without a model holds something else that people have."""
    if (folder / ADAPTER).is_file():
        raise CheckpointError(
            f"Not a whole model: {folder} holds a LoRA adapter, which only changes the weights of "
            f"{_base(folder)}. Merge the two with peft's merge_and_unload, save the result with "
            "save_pretrained, and choose that folder."
        )
    if (folder / NANOGPT).is_file():
        raise CheckpointError(
            f"Not a folder of transformers: {folder} holds {NANOGPT}, as nanoGPT saves it. Convert "
            f"it with `{command(f'convert {folder} --out FOLDER')}`, and choose that folder."
        )


def are_pickled(files: list[str]) -> bool:
    """Whether weight files are pickles, which can carry code."""
    return any(name.endswith(".bin") for name in files)


def _base(folder: Path) -> str:
    """The model that an adapter belongs to."""
    name = read_json(folder / ADAPTER).get("base_model_name_or_path")
    return name[:80] if isinstance(name, str) and name else "another model"


def _shards(folder: Path, index: str) -> list[str]:
    placed = read_json(folder / index).get("weight_map")
    files = list(placed.values()) if isinstance(placed, dict) else []
    if not files or not all(_is_shard(name, index) for name in files):
        raise CheckpointError(
            f"Damaged index {folder / index}: it must map tensor names to shard files of this "
            "folder. Get this file again."
        )
    names = sorted(set(files))
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise CheckpointError(
            f"Shards missing in {folder}: all but {some(missing)} of {len(names)} are there. Get "
            "the rest."
        )
    return names


def _is_shard(name: object, index: str) -> bool:
    """Whether an index may name this file: one of its own folder and format."""
    kind = ".bin" if index == PICKLED_INDEX else ".safetensors"
    return isinstance(name, str) and Path(name).name == name and name.endswith(kind)


def read_header(path: Path) -> tuple[int, dict[str, dict]]:
    """A safetensors file -> bytes before the first tensor, {name: dtype, shape, data_offsets}.

    Raises CheckpointError if the file is not safetensors, or not as long as its header says.
    """
    try:
        n_file = path.stat().st_size
        with path.open("rb") as file:
            n_json = int.from_bytes(file.read(8), "little")
            header = None
            if n_json <= min(MAX_HEADER_BYTES, n_file - 8):
                header = json.loads(file.read(n_json))
    except (OSError, ValueError, RecursionError) as error:
        raise _unreadable(path, str(error)) from error
    if header is None:
        raise not_whole(path, f"a header of {n_json:,} bytes", n_file)
    if not isinstance(header, dict):
        raise _unreadable(path, f"its header is a {type(header).__name__}")
    header.pop("__metadata__", None)
    for name, entry in header.items():
        if not _describes_a_tensor(entry):
            raise _unreadable(path, f"{name[:80]!r} has no dtype, shape and data_offsets")
    n_told = 8 + n_json + max((entry["data_offsets"][1] for entry in header.values()), default=0)
    if n_told != n_file:
        raise not_whole(path, f"{n_told:,} bytes", n_file)
    return 8 + n_json, header


def _describes_a_tensor(entry: object) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("dtype"), str)
        and _is_whole_numbers(entry.get("shape"))
        and _is_whole_numbers(entry.get("data_offsets"))
        and len(entry["data_offsets"]) == 2
    )


def _is_whole_numbers(found: object) -> bool:
    return isinstance(found, list) and all(type(n) is int and n >= 0 for n in found)


def _unreadable(path: Path, why: str) -> CheckpointError:
    return CheckpointError(
        f"Damaged weights in {path.parent}: {path.name} is no readable safetensors file ({why}). "
        "Get this file again."
    )


def not_whole(path: Path, wanted: str, n_file: int) -> CheckpointError:
    """The error for a file that is not as long as its header says."""
    return CheckpointError(
        f"Damaged weights in {path.parent}: the header of {path.name} announces {wanted}, the file "
        f"has {n_file:,}. Get this file again."
    )


def some(names: list[str]) -> str:
    """The first three names, and how many more there are."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _listing(folder: Path) -> str:
    if not folder.is_dir():
        return "no such folder"
    names = sorted(p.name for p in folder.iterdir())
    return some(names) if names else "an empty folder"
