"""Bits per byte of a text file, as lines or JSON."""

import json
import time
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from model.analysis import surprisal
from model.commands.opening import opened
from model.run import tokens
from model.run.checkpoint import Checkpoint
from model.run.tokens import Ids

EVERY_S = 5.0  # a line of progress at most this often


def run_command(chosen: Namespace) -> Iterator[str]:
    """Score the file; lines of progress and the result, or one JSON object."""
    text = read_text(chosen.file)
    loaded = opened(chosen.model)
    ids = tokens.encode(loaded.tokenizer, text)
    window = loaded.model.config.n_positions
    stride = window // 2 if chosen.stride is None else chosen.stride
    start = said = time.perf_counter()
    for total in surprisal.score(loaded, ids, window, stride):
        if not chosen.json and time.perf_counter() - said > EVERY_S:
            said = time.perf_counter()
            share = total.n_tokens / (len(ids) - 1)
            yield f"{share:5.1%} read, {total.bits_per_token:.4f} bits per token so far"
    seconds = time.perf_counter() - start
    total, n_unknown = _of_text(loaded.tokenizer, text, ids, total)
    facts = _facts(chosen.file, loaded, ids, total, window, stride, seconds)
    facts["tokens_unknown"] = n_unknown
    yield from [json.dumps(facts, indent=1)] if chosen.json else _lines(facts)


def read_text(path: Path) -> str:
    """The file's text, unchanged. ValueError if the file cannot be read, is empty or is not text."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ValueError(
            f"Could not read {path} ({error.strerror}). Name a text file that exists and may be "
            "read."
        ) from error
    if not raw:
        raise ValueError(f"Empty file: {path}. Name a file with some text in it.")
    place = raw.find(0)
    if place >= 0:
        raise ValueError(
            f"Not a text file: {path} is binary, with a zero byte at {place:,}. "
            "Name a file with text in UTF-8."
        )
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"Not UTF-8 text: {path} has the byte 0x{raw[error.start]:02x} at {error.start:,}. "
            "Save it as UTF-8, or name another file."
        ) from error


def _of_text(
    tokenizer: PreTrainedTokenizerBase, text: str, ids: Ids, total: surprisal.Total
) -> tuple[surprisal.Total, int]:
    """The total over the text's own bytes behind its first token, and how many tokens are unknown. A
    tokenizer that does not keep every byte has tokens that stand for more or fewer than they spell."""
    n_bytes = len(text.encode())
    if total.n_bytes + tokens.n_text_bytes(tokenizer, int(ids[0])) == n_bytes:
        return total, 0
    backend = getattr(tokenizer, "backend_tokenizer", None)
    end = backend.encode(text).offsets[0][1] if backend is not None else 0
    knows_all = tokens.is_byte_level(tokenizer) or tokenizer.unk_token_id is None
    unknown = 0 if knows_all else int((ids == tokenizer.unk_token_id).sum())
    return replace(total, n_bytes=n_bytes - len(text[:end].encode())), unknown


def _facts(
    path: Path, loaded: Checkpoint, ids: Ids, total: surprisal.Total, window: int, stride: int,
    seconds: float,
) -> dict:
    return {
        "file": str(path),
        "model": loaded.name,
        "device": f"{loaded.placement.device} {loaded.placement.dtype}".replace("torch.", ""),
        "bits_per_byte": total.bits_per_byte,
        "bits_per_token": total.bits_per_token,
        "perplexity": total.perplexity,
        "tokens": len(ids),
        "tokens_counted": total.n_tokens,
        "bytes": path.stat().st_size,
        "bytes_counted": total.n_bytes,
        "window": window,
        "stride": stride,
        "seconds": seconds,
    }


def _lines(facts: dict) -> Iterator[str]:
    left_out = facts["bytes"] - facts["bytes_counted"]
    yield f"{facts['file']}, {facts['model']} on {facts['device']}"
    yield f"  {facts['bits_per_byte']:.4f} bits per byte"
    yield f"  {facts['bits_per_token']:.4f} bits per token, perplexity {facts['perplexity']:.3f}"
    yield f"  {facts['tokens_counted']:,} tokens, {facts['bytes_counted']:,} bytes counted"
    yield f"  not counted: the first token ({left_out} bytes), which nothing precedes"
    if facts["tokens_unknown"]:
        yield (f"  {facts['tokens_unknown']:,} tokens are unknown to this tokenizer: the model is not asked for "
               "their text, so its figures are lower than those of a model that is")
    yield f"  windows of {facts['window']:,} tokens, stride {facts['stride']:,}"
    rate = facts["tokens_counted"] / facts["seconds"]
    yield f"  {facts['seconds']:.1f} s, {rate:,.0f} tokens/s"
