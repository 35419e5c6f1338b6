"""Traces against the stock model: time, peak memory, one more token, identities."""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from model.analysis import attention
from model.run import tap, trace
from tests.bench import place
from tests.bench.result import Result

REPEATS = 9


def gpt2_small(kind: str) -> GPT2LMHeadModel:
    """GPT-2 small's shape, random weights of one seed; kind: "tapped", "sdpa" or "eager"."""
    torch.manual_seed(0)
    config = GPT2Config()
    config._attn_implementation = "eager" if kind == "eager" else "sdpa"
    model = GPT2LMHeadModel(config).eval().requires_grad_(False).to(place.device)
    if kind == "tapped":
        tap.attach(model)
    return model


def measure() -> Iterator[Result]:
    """All measurements of the model's side, as they come."""
    checkpoint = SimpleNamespace(model=gpt2_small("tapped"), fingerprint="bench")
    stock = gpt2_small("sdpa")
    yield from _identities(checkpoint, stock)
    yield from _fresh(checkpoint, stock)
    yield from _one_more_token(checkpoint, stock)
    yield _survey(checkpoint)
    if sys.platform == "linux" and place.device == "cpu":  # where a process can begin its peak anew
        yield _peak_memory()


def ids(n: int) -> np.ndarray:
    """n random ids of GPT-2's vocabulary, the same every time."""
    return np.random.default_rng(0).integers(0, 50257, n)


def _identities(checkpoint, stock) -> Iterator[Result]:
    prompt = ids(96)
    run = trace.run(checkpoint, prompt)
    with torch.inference_mode():
        expected = stock(place.tensor(prompt)[None]).logits[0].cpu()
        maps = gpt2_small("eager")(place.tensor(prompt)[None], output_attentions=True).attentions
    mine = [attention.weights(checkpoint, run, 7, h) for h in range(12)]
    grown = trace.run(checkpoint, prompt, prefix=trace.run(checkpoint, prompt[:60]))
    steps = attention.steps(checkpoint, run, 7, 0, 95)
    identities = {
        "logits = stock model's": (torch.as_tensor(trace.logits(checkpoint, run)).cpu() - expected).abs().max(),
        "weights = eager attention": np.abs(np.stack(mine) - maps[7][0].cpu().numpy()).max(),
        "rows sum to 1": np.abs(np.stack(mine).sum(-1) - 1).max(),
        "heads + bias = what attention added": steps.residual_error,
        "trace from a prefix = from scratch": (grown.stream - run.stream).abs().max(),
    }
    for name, error in identities.items():
        yield Result(name, float(error), "max |Δ|", "96 tokens, GPT-2-small shape", 1e-4)


def _fresh(checkpoint, stock) -> Iterator[Result]:
    for n, aim in ((16, 1.05), (64, 1.05), (256, 1.05), (1024, 1.0)):
        prompt = place.tensor(ids(n))[None]
        bare = lambda prompt=prompt: stock(prompt, use_cache=True, logits_to_keep=1)
        mine = lambda prompt=prompt: trace.run(checkpoint, prompt[0].cpu().numpy())
        a, b = _medians(bare, mine)
        yield Result(f"trace of {n} tokens ÷ bare pass", b / a, "×", _ms(b, a), aim)


def _one_more_token(checkpoint, stock) -> Iterator[Result]:
    for n, aim in ((256, 8), (1023, 25)):
        prompt = ids(n + 1)
        before = trace.run(checkpoint, prompt[:-1])
        past = trace._cache_of(stock.config, before.rows)
        last = place.tensor(prompt[-1:])[None]

        def bare(last=last, past=past):
            stock(last, past_key_values=past, logits_to_keep=1)
            past.crop(-1)

        mine = lambda prompt=prompt, before=before: trace.run(checkpoint, prompt, prefix=before)
        fresh = lambda prompt=prompt: trace.run(checkpoint, prompt)
        a, b, c = _medians(bare, mine, fresh)
        yield Result(f"one more token after {n} ÷ cached step", b / a, "×", _ms(b, a), 1.25)
        yield Result(f"fresh trace ÷ one more token after {n}", c / b, "×", _ms(c, b), aim, True)


def _survey(checkpoint) -> Result:
    run = trace.run(checkpoint, ids(1024))
    (seconds,) = _medians(lambda: attention.survey(checkpoint, run))
    return Result("all heads of 1,024 tokens, pooled", seconds, "s", "from a trace", 1.5)


def _peak_memory() -> Result:
    """Each variant in a process of its own, where freed memory goes back to the system at once."""
    env = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
    peaks = {}
    for kind in ("tapped", "eager"):
        code = f"from tests.bench.model import peak_extra; print(peak_extra({kind!r}))"
        done = subprocess.run(
            [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False
        )
        peaks[kind] = json.loads(done.stdout)
    ratio = peaks["tapped"] / peaks["eager"]
    detail = ", ".join(f"{kind} {n / 2**20:.0f} MiB" for kind, n in peaks.items())
    return Result("peak extra memory ÷ eager, 1,024 tokens", ratio, "×", detail, 0.35)


def peak_extra(kind: str) -> int:
    """Bytes by which one pass of 1,024 tokens raises this process's resident peak (Linux)."""
    model, prompt = gpt2_small(kind), ids(1024)
    checkpoint = SimpleNamespace(model=model)

    def once(prompt):
        if kind == "tapped":
            return trace.run(checkpoint, prompt)
        with torch.inference_mode():
            return model(
                place.tensor(prompt)[None], use_cache=True, logits_to_keep=1,
                output_attentions=True, output_hidden_states=True,
            )

    once(prompt[:16])
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the peak starts again from now
    before = _status("VmRSS")
    kept = once(prompt)
    after = _status("VmHWM")
    del kept
    return after - before


def _status(field: str) -> int:
    with open("/proc/self/status") as file:
        line = next(line for line in file if line.startswith(field))
    return int(line.split()[1]) * 1024


def _medians(*calls) -> list[float]:
    """Seconds of each call, medians over rounds that take turns, so that all see one machine."""
    times = [[] for _ in calls]
    with torch.inference_mode():
        for _ in range(REPEATS + 1):
            for call, kept in zip(calls, times):
                start = time.perf_counter()
                call()
                place.wait()
                kept.append(time.perf_counter() - start)
    return [statistics.median(kept[1:]) for kept in times]


def _ms(first: float, second: float) -> str:
    return f"{1000 * first:.1f} ms against {1000 * second:.1f} ms, {place.said()}"
