"""The whole model as one flow, from a trace: what it takes to follow the last token back."""

import statistics
import time
from collections.abc import Iterator
from types import SimpleNamespace

import torch

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
