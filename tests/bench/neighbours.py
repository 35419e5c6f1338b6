"""Nearest neighbours over a vocabulary of GPT-2 small's size: time, exactness."""

import statistics
import time
from collections.abc import Iterator

import numpy as np

from model.analysis import embeddings
from tests.bench.result import Result

V, C, K = 50257, 768, 20
REPEATS = 25


def measure() -> Iterator[Result]:
    """One search by cosine over all V tokens, the normalising done once per model, exactness."""
    table = np.random.default_rng(0).standard_normal((V, C), dtype=np.float32)
    start = time.perf_counter()
    units = embeddings.unit(table)
    once = time.perf_counter() - start
    detail = f"{V:,} × {C} float32, once per model"
    yield Result("vectors scaled to length 1", 1000 * once, "ms", detail)
    asked = np.random.default_rng(1).integers(0, V, REPEATS)
    times = [_seconds(units, token) for token in asked]
    detail = f"{K} of {V:,} × {C}, cpu float32, slowest {1000 * max(times):.1f} ms of {REPEATS}"
    median = 1000 * statistics.median(times)
    yield Result("nearest neighbours, whole vocabulary", median, "ms", detail, 100)
    wrong = sum(_differs(table, units, token) for token in asked[:5])
    yield Result("lists unlike a full sort in float64", wrong, "of 5", f"the first {K}", 0)


def _seconds(units: np.ndarray, token: int) -> float:
    start = time.perf_counter()
    embeddings.nearest(units, units[token], K)
    return time.perf_counter() - start


def _differs(table: np.ndarray, units: np.ndarray, token: int) -> bool:
    """Whether a list names tokens whose float64 cosines are not the K largest (to 1e-6)."""
    wide = table.astype(np.float64)
    cosine = wide @ wide[token] / np.linalg.norm(wide, axis=1) / np.linalg.norm(wide[token])
    found = embeddings.nearest(units, units[token], K)
    return not np.allclose(cosine[found.ids], np.sort(cosine)[::-1][:K], atol=1e-6)
