"""The engine: one run for many, nothing for nobody, and a cache that stays in bounds."""

import threading
from concurrent.futures import CancelledError, wait

import numpy as np
import pytest
import torch

from model.run import engine as engines
from model.run import trace
from model.run.engine import Engine, TraceCache


class Gate:
    """Stands in for `trace.run`: notes every run, and holds runs until it is opened."""

    def __init__(self, monkeypatch):
        self.runs, self.opened, self.entered = [], threading.Event(), threading.Event()
        monkeypatch.setattr(engines, "run", self)

    def __call__(self, checkpoint, ids, prefix, stop):
        self.runs.append(list(ids))
        self.entered.set()
        assert self.opened.wait(10)
        return trace.run(checkpoint, ids, prefix, stop)


@pytest.fixture
def engine():
    one = Engine()
    yield one
    one.close()


@pytest.fixture
def gate(monkeypatch, engine):
    one = Gate(monkeypatch)
    yield one
    one.opened.set()


def ids(*numbers):
    return np.array(numbers)


def test_a_trace_comes_back_and_is_cached(tiny, engine):
    first = engine.submit("ann", tiny, ids(1, 2, 3)).result(10)
    assert first.n_run == 3
    assert engine.submit("bob", tiny, ids(1, 2, 3)).result(0) is first


def test_a_prompt_that_goes_on_runs_only_the_rest(tiny, engine):
    engine.submit("ann", tiny, ids(1, 2, 3)).result(10)
    assert engine.submit("ann", tiny, ids(1, 2, 3, 4, 5)).result(10).n_run == 2
    assert engine.submit("ann", tiny, ids(1, 2, 9)).result(10).n_run == 1


def test_of_several_prefixes_the_longest_is_taken(tiny, engine):
    for prompt in [(1, 2), (1, 2, 3, 4), (1, 2, 3), (7, 8, 9, 9, 9)]:
        engine.submit("ann", tiny, ids(*prompt)).result(10)
    assert engine.submit("ann", tiny, ids(1, 2, 3, 4, 5)).result(10).n_run == 1


def test_a_waiting_request_overtaken_by_its_visitor_is_dropped(tiny, engine, gate):
    busy = engine.submit("bob", tiny, ids(9))
    gate.entered.wait(10)
    old = engine.submit("ann", tiny, ids(1))
    new = engine.submit("ann", tiny, ids(1, 2))
    assert old.cancelled()
    gate.opened.set()
    wait([busy, new], 10)
    assert gate.runs == [[9], [1, 2]]


def test_a_running_request_overtaken_stops_and_the_next_is_served(tiny, engine, gate):
    old = engine.submit("ann", tiny, ids(1))
    gate.entered.wait(10)
    new = engine.submit("ann", tiny, ids(1, 2))
    gate.opened.set()
    with pytest.raises(CancelledError):
        old.result(10)
    assert len(new.result(10)) == 2


def test_a_request_that_another_visitor_shares_is_not_dropped(tiny, engine, gate):
    engine.submit("bob", tiny, ids(9))
    gate.entered.wait(10)
    shared = engine.submit("ann", tiny, ids(1))
    assert engine.submit("eve", tiny, ids(1)) is shared
    engine.submit("ann", tiny, ids(1, 2))
    gate.opened.set()
    assert len(shared.result(10)) == 1
    assert gate.runs.count([1]) == 1


def test_asking_again_for_the_same_prompt_does_not_drop_it(tiny, engine, gate):
    first = engine.submit("ann", tiny, ids(1))
    gate.entered.wait(10)
    assert engine.submit("ann", tiny, ids(1)) is first
    gate.opened.set()
    assert len(first.result(10)) == 1


def test_an_error_reaches_its_visitor_and_the_engine_goes_on(tiny, engine):
    with pytest.raises(ValueError, match="and 1 to 64 fit the model's window"):
        engine.submit("ann", tiny, ids()).result(10)
    assert len(engine.submit("ann", tiny, ids(1)).result(10)) == 1


@pytest.mark.parametrize("error", [TypeError, MemoryError, AssertionError, SystemExit])
def test_no_error_whatever_stops_the_worker(tiny, engine, monkeypatch, error):
    def broken(*_):
        raise error("broken")

    with monkeypatch.context() as patch:
        patch.setattr(engines, "run", broken)
        with pytest.raises(error):
            engine.submit("ann", tiny, ids(1)).result(10)
    assert len(engine.submit("ann", tiny, ids(1)).result(10)) == 1


def test_a_full_gpu_is_said_in_one_sentence(tiny, engine, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB\nmore")

    monkeypatch.setattr(engines, "run", full)
    with pytest.raises(ValueError, match="its memory is full .* choose the CPU"):
        engine.submit("ann", tiny, ids(1)).result(10)


def test_two_models_do_not_share_rows(tiny, engine):
    from types import SimpleNamespace

    other = SimpleNamespace(model=tiny.model, fingerprint="another")
    engine.submit("ann", tiny, ids(1, 2)).result(10)
    assert engine.submit("ann", other, ids(1, 2)).result(10).n_run == 2


def test_the_cache_keeps_the_latest_entries(tiny):
    cache = TraceCache(max_entries=2)
    traces = [trace.run(tiny, [n]) for n in range(3)]
    cache.put(("m", 0), traces[0])
    cache.put(("m", 1), traces[1])
    cache.get(("m", 0))
    cache.put(("m", 2), traces[2])
    assert cache.get(("m", 1)) is None
    assert cache.get(("m", 0)) is traces[0] and cache.get(("m", 2)) is traces[2]


def test_the_cache_stays_within_its_bytes(tiny):
    cache = TraceCache(max_bytes=300_000)
    for n in range(40):
        cache.put(("m", n), trace.run(tiny, np.full(30, n)))
        assert cache.n_bytes <= 300_000
    assert 1 < len(cache) < 40


def test_shared_rows_count_once_and_all_are_given_back(tiny):
    cache = TraceCache(max_entries=3)
    first = trace.run(tiny, np.arange(60))
    cache.put(("m", 0), first)
    alone = cache.n_bytes
    grown = trace.run(tiny, np.arange(61), prefix=first)
    cache.put(("m", 1), grown)
    assert cache.n_bytes < 1.1 * alone
    for n in range(3):
        cache.put(("m", 10 + n), trace.run(tiny, [n]))
    tensors = lambda t: sum(
        x.untyped_storage().nbytes() for r in t.rows for x in (*r.q, *r.k, *r.v, *r.stream)
    )
    kept = [cache.get(("m", 10 + n)) for n in range(3)]
    assert cache.n_bytes == sum(
        tensors(t) + t.next_logits.untyped_storage().nbytes() for t in kept
    )
