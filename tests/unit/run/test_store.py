"""The store: bounded, shared rows count once, keys that hold all that changes a result."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from model.run import trace
from model.run.store import ABSENT, ResultStore, RunKey, held


def test_the_store_keeps_the_latest_entries(tiny):
    store = ResultStore(max_entries=2)
    traces = [trace.run(tiny, [n]) for n in range(3)]
    store.put(("m", 0), traces[0])
    store.put(("m", 1), traces[1])
    store.get(("m", 0))
    store.put(("m", 2), traces[2])
    assert store.get(("m", 1)) is None
    assert store.get(("m", 0)) is traces[0] and store.get(("m", 2)) is traces[2]


def test_the_store_stays_within_its_bytes(tiny):
    store = ResultStore(max_bytes=300_000)
    for n in range(40):
        store.put(("m", n), trace.run(tiny, np.full(30, n)))
        assert store.n_bytes <= 300_000
    assert 1 < len(store) < 40


def test_shared_rows_count_once_and_all_are_given_back(tiny):
    store = ResultStore(max_entries=3)
    first = trace.run(tiny, np.arange(60))
    store.put(("m", 0), first)
    alone = store.n_bytes
    grown = trace.run(tiny, np.arange(61), prefix=first)
    store.put(("m", 1), grown)
    assert store.n_bytes < 1.1 * alone
    for n in range(3):
        store.put(("m", 10 + n), trace.run(tiny, [n]))
    tensors = lambda t: sum({
        x.untyped_storage().data_ptr(): x.untyped_storage().nbytes()
        for r in t.rows for x in (*r.q, *r.k, *r.v, *r.stream)
    }.values())
    kept = [store.get(("m", 10 + n)) for n in range(3)]
    assert store.n_bytes == sum(
        tensors(t) + t.next_logits.untyped_storage().nbytes() + t.ids.nbytes for t in kept
    )


@pytest.mark.parametrize("size", [4, 300])
def test_an_entry_put_again_counts_once_and_the_newest_stays_whatever_its_size(size):
    store = ResultStore(max_bytes=1000)
    for _ in range(2):
        store.put("a", np.zeros(size))
        assert store.n_bytes == 8 * size and len(store) == 1
    store.put("b", np.zeros(1))
    assert (store.get("a") is None) == (size == 300)


@dataclass(frozen=True)
class Pair:
    first: np.ndarray
    more: dict


def test_arrays_anywhere_in_a_value_count_and_views_count_as_what_they_view():
    base, other = np.zeros(100), torch.zeros(10)
    value = Pair(base[5:], {"a": [other, (other[:2], base[:1])], "model": torch.nn.Linear(9, 9)})
    assert sum(held(value).values()) == base.nbytes + other.nbytes


def test_none_is_told_from_nothing():
    store = ResultStore()
    store.put("a", None)
    assert store.get("a", ABSENT) is None and store.get("b", ABSENT) is ABSENT


def test_a_key_holds_model_device_dtype_memory_prompt_and_settings(tiny):
    trained = SimpleNamespace(
        model=tiny.model, fingerprint=tiny.fingerprint, memory=SimpleNamespace(fingerprint="m1")
    )
    other = SimpleNamespace(model=tiny.model, fingerprint="other", memory=None)
    keys = [
        RunKey.of(tiny, "a", [1]), RunKey.of(tiny, "b", [1]), RunKey.of(tiny, "a", [2]),
        RunKey.of(tiny, "a", [1], 0.5), RunKey.of(other, "a", [1]),
        RunKey.with_memory(tiny, "a", [1]), RunKey.with_memory(trained, "a", [1]),
    ]
    assert len(set(keys)) == len(keys)
    assert keys[0] == RunKey.of(trained, "a", np.array([1]))
    assert keys[0].placed_model == ("tiny-0", "cpu", "torch.float32")


def test_the_longest_prefix_is_of_the_same_model_and_the_same_result(tiny):
    store = ResultStore()
    long, short = (trace.run(tiny, list(range(n))) for n in (5, 2))
    store.put(RunKey.of(tiny, "trace", long.ids), long)
    store.put(RunKey.of(tiny, "trace", short.ids), short)
    store.put(RunKey.of(tiny, "other", [0]), "no trace")
    find = lambda checkpoint, ids: store.longest_prefix(
        RunKey.of(checkpoint, "trace", ids), np.array(ids))
    assert find(tiny, [0, 1, 2, 3, 9]) is long and find(tiny, [7]) is None
    assert find(SimpleNamespace(model=tiny.model, fingerprint="x"), [0, 1]) is None
