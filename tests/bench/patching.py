"""Activation patching: all cells of a grid against as many full passes, one after another."""

import statistics
import time
from collections.abc import Iterator
from types import SimpleNamespace

import torch

from model.analysis import patching
from model.run import trace
from tests.bench.model import gpt2_small, ids
from tests.bench.result import Result

N_TOKENS = 24
PASSES = 5  # before and behind every grid


@torch.inference_mode()
def measure() -> Iterator[Result]:
    """Every site's cells for two prompts of 24 tokens that differ from the first token on, divided
    by a bare pass of the stock model times as many cells."""
    checkpoint, stock = SimpleNamespace(model=gpt2_small("tapped")), gpt2_small("sdpa")
    prompts = ids(2 * N_TOKENS)
    clean, corrupt = (trace.run(checkpoint, part) for part in (prompts[:N_TOKENS], prompts[N_TOKENS:]))
    prompt = torch.tensor(corrupt.ids)[None]
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for site in patching.SITES:
        passes = [_seconds(lambda: stock(prompt, use_cache=False)) for _ in range(PASSES)]
        grid = _seconds(lambda site=site: patching.every_cell(checkpoint, corrupt, clean, site))
        passes += [_seconds(lambda: stock(prompt, use_cache=False)) for _ in range(PASSES)]
        one, n = statistics.median(passes), 12 * (12 if site == "head" else N_TOKENS)
        detail = f"{grid:.2f} s against {n} × {1000 * one:.1f} ms, processor time of one thread, float32"
        yield Result(f"all {n} cells of {site}, {N_TOKENS} tokens ÷ passes", grid / one / n, "×", detail, 0.5)
    torch.set_num_threads(n_threads)


def _seconds(call) -> float:
    start = time.thread_time()
    call()
    return time.thread_time() - start
