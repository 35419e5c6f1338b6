"""Trace one prompt and write its tensors to one .npz file.

Arrays, T = tokens: ids (T,), tokens (T,) display strings, q, k, v (L,H,T,d), attention (L,H,T,T),
residual (L+1,T,D) before each block and after the last, logits (T,V).
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from model.analysis import attention
from model.commands import options
from model.disk.whole import replacing
from model.loading import checkpoint
from model.run import tokens, trace
from model.run.checkpoint import Checkpoint


def add_arguments(parser: ArgumentParser) -> None:
    """The arguments of `python -m model trace`."""
    options.add_model(parser)
    parser.add_argument("--prompt", required=True, help="the text to trace")
    parser.add_argument("--out", required=True, type=Path, help="the .npz file to write")


def run_command(chosen: Namespace) -> Iterator[str]:
    """Trace, write, and say what was written, line by line."""
    if not chosen.out.parent.is_dir():
        raise ValueError(f"No folder {chosen.out.parent} to write {chosen.out.name} into. Make it "
                         "first.")
    loaded = checkpoint.load(chosen.model)
    ids = tokens.encode(loaded.tokenizer, chosen.prompt)
    run = trace.run(loaded, ids)
    arrays = arrays_of(loaded, run)
    _write(chosen.out, arrays)
    yield f"{chosen.out}: {len(run)} tokens, {loaded.name} on {loaded.placement.device}"
    for name, array in arrays.items():
        yield f"  {name:10} {array.dtype.str:6} {array.shape}"


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
