"""Where a model runs and in which number format, each with its reason. Loads nothing itself."""

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import psutil
import torch
from torch import nn
from transformers import GPT2LMHeadModel

from model.loading.errors import CheckpointError
from model.run.checkpoint import Placement

DEVICES = ("auto", "cuda", "mps", "cpu")
DTYPES = {
    "auto": torch.float32,
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
HALF_FROM = 1e9  # bytes of weights in float32: from here on, a GPU waits for memory, not for Python
ROOM = 1.2  # memory needed ÷ bytes of the weights: a prompt's activations, the allocator's slack


def available() -> list[str]:
    """The devices this torch can use, fastest first; "cpu" is always the last."""
    gpus: dict[str, Callable[[], bool]] = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}
    return [name for name, is_there in gpus.items() if is_there()] + ["cpu"]


def choose(device: str, dtype: str, n_values: int) -> Placement:
    """One of DEVICES, one of DTYPES, how many numbers the model holds -> Placement.

    If the GPU has too little free memory, the CPU is chosen, and the reason says so. Raises
    CheckpointError for an unknown word, a missing device, and too little main memory.
    """
    _check_word("device", device, DEVICES)
    _check_word("number format", dtype, DTYPES)
    chosen, why_dtype = _numbers(device, dtype, n_values)
    name, why_device = _device(device, n_values, chosen)
    if name == "cpu" and dtype == "auto":
        chosen, why_dtype = torch.float32, _EXACT
    if name == "cpu":
        _check_main_memory(n_values, chosen)
    return Placement(torch.device(name), chosen, why_device, why_dtype)


def move(model: GPT2LMHeadModel, placement: Placement) -> tuple[GPT2LMHeadModel, Placement]:
    """(model, where it is now): the CPU if the GPU runs out of memory."""
    try:
        _put(model, placement.device)
        return model, placement
    except (torch.OutOfMemoryError, RuntimeError) as error:
        if "out of memory" not in str(error).lower():
            raise
    _put(model, torch.device("cpu"))
    if placement.device.type == "cuda":
        torch.cuda.empty_cache()
    why = (
        f"CPU, because {_NAMES[placement.device.type]} ran out of memory while the model was "
        "moved there; choose float16 or a smaller model to use it."
    )
    return model, replace(placement, device=torch.device("cpu"), why_device=why)


def _put(model: nn.Module, device: torch.device) -> None:
    """As torch's own `to`: transformers' has no types."""
    model.to(device)


_NAMES = {"cuda": "the GPU", "mps": "the Apple GPU"}


_EXACT = "float32 numbers, because they hold every published weight exactly."


def _numbers(device: str, dtype: str, n_values: int) -> tuple[torch.dtype, str]:
    """auto: float16 for large models on a CUDA GPU, float32 everywhere else."""
    if dtype != "auto":
        return DTYPES[dtype], f"{dtype} numbers, because you chose them."
    on_cuda = device == "cuda" or device == "auto" and available()[0] == "cuda"
    if on_cuda and 4 * n_values >= HALF_FROM:
        return torch.float16, ("float16 numbers, because a GPU reads half the bytes of a model this "
                               "large; choose float32 for every weight exactly.")
    return DTYPES[dtype], _EXACT


def _check_word(what: str, word: str, words: Iterable[str]) -> None:
    if word not in words:
        raise CheckpointError(
            f"Unknown {what}: {word!r}. Choose one of these: {', '.join(words)}."
        )


def _device(device: str, n_values: int, dtype: torch.dtype) -> tuple[str, str]:
    here = available()
    if device == "cpu":
        return "cpu", "CPU, because you chose it."
    if device != "auto" and device not in here:
        raise CheckpointError(
            f"There is no device {device} here: torch {torch.__version__} found only "
            f"{', '.join(here)}. Choose auto or {here[0]}."
        )
    name = here[0] if device == "auto" else device
    if name == "cpu":
        return "cpu", f"CPU, because torch {torch.__version__} finds no GPU here."
    needed, free = _bytes(n_values, dtype), free_on_gpu(name)
    if needed > free:
        return "cpu", (
            f"CPU, because the model needs {_gb(needed)} and {_NAMES[name]} has {_gb(free)} free."
        )
    chosen = "you chose it and it" if device != "auto" else "it"
    return name, (
        f"{_gpu(name)}, because {chosen} has room: {_gb(needed)} needed, {_gb(free)} free."
    )


def _bytes(n_values: int, dtype: torch.dtype) -> int:
    return int(n_values * dtype.itemsize * ROOM)


def _gpu(name: str) -> str:
    return torch.cuda.get_device_name() if name == "cuda" else "Apple GPU"


def free_on_gpu(name: str) -> int:
    """Bytes. CUDA: what the driver has free plus what torch's allocator holds unused."""
    if name == "cuda":
        unused = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
        return torch.cuda.mem_get_info()[0] + unused
    return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()


def _check_main_memory(n_values: int, dtype: torch.dtype) -> None:
    free, needed = free_main_memory(), _bytes(n_values, dtype)
    if needed > free:
        cure = ("Choose bfloat16 (half of it) or a smaller model" if dtype is torch.float32
                else "Close other programs, or choose a smaller model")
        raise CheckpointError(
            f"Not enough main memory: the model as {str(dtype).removeprefix('torch.')} needs "
            f"{_gb(needed)}, {_gb(free)} are free. {cure}."
        )


def free_main_memory() -> int:
    """Bytes that can still be had; on Linux a container's limit is included."""
    left = psutil.virtual_memory().available
    in_container = _free_in_container(Path("/sys/fs/cgroup"))
    return left if in_container is None else min(left, in_container)


def _free_in_container(folder: Path) -> int | None:
    """Bytes to the limit of this control group (version 2); cached files count as free."""
    try:
        limit = (folder / "memory.max").read_text().strip()
        used = int((folder / "memory.current").read_text())
        stat = (folder / "memory.stat").read_text().split()
    except OSError:
        return None
    cached = int(stat[stat.index("inactive_file") + 1])
    return None if limit == "max" else max(0, int(limit) - used + cached)


def n_cores() -> int:
    """Cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS and Windows
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _gb(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e8 else f"{n_bytes / 1e6:.0f} MB"
