"""Generation against transformers' own generate, and a step's time as the cache grows."""

import statistics
import time
from collections.abc import Iterator
from types import SimpleNamespace

import torch
from transformers import DynamicCache

from model.run import generate
from model.run.cache import KVCache
from model.run.sampling import SamplingSettings
from tests.bench import place
from tests.bench.model import gpt2_small, ids
from tests.bench.result import Result

ROUNDS = 5
N_PROMPT, N_TOKENS = 64, 64


def measure() -> Iterator[Result]:
    """All measurements of generation, as they come."""
    checkpoint = SimpleNamespace(model=gpt2_small("tapped"), fingerprint="bench")
    stock = gpt2_small("sdpa")
    yield from _tokens_per_second(checkpoint, stock)
    yield _step_at(checkpoint)
    yield _cached_against_uncached(checkpoint)


def _ours(checkpoint) -> list[generate.GeneratedToken]:
    reader = generate.WithCache(checkpoint, KVCache(checkpoint.model.config.n_layer))
    return list(generate.generate(
        reader, ids(N_PROMPT), N_TOKENS, settings=SamplingSettings(temperature=0),
        generator=torch.Generator(),
    ))


def _theirs(stock) -> list[int]:
    out = stock.generate(
        place.tensor(ids(N_PROMPT))[None], max_new_tokens=N_TOKENS, do_sample=False,
        eos_token_id=None, pad_token_id=0, past_key_values=DynamicCache(config=stock.config),
    )
    return out[0, N_PROMPT:].tolist()


def _tokens_per_second(checkpoint, stock) -> Iterator[Result]:
    """The two take turns; the first round is not counted."""
    ours_s, theirs_s = [], []
    for _ in range(ROUNDS + 1):
        ours_s.append(_seconds(lambda: _ours(checkpoint)))
        theirs_s.append(_seconds(lambda: _theirs(stock)))
    ours, theirs = (N_TOKENS / statistics.median(x[1:]) for x in (ours_s, theirs_s))
    detail = f"{ours:.1f} against {theirs:.1f}, {N_PROMPT} + {N_TOKENS} tokens, {place.said()}"
    yield Result("tokens/s ÷ transformers' generate", ours / theirs, "×", detail, 0.9, True)
    same = [s.token for s in _ours(checkpoint)] == _theirs(stock)
    yield Result("greedy tokens = transformers' generate", float(same), "1 = all", "", 1, True)


def _step_at(checkpoint) -> Result:
    """Steps of two conversations in turns, so that both see one machine."""
    readers = {}
    for t in (10, 1000):
        cache = KVCache(checkpoint.model.config.n_layer)
        readers[t] = generate.WithCache(checkpoint, cache)
        readers[t].read(ids(t - 1))
    times = {t: [] for t in readers}
    for i in range(20):
        for t, reader in readers.items():
            times[t].append(reader.read(ids(20)[i : i + 1]).seconds)
            reader.cache.crop(-1)
    short, long = (1000 * statistics.median(times[t][1:]) for t in (10, 1000))
    detail = f"{long:.1f} ms against {short:.1f} ms, {place.said()}"
    return Result("a step at t = 1,000 ÷ at t = 10", long / short, "×", detail, 2.0)


def _cached_against_uncached(checkpoint) -> Result:
    taken = _ours(checkpoint)
    text = [*ids(N_PROMPT), *(s.token for s in taken[:-1])]
    anew = generate.recompute(checkpoint, text, N_TOKENS)
    error = max(float((s.reading.logits - x).abs().max()) for s, x in zip(taken, anew))
    return Result("logits with cache = without", error, "max |Δ|", f"{N_TOKENS} steps", 1e-4)


def _seconds(call) -> float:
    start = time.perf_counter()
    call()
    place.wait()
    return time.perf_counter() - start
