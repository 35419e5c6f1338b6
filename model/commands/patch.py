"""All cells of activation patching into one file."""

import time
from argparse import Namespace
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from model.analysis import alignment, patching, recovery
from model.commands.opening import opened
from model.disk.whole import place, replacing
from model.run import tokens, trace
from model.run.checkpoint import Checkpoint
from model.run.trace import Trace

EVERY_S = 5.0  # a line of progress at most this often


def run_command(chosen: Namespace) -> Iterator[str]:
    """Patch every cell of every site, write, and say which cell brings back most."""
    sites = list(dict.fromkeys(site.strip() for site in chosen.sites.split(",")))
    check_file(chosen.out, ".npz")
    for site in sites:
        patching.check_site(site)
    loaded = opened(chosen.model)
    clean = _run(loaded, chosen.clean, "--clean")
    corrupt = _run(loaded, chosen.corrupt, "--corrupt", clean)
    pairs = _pairs(chosen, clean, corrupt)
    answers = []
    for name in ("answer", "against"):
        token, note = first_token(loaded, getattr(chosen, name), f"--{name}")
        answers.append(token)
        yield from note
    first, last = recovery.ends(loaded, clean, corrupt, "difference", *answers)
    arrays: dict[str, Any] = {"clean": np.array(first), "corrupt": np.array(last)}
    for site in sites:
        grid = yield from _grid(loaded, corrupt, clean, site, pairs)
        found = recovery.recovered(loaded, grid, clean, corrupt, "difference", *answers)
        arrays[site] = found.share.astype(np.float32)
        yield _said(loaded, corrupt, site, found.share)
    for name, run in (("clean", clean), ("corrupt", corrupt)):
        arrays[f"tokens_{name}"] = np.array(tokens.display(loaded.tokenizer, run.ids))
    with replacing(chosen.out) as draft, open(draft, "wb") as file:
        np.savez_compressed(file, **arrays)
    yield f"logit difference: {first:+.4f} clean, {last:+.4f} corrupted"
    yield f"{chosen.out}: {len(corrupt)} tokens, {loaded.name} on {loaded.placement.device}"


def _grid(
    loaded: Checkpoint, corrupt: Trace, clean: Trace, site: str, pairs: np.ndarray
) -> Generator[str, None, patching.Grid]:
    """All cells of a site; a line of progress now and then."""
    rows, said = [], time.perf_counter()
    for layer, streams in patching.layer_by_layer(loaded, corrupt, clean, site, pairs):
        rows.append(streams)
        if time.perf_counter() - said > EVERY_S:
            said = time.perf_counter()
            yield f"  {site}: {layer + 1} of {corrupt.n_layers} layers"
    return patching.Grid(site, torch.stack(rows))


def check_file(path: Path, suffix: str) -> None:
    """Raise ValueError for another kind of file, NotWritten where no file can be written."""
    if path.suffix != suffix:
        raise ValueError(f"{path.name} is no *{suffix} file. Name the file *{suffix}.")
    place(path)


def first_token(loaded: Checkpoint, text: str, option: str) -> tuple[int, list[str]]:
    """A text's first token, and a line that says so where it has others. ValueError for no text."""
    ids = tokens.encode(loaded.tokenizer, text)
    if not len(ids):
        raise ValueError(f"{option} is empty. Give it a word, with its leading space.")
    shown = tokens.display(loaded.tokenizer, ids)
    several = f"{option} has {len(ids)} tokens ({' '.join(shown)}); the first, {shown[0]}, is taken"
    return int(ids[0]), [several] if len(ids) > 1 else []


def _run(
    loaded: Checkpoint, text: str, option: str, prefix: Trace | None = None
) -> Trace:
    try:
        return trace.run(loaded, tokens.encode(loaded.tokenizer, text), prefix)
    except ValueError as problem:
        raise ValueError(f"{option}: {problem}") from problem


def _pairs(chosen: Namespace, clean: Trace, corrupt: Trace) -> np.ndarray:
    """The clean prompt's token for each of the corrupted one's."""
    if chosen.align:
        pairs = alignment.by_subsequence(corrupt.ids, clean.ids)
    elif len(clean) != len(corrupt):
        raise ValueError(
            f"Different token counts: {len(clean)} in --clean, {len(corrupt)} in --corrupt. Make them "
            "equal, or add --align: it patches the tokens that stand for each other."
        )
    else:
        pairs = alignment.by_position(len(corrupt), len(clean))
    asked = np.isin(np.arange(len(pairs)), _range(chosen.range, len(pairs)))
    pairs = np.where(asked, pairs, alignment.NONE)
    n_asked = int((pairs != alignment.NONE).sum())
    if n_asked > patching.MOST_TOKENS:
        raise ValueError(
            f"Too many cells: {n_asked:,} tokens in each of {corrupt.n_layers} layers. Add --range "
            f"FIRST:END with at most {patching.MOST_TOKENS} tokens, {len(pairs) - patching.MOST_TOKENS}:"
            f"{len(pairs)} for the last."
        )
    if not n_asked:
        raise ValueError(
            f"No token to patch: none of the {len(pairs)} tokens of --corrupt in this range stands for "
            "one of --clean. Choose another range, or prompts that share more."
        )
    return pairs


def _range(text: str | None, n: int) -> range:
    """FIRST:END -> these tokens of n."""
    if text is None:
        return range(n)
    first, colon, end = text.partition(":")
    if not (colon and first.isdecimal() and end.isdecimal() and int(first) < int(end) <= n):
        raise ValueError(f"No range {text!r} of {n} tokens. Write FIRST:END, such as 0:{min(n, 24)}.")
    return range(int(first), int(end))


def _said(loaded: Checkpoint, corrupt: Trace, site: str, share: np.ndarray) -> str:
    """Which cell brings back most."""
    layer, at = np.unravel_index(np.nanargmax(share), share.shape)
    where = f"head {at}" if site == "head" else (
        f"token {at} ({tokens.display(loaded.tokenizer, corrupt.ids[at : at + 1])[0]})")
    most = round(float(share[layer, at]), 4) + 0.0  # never -0
    return f"  {site:6} {share.shape}  most: {most:+.4f} at layer {layer}, {where}"
