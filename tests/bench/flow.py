"""The whole model as one flow, from a trace: what it takes to follow the last token back."""

import statistics
import time
from collections.abc import Iterator
from types import SimpleNamespace

import torch

from components.kit import canvas
from components.start import whole
from model.analysis import flow, lens
from model.run import trace
from tests.bench.model import gpt2_small, ids
from tests.bench.result import Result

N_TOKENS = 256
REPEATS = 7
SHARPER = 8  # times q and k: with random weights of the usual size no head prefers any token


def measure() -> Iterator[Result]:
    """The flow into the last of 256 tokens and the lens' word at each of its 13 stations, on one
    thread, from a trace that exists."""
    checkpoint = SimpleNamespace(model=gpt2_small("tapped"))
    for block in checkpoint.model.transformer.h:
        block.attn.c_attn.weight.mul_(SHARPER)
    run, n_threads = trace.run(checkpoint, ids(N_TOKENS)), torch.get_num_threads()
    torch.set_num_threads(1)
    times, found = [], None
    for _ in range(REPEATS):
        start = time.thread_time()
        found = flow.follow(checkpoint, run, N_TOKENS - 1)
        lens.best_words(checkpoint, run, N_TOKENS - 1)
        times.append(1000 * (time.thread_time() - start))
    torch.set_num_threads(n_threads)
    detail = f"{len(found.edges)} edges listed, 12 layers, processor time of one thread, float32"
    yield Result(f"flow of {N_TOKENS} tokens", statistics.median(times), "ms", detail, 300)
    yield _sent(checkpoint, run)


def _sent(checkpoint, run) -> Result:
    """The message that draws it, with made-up words in the place of names."""
    ids, probability = lens.best_words(checkpoint, run, N_TOKENS - 1)
    seen = SimpleNamespace(
        flow=flow.follow(checkpoint, run, N_TOKENS - 1), words=[f"·word{i}" for i in ids],
        probability=probability, next=SimpleNamespace(texts=["·word"] * 6, probability=probability[:6]),
    )
    names = [f"·word{i}" for i in run.ids]
    picture = whole.Picture("gpt2", names, run.ids, 0, 12, seen, lambda *_: None, None, False)
    megabytes = len(canvas.pack(whole.message(picture))) / 1e6
    return Result("sent for that flow", megabytes, "MB", f"{N_TOKENS} tokens, 12 layers", 0.5)
