"""Where a model comes from: the embedded one, a local folder, or the hub -> a loaded Checkpoint.

Knows nothing of prompts and traces, nor of who chose the model. `weights` checks and reads the
files, `hub` fetches them, `placement` decides the device; this file puts them together.
"""

import gc
import math
import os
from collections.abc import Callable
from pathlib import Path

import torch
from transformers import GPT2LMHeadModel

from model.disk.home import expanded
from model.grafts import modules
from model.grafts.modules import Modules
from model.loading import hub, placement, weights
from model.loading.errors import CheckpointError
from model.loading.tokenizer import read_tokenizer
from model.run import tap
from model.run.checkpoint import Checkpoint

__all__ = ["CheckpointError", "find", "load", "settle", "source"]

EMBEDDED = Path(__file__).parents[1] / "embedded"


def load(
    name: str = "embedded",
    device: str = "auto",
    dtype: str = "auto",
    on_progress: Callable[[hub.DownloadProgress], None] | None = None,
) -> Checkpoint:
    """A model by name; a hub name that is not yet on this machine is downloaded.

    device: auto, cuda, mps or cpu; dtype: auto, float32, bfloat16 or float16; on_progress gets the
    reports of a download. Raises CheckpointError, one line: what is wrong and what to do.
    """
    folder = find(name) or hub.download(name, on_progress)
    if source(name) != "hub":
        return _load(name, folder, device, dtype)
    with hub.named(name, folder):
        return _load(name, folder, device, dtype)


def _load(name: str, folder: Path, device: str, dtype: str) -> Checkpoint:
    config = weights.read_config(folder)
    tensors, odd_files = weights.match(config, weights.stored(folder), folder)
    tokenizer, odd_tokens = read_tokenizer(folder, config)
    n_values = sum(math.prod(t.shape) for t in tensors.values())
    place = placement.choose(device, dtype, n_values)
    said_tied = config.tie_word_embeddings
    model = weights.build(config, tensors, place.dtype)
    odd_ends = weights.set_ends(model, folder)
    odd = [*odd_tokens, *odd_ends, *odd_files, *_oddities(model, said_tied)]
    model, place = placement.move(model, place)
    tap.attach(model)
    mark = weights.fingerprint(folder)
    memory, odd_memory = _memory_beside(folder, model, mark)
    warnings = (*odd, *odd_memory)
    return Checkpoint(name, folder, model, tokenizer, place, mark, warnings, memory)


def _memory_beside(
    folder: Path, model: GPT2LMHeadModel, mark: str
) -> tuple[Modules | None, tuple[str, ...]]:
    """(trained memory or None, warnings): a bad file gives a warning, and the model still loads."""
    try:
        found = modules.beside(folder, model.config, mark)
    except ValueError as problem:
        return None, (f"The trained memory beside this model is not used. {problem}",)
    return (None if found is None else found.to(model.device)), ()


def source(name: str) -> str:
    """A name -> "embedded", "folder" or "hub"; asks the disk, never the network.

    A well-known name means the hub even if a folder has that name (for the folder write ./gpt2).
    """
    if name == "embedded":
        return "embedded"
    if name in hub.SIZES:
        return "hub"
    path_like = name.startswith((".", "/", "~")) or "\\" in name or ":" in name
    return "folder" if path_like or _is_folder(name) or _is_file(name) else "hub"


def find(name: str) -> Path | None:
    """The folder with the model's files; None for a hub name that is not wholly downloaded.

    Raises CheckpointError for a missing folder and for text that is no model name.
    """
    kind = source(name)
    if kind == "hub":
        return hub.cached(name)
    folder = EMBEDDED if kind == "embedded" else expanded(name)
    if _is_file(folder):
        raise CheckpointError(f"{folder} is a file. Choose the folder that holds config.json and the weights.")
    if not _is_folder(folder):
        raise CheckpointError(
            f"There is no folder {folder}. Check the path, or write a hub name such as gpt2."
        )
    return folder


def settle() -> None:
    """Prepare a process that serves visitors, after a model has loaded.

    Python's garbage collector would walk every object of torch and transformers after each script
    run (0.3-0.6 s with the interpreter locked), so we collect dropped models and freeze what is
    left. One core is left to the server, unless OMP_NUM_THREADS is set.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, placement.n_cores() - 1))


def _is_file(path: str | Path) -> bool:
    try:
        return Path(path).is_file()
    except (OSError, ValueError):
        return False


def _is_folder(path: str | Path) -> bool:
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):  # too long, or a NUL inside: no folder
        return False


def _oddities(model: GPT2LMHeadModel, said_tied: bool) -> list[str]:
    odd = []
    if bad := weights.not_finite(model):
        odd.append("There is NaN or infinity in the weights, so this model's output means nothing. "
                   f"Tensors that hold some: {len(bad)}, the first: {bad[0]}.")
    if said_tied and not model.config.tie_word_embeddings:
        odd.append("config.json ties the unembedding to the token embedding, but the file holds "
                   "two different matrices: both are used, as transformers does.")
    return odd
