"""The engine: one run for many, nothing for nobody, short work between the slices of long work."""

import threading
from concurrent.futures import CancelledError, wait
from functools import partial

import numpy as np
import pytest
import torch

from model.run import engine as engines
from model.run import trace, turn
from model.run.engine import Engine, trace_request
from model.run.store import RunKey
from tests.waiting import PATIENCE_S, until


class Gate:
    """Stands in for `trace.run`: notes every run, and holds runs until it is opened."""

    def __init__(self, monkeypatch):
        self.runs, self.opened, self.entered = [], threading.Event(), threading.Event()
        self.run = trace.run
        monkeypatch.setattr(engines.trace, "run", self)

    def __call__(self, checkpoint, ids, prefix):
        self.runs.append(list(ids))
        self.entered.set()
        assert self.opened.wait(PATIENCE_S)
        return self.run(checkpoint, ids, prefix)


@pytest.fixture
def engine():
    one = Engine(slice_s=0)
    yield one
    one.close()


@pytest.fixture
def gate(monkeypatch, engine):
    one = Gate(monkeypatch)
    yield one
    one.opened.set()


@pytest.fixture
def rows(monkeypatch):
    """The prompts that ran in a row, row by row."""
    seen, run = [], engines.run_in_a_row

    def noted(checkpoint, prompts):
        seen.append([list(given) for given, _ in prompts])
        return run(checkpoint, prompts)

    monkeypatch.setattr(engines, "run_in_a_row", noted)
    return seen


def ask(engine, visitor, checkpoint, ids):
    """The trace of a prompt, as a page asks for it."""
    return engine.submit(visitor, *trace_request(engine.store, checkpoint, ids))


def key(what: str) -> RunKey:
    return RunKey(what, "model", "cpu", "float32")


def ids(*numbers):
    return np.array(numbers)


def test_a_trace_comes_back_and_is_cached(tiny, engine):
    first = ask(engine, "ann", tiny, ids(1, 2, 3)).result(PATIENCE_S)
    assert first.n_run == 3
    assert ask(engine, "bob", tiny, ids(1, 2, 3)).result(0) is first


def test_a_prompt_that_goes_on_runs_only_the_rest(tiny, engine):
    ask(engine, "ann", tiny, ids(1, 2, 3)).result(PATIENCE_S)
    assert ask(engine, "ann", tiny, ids(1, 2, 3, 4, 5)).result(PATIENCE_S).n_run == 2
    assert ask(engine, "ann", tiny, ids(1, 2, 9)).result(PATIENCE_S).n_run == 1


def test_of_several_prefixes_the_longest_is_taken(tiny, engine):
    for prompt in [(1, 2), (1, 2, 3, 4), (1, 2, 3), (7, 8, 9, 9, 9)]:
        ask(engine, "ann", tiny, ids(*prompt)).result(PATIENCE_S)
    assert ask(engine, "ann", tiny, ids(1, 2, 3, 4, 5)).result(PATIENCE_S).n_run == 1


def test_a_waiting_request_overtaken_by_its_visitor_is_dropped(tiny, engine, gate):
    busy = ask(engine, "bob", tiny, ids(9))
    gate.entered.wait(PATIENCE_S)
    old = ask(engine, "ann", tiny, ids(1))
    new = ask(engine, "ann", tiny, ids(1, 2))
    assert old.cancelled()
    gate.opened.set()
    wait([busy, new], PATIENCE_S)
    assert gate.runs == [[9], [1, 2]]


def test_a_running_request_overtaken_stops_and_the_next_is_served(tiny, engine, gate):
    old = ask(engine, "ann", tiny, ids(1))
    gate.entered.wait(PATIENCE_S)
    new = ask(engine, "ann", tiny, ids(1, 2))
    gate.opened.set()
    with pytest.raises(CancelledError):
        old.result(PATIENCE_S)
    assert len(new.result(PATIENCE_S)) == 2


def test_a_request_that_another_visitor_shares_is_not_dropped(tiny, engine, gate, rows):
    ask(engine, "bob", tiny, ids(9))
    gate.entered.wait(PATIENCE_S)
    shared = ask(engine, "ann", tiny, ids(1))
    assert ask(engine, "eve", tiny, ids(1)) is shared
    ask(engine, "ann", tiny, ids(1, 2))
    gate.opened.set()
    assert len(shared.result(PATIENCE_S)) == 1
    assert gate.runs == [[9]] and rows == [[[1], [1, 2]]]


def test_asking_again_for_the_same_prompt_does_not_drop_it(tiny, engine, gate):
    first = ask(engine, "ann", tiny, ids(1))
    gate.entered.wait(PATIENCE_S)
    assert ask(engine, "ann", tiny, ids(1)) is first
    gate.opened.set()
    assert len(first.result(PATIENCE_S)) == 1


def test_an_error_reaches_its_visitor_and_the_engine_goes_on(tiny, engine):
    with pytest.raises(ValueError, match="and 1 to 64 fit the model's window"):
        ask(engine, "ann", tiny, ids()).result(PATIENCE_S)
    assert len(ask(engine, "ann", tiny, ids(1)).result(PATIENCE_S)) == 1


@pytest.mark.parametrize("error", [TypeError, MemoryError, AssertionError, SystemExit])
def test_no_error_whatever_stops_the_worker(tiny, engine, monkeypatch, error):
    def broken(*_):
        raise error("broken")

    with monkeypatch.context() as patch:
        patch.setattr(engines.trace, "run", broken)
        with pytest.raises(error):
            ask(engine, "ann", tiny, ids(1)).result(PATIENCE_S)
    assert len(ask(engine, "ann", tiny, ids(1)).result(PATIENCE_S)) == 1


def test_a_full_gpu_is_said_in_one_sentence(tiny, engine, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB\nmore")

    monkeypatch.setattr(engines.trace, "run", full)
    with pytest.raises(ValueError, match="its memory is full .* choose the CPU"):
        ask(engine, "ann", tiny, ids(1)).result(PATIENCE_S)


def test_two_models_do_not_share_rows(tiny, engine):
    from types import SimpleNamespace

    other = SimpleNamespace(model=tiny.model, fingerprint="another")
    ask(engine, "ann", tiny, ids(1, 2)).result(PATIENCE_S)
    assert ask(engine, "ann", other, ids(1, 2)).result(PATIENCE_S).n_run == 2


class Layers:
    """Long work of many layers: notes each in `seen`, and goes on when `step` is released."""

    def __init__(self, name: str, n: int, seen: list):
        self.name, self.n, self.seen = name, n, seen
        self.begun, self.step = threading.Event(), threading.Semaphore(0)

    def __call__(self):
        self.begun.set()
        for layer in range(self.n):
            assert self.step.acquire(timeout=PATIENCE_S)
            turn.give_way()
            self.seen.append(f"{self.name} {layer}")
        return self.name

    def release(self, n: int | None = None):
        self.step.release(self.n if n is None else n)


def test_a_short_request_gets_between_the_slices_of_a_long_one(engine):
    seen = []
    long = Layers("long", 3, seen)
    slow = engine.submit("ann", key("long"), long)
    long.release(1)
    until(lambda: seen == ["long 0"])
    quick = engine.submit("bob", key("short"), lambda: seen.append("short"))
    long.release()
    wait([slow, quick], PATIENCE_S)
    assert seen == ["long 0", "short", "long 1", "long 2"]
    assert slow.result() == "long"


def test_long_works_of_several_visitors_take_turns(engine):
    seen = []
    works = [Layers(name, 3, seen) for name in "abc"]
    asked = [engine.submit(work.name, key(work.name), work) for work in works]
    for work in works:
        work.release()
    wait(asked, PATIENCE_S)
    assert sorted(seen) == [f"{name} {i}" for name in "abc" for i in range(3)]
    assert all(seen.index(f"{name} 0") < seen.index("a 2") for name in "bc")


def test_a_real_pass_lets_others_in_between_two_layers(tiny, engine, monkeypatch):
    """The pass goes on where it was, and gives what an undisturbed one gives."""
    seen, see = [], turn.give_way
    entered, go_on = threading.Event(), threading.Event()

    def slowly():
        seen.append("layer")
        entered.set()
        assert go_on.wait(PATIENCE_S)
        see()

    monkeypatch.setattr(turn, "give_way", slowly)
    slow = ask(engine, "ann", tiny, ids(1, 2, 3))
    assert entered.wait(PATIENCE_S)
    quick = engine.submit("bob", key("short"), lambda: seen.append("short"))
    go_on.set()
    wait([slow, quick], PATIENCE_S)
    assert seen == ["layer", "short", "layer", "layer"]
    monkeypatch.undo()
    plain = trace.run(tiny, ids(1, 2, 3))
    assert torch.equal(slow.result().next_logits, plain.next_logits)
    assert torch.equal(slow.result().stream, plain.stream)


def test_overtaken_work_stops_between_two_layers(engine):
    seen = []
    long = Layers("long", 3, seen)
    slow = engine.submit("ann", key("long"), long)
    long.release(1)
    until(lambda: seen == ["long 0"])
    quick = engine.submit("ann", key("short"), lambda: "short")
    long.release()
    assert quick.result(PATIENCE_S) == "short"
    with pytest.raises(CancelledError):
        slow.result(PATIENCE_S)
    assert seen == ["long 0"]


def test_overtaken_work_stops_while_it_waits_for_its_turn(engine):
    seen = []
    ann, bob = Layers("ann", 3, seen), Layers("bob", 3, seen)
    slow = engine.submit("ann", key("ann"), ann)
    ann.release(1)
    until(lambda: seen == ["ann 0"])
    other = engine.submit("bob", key("bob"), bob)
    ann.release(1)
    assert bob.begun.wait(PATIENCE_S)  # so Ann's work waits
    engine.forget("ann")
    with pytest.raises(CancelledError):
        slow.result(PATIENCE_S)
    bob.release()
    assert other.result(PATIENCE_S) == "bob" and "ann 1" not in seen


def test_background_work_waits_for_every_page(engine):
    seen = []
    job = Layers("job", 3, seen)
    measuring = engine.submit("job", None, job, is_background=True)
    job.release(1)
    until(lambda: seen == ["job 0"])
    pages = [engine.submit(v, key(v), lambda v=v: seen.append(v)) for v in ("ann", "bob")]
    job.release()
    wait([measuring, *pages], PATIENCE_S)
    assert seen == ["job 0", "ann", "bob", "job 1", "job 2"]


def test_nobody_runs_while_something_is_timed(engine):
    seen, entered, go_on = [], threading.Event(), threading.Event()

    def timed():
        with turn.undivided():
            entered.set()
            assert go_on.wait(PATIENCE_S)
            turn.give_way()
            seen.append("timed")
        turn.give_way()
        seen.append("afterwards")

    slow = engine.submit("ann", key("timed"), timed)
    assert entered.wait(PATIENCE_S)
    quick = engine.submit("bob", key("short"), lambda: seen.append("short"))
    go_on.set()
    wait([slow, quick], PATIENCE_S)
    assert seen == ["timed", "short", "afterwards"]


def test_two_visitors_with_one_key_share_one_run(engine):
    seen = []
    long = Layers("long", 1, seen)
    first = engine.submit("ann", key("long"), long)
    second = engine.submit("bob", key("long"), long)
    assert second is first
    engine.forget("ann")
    long.release()
    assert first.result(PATIENCE_S) == "long" and seen == ["long 0"]
    assert engine.submit("eve", key("long"), long).result(0) == "long" and seen == ["long 0"]


def test_what_nobody_else_can_want_is_neither_shared_nor_kept(engine):
    made = []
    for _ in range(2):
        engine.submit("ann", None, lambda: made.append(1)).result(PATIENCE_S)
    assert made == [1, 1] and len(engine.store) == 0


def test_none_is_a_result_and_renewing_replaces_one(engine):
    assert engine.submit("ann", key("a"), lambda: None).result(PATIENCE_S) is None
    assert engine.submit("ann", key("a"), lambda: 1).result(PATIENCE_S) is None
    assert engine.submit("ann", key("a"), lambda: 2, renew=True).result(PATIENCE_S) == 2
    assert engine.submit("ann", key("a"), lambda: 3).result(PATIENCE_S) == 2


def test_what_raised_is_not_kept_and_the_engine_goes_on(engine):
    def broken():
        raise KeyError("broken")

    with pytest.raises(KeyError):
        engine.submit("ann", key("a"), broken).result(PATIENCE_S)
    assert engine.submit("ann", key("a"), lambda: 1).result(PATIENCE_S) == 1


def test_work_cannot_wait_for_other_work(engine):
    def nested():
        return engine.submit("bob", key("b"), lambda: 1).result(PATIENCE_S)

    with pytest.raises(AssertionError, match="it would wait for itself"):
        engine.submit("ann", key("a"), nested).result(PATIENCE_S)


def test_who_has_waited_longest_for_a_picture_comes_first(engine):
    """A picture of several results does not wait for the whole line at each of them."""
    seen, long = [], Layers("long", 1, [])
    engine.submit("ann", key("long"), long)
    assert long.begun.wait(PATIENCE_S)  # so the others stand in line
    asked = [engine.submit(str(since), key(str(since)), partial(seen.append, since), since=since)
             for since in (3.0, 1.0, 2.0)]
    assert [engine.n_before(request) for request in asked] == [3, 1, 2]
    long.release()
    wait(asked, PATIENCE_S)
    assert seen == [1.0, 2.0, 3.0]


def test_it_is_wanted_while_somebody_waits_for_more_than_background_work(tiny, engine, gate):
    assert not engine.is_wanted()
    engine.submit("trainer", None, gate.opened.wait, is_background=True)
    assert not engine.is_wanted()
    asked = ask(engine, "ann", tiny, ids(1, 2))
    assert engine.is_wanted()
    engine.forget("ann")
    assert not engine.is_wanted()
    asked = ask(engine, "ann", tiny, ids(1, 2, 3))
    gate.opened.set()
    asked.result(PATIENCE_S)
    until(lambda: not engine.is_wanted())


def test_a_page_hears_how_far_the_work_is_and_who_is_before_it(engine):
    seen = []
    long = Layers("long", 1, seen)
    slow = engine.submit("ann", key("long"), lambda: (turn.report("half"), long())[1])
    assert long.begun.wait(PATIENCE_S)
    bob, eve = (engine.submit(v, key(v), lambda: 1) for v in ("bob", "eve"))
    assert slow.progress == "half"
    assert [engine.n_before(x) for x in (slow, bob, eve)] == [0, 1, 2]
    long.release()
    wait([slow, bob, eve], PATIENCE_S)
    assert [engine.n_before(x) for x in (slow, bob, eve)] == [0, 0, 0]


def test_a_closed_engine_leaves_nothing_running(tiny):
    one = Engine(slice_s=0)
    long = Layers("long", 2, [])
    slow, next_one = one.submit("ann", key("a"), long), one.submit("bob", key("b"), lambda: 1)
    assert long.begun.wait(PATIENCE_S)
    long.release()
    one.close()
    assert next_one.cancelled() and slow.cancelled()
    assert not any(thread.is_alive() for thread in one._threads)


# -- prompts that are being typed --------------------------------------------------------------------


def busy(engine):
    """The engine, held by work of Zoe's -> what lets it go on."""
    work = Layers("busy", 1, [])
    engine.submit("zoe", key("busy"), work)
    assert work.begun.wait(PATIENCE_S)
    return work.release


class Held:
    """A run in a row that waits before its first layer until it may go on."""

    def __init__(self, run):
        self.run, self.entered, self.go_on = run, threading.Event(), threading.Event()

    def __call__(self, checkpoint, prompts):
        self.entered.set()
        assert self.go_on.wait(PATIENCE_S)
        return self.run(checkpoint, prompts)


def in_a_row(tiny, engine, run):
    """Ann's and Bob's requests, under way in one row."""
    go_on = busy(engine)
    asked = ask(engine, "ann", tiny, ids(1, 2)), ask(engine, "bob", tiny, ids(3, 4, 5))
    go_on()
    assert run.entered.wait(PATIENCE_S)
    return asked


def test_short_prompts_that_wait_run_in_a_row_and_each_gets_its_own(tiny, engine, rows):
    ask(engine, "bob", tiny, ids(4, 5, 6, 7)).result(PATIENCE_S)
    go_on = busy(engine)
    prompts = {"ann": (1, 2, 3), "bob": (4, 5, 6, 7, 8), "eve": tuple(range(40))}
    asked = {who: ask(engine, who, tiny, ids(*prompt)) for who, prompt in prompts.items()}
    go_on()
    found = {who: request.result(PATIENCE_S) for who, request in asked.items()}
    assert rows == [[[1, 2, 3], [4, 5, 6, 7, 8]]]  # Eve's has many new tokens
    for who, prompt in prompts.items():
        alone = trace.run(tiny, ids(*prompt))
        assert list(found[who].ids) == list(prompt)
        torch.testing.assert_close(found[who].stream, alone.stream, atol=1e-5, rtol=0)
    assert found["bob"].n_run == 1
    assert ask(engine, "zoe", tiny, ids(1, 2, 3)).result(0) is found["ann"]


def test_who_types_on_leaves_the_row_and_the_others_get_theirs(tiny, engine, monkeypatch):
    monkeypatch.setattr(engines, "run_in_a_row", (run := Held(engines.run_in_a_row)))
    _, bob = in_a_row(tiny, engine, run)
    more = ask(engine, "ann", tiny, ids(1, 2, 9))
    quick = engine.submit("eve", key("short"), lambda: "short")
    run.go_on.set()
    assert bob.result(PATIENCE_S).n_run == 3 and quick.result(PATIENCE_S) == "short"
    assert len(more.result(PATIENCE_S)) == 3


def test_a_row_for_which_nobody_waits_stops(tiny, engine, monkeypatch):
    monkeypatch.setattr(engines, "run_in_a_row", (run := Held(engines.run_in_a_row)))
    asked = in_a_row(tiny, engine, run)
    for visitor in ("ann", "bob"):
        engine.forget(visitor)
    run.go_on.set()
    for one in asked:
        with pytest.raises(CancelledError):
            one.result(PATIENCE_S)
        assert engine.store.get(one.key) is None


def test_one_bad_prompt_of_a_row_fails_alone(tiny, engine):
    go_on = busy(engine)
    bad, good, also = (ask(engine, who, tiny, ids(1, n)) for who, n in (("ann", 999), ("bob", 3), ("eve", 4)))
    go_on()
    with pytest.raises(ValueError, match="out of range"):
        bad.result(PATIENCE_S)
    assert len(good.result(PATIENCE_S)) == len(also.result(PATIENCE_S)) == 2
