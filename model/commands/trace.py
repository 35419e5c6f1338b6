"""One prompt's tensors into a file, or what such a file holds."""

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from model.analysis import attention
from model.commands.opening import opened
from model.disk.whole import place, replacing
from model.memory import sessions
from model.memory.state import load_state
from model.run import tokens, trace
from model.run.checkpoint import Checkpoint
from model.takeaway import trace_file

SUFFIX = ".safetensors"


def run_command(chosen: Namespace) -> Iterator[str]:
    """Trace, write, and say what was written, line by line; or say what a file holds."""
    if chosen.open is not None:
        if chosen.out is not None or chosen.session is not None:
            raise ValueError("--open only says what a file holds. Leave --out and --session out, or trace a "
                             "--prompt.")
        yield from _opened(chosen.open)
        return
    if chosen.out is None:
        raise ValueError("No file to write. Add --out FILE.safetensors or --out FILE.npz.")
    _check_out(chosen.out)  # before the model is loaded
    loaded = opened(chosen.model)
    ids = tokens.encode(loaded.tokenizer, chosen.prompt)
    run = trace.run(loaded, ids)
    if chosen.out.suffix == SUFFIX:
        yield from _write_trace_file(chosen, loaded, run)
        return
    if chosen.session:
        raise ValueError(f"Only a *{SUFFIX} file takes a session along, {chosen.out.name} does not. "
                         f"Name the file *{SUFFIX}.")
    arrays = arrays_of(loaded, run)
    _write(chosen.out, arrays)
    yield f"{chosen.out}: {len(run)} tokens, {loaded.name} on {loaded.placement.device}"
    for name, array in arrays.items():
        yield f"  {name:10} {array.dtype.str:6} {array.shape}"


def _check_out(path: Path) -> None:
    """Raises ValueError for another kind of file, and where such a file holds something else, such as
    a model's weights; NotWritten where no file can be written."""
    target = place(path)
    if path.suffix not in (SUFFIX, ".npz"):
        raise ValueError(f"{path.name} is neither a *{SUFFIX} nor a *.npz file. Name the file *{SUFFIX} "
                         "or *.npz.")
    if target.is_file() and path.suffix == SUFFIX and not trace_file.is_one(path):
        raise ValueError(f"{path} is there already and is no trace file. Choose another name, or move that "
                         "file away.")


def _write_trace_file(chosen: Namespace, loaded: Checkpoint, run: trace.Trace) -> Iterator[str]:
    told = None
    if chosen.session:
        sessions.saved(chosen.session)
        with sessions.hold(chosen.session) as path:
            told = load_state(path, loaded)
    content = trace_file.as_bytes(loaded, run, chosen.prompt, told)
    with replacing(chosen.out) as draft:
        draft.write_bytes(content)
    yield f"{chosen.out}: {len(run)} tokens, {loaded.name}, {len(content):,} bytes"


def _opened(path: Path) -> Iterator[str]:
    """What a trace file holds, without loading the model."""
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise ValueError(f"Cannot read {path}: {problem.strerror}. Check its name.") from problem
    found = trace_file.from_bytes(content, path.name)
    run, (layer, head, key, weight) = found.trace, trace_file.strongest(found)
    programs = ", ".join(f"{name} {version}" for name, version in found.versions.items())
    yield f"{path}: {len(run)} tokens of {found.model} ({found.fingerprint}); {programs}"
    yield f"  prompt  {found.prompt!r}"
    yield f"  tokens  {' '.join(found.tokens)}"
    for name in ("q", "k", "v", "stream"):
        yield f"  {name:7} {tuple(getattr(run, name).shape)}"
    yield (f"  the last token reads {found.tokens[key]} ({key}) most: {weight:.4f}, layer {layer} head "
           f"{head}")
    yield f"  memory  {f'{len(found.memory):,} bytes' if found.memory else 'none'}"


def arrays_of(loaded: Checkpoint, run: trace.Trace) -> dict[str, np.ndarray]:
    """Every array of the file, in float32 where it is a number."""
    heads = range(run.rows[0].q[0].shape[0])
    maps = [[attention.weights(loaded, run, layer, h) for h in heads] for layer in range(run.n_layers)]
    tensors = {"q": run.q, "k": run.k, "v": run.v, "residual": run.residual}
    tensors["logits"] = trace.logits(loaded, run)
    numbers = {name: x.float().cpu().numpy() for name, x in tensors.items()}
    texts = np.array(tokens.display(loaded.tokenizer, run.ids))
    logits = numbers.pop("logits")
    return {"ids": run.ids, "tokens": texts, **numbers, "attention": np.array(maps), "logits": logits}


def _write(path: Path, arrays: dict[str, Any]) -> None:
    with replacing(path) as draft, open(draft, "wb") as file:
        np.savez_compressed(file, **arrays)
