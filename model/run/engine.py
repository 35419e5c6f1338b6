"""The one way to a model: whoever wants something run submits it here, and one work runs at a time.

Work is a function without arguments. Between two layers, long work lets others run first
(`model.run.turn`), so that a short request never waits for the end of a long one: whoever has run
for a slice goes to the end of the line. Who has waited longest for a picture comes first, or a picture
of three results would wait for the whole line three times. A visitor has one request: a newer one
replaces it, and work for which nobody waits stops between two layers. Visitors who ask for the same
key share one run; prompts that are being typed and wait at the same time run in a row. Knows nothing
of pages.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, cast

import numpy as np
import torch

from model.run import trace, turn
from model.run.checkpoint import Checkpoint
from model.run.in_a_row import run_in_a_row
from model.run.store import ABSENT, ResultStore, RunKey
from model.run.tokens import Ids
from model.run.turn import Overtaken

SLICE_S = 0.05  # of processor time: how long work runs while others wait
FEW_NEW, MOST_IN_A_ROW = 8, 10  # tokens of a prompt that joins others, and how many may join


class Request(Future[Any]):
    """Work that was asked for. Its result is shared by all who wait: they never change it.

    key: None where nobody else can want the same. waiting: the visitors. is_background: nobody
    looks on, so whatever a page wants goes first. since: when the key was pressed that this is for, in
    seconds. progress: what the work last reported. joined: those that run in a row with it, and take their turns
    with it.
    """

    def __init__(self, key: RunKey | None, work: Callable[[], Any], is_background: bool = False,
                 since: float = 0.0):
        super().__init__()
        self.key, self.work, self.is_background, self.since = key, work, is_background, since
        self.waiting: set[str] = set()
        self.stop = threading.Event()
        self.is_begun = False
        self.progress: Any = None
        self.joined: list[Request] = []

    @property
    def row(self) -> "list[Request]":
        """This one, and all that run with it."""
        return [self, *self.joined]

    @property
    def is_over(self) -> bool:
        """Whether nobody waits for any of them."""
        return all(one.stop.is_set() for one in self.row)


class _Turn:
    """A request's turn, as its work sees it."""

    def __init__(self, engine: "Engine", request: Request):
        self.engine, self.request, self.undivided = engine, request, False
        self.began = time.thread_time()

    def give_way(self) -> None:
        """Between two layers: stop where nobody waits, let others run where a slice is over."""
        if self.request.is_over:
            raise Overtaken
        if not self.undivided and self.engine._wants_in(self):
            self.engine._to_the_end(self.request)
            self.began = time.thread_time()

    def report(self, progress: Any) -> None:
        """Kept for whoever waits."""
        self.request.progress = progress


class Engine:
    """The line, the threads and the store; one for the whole server.

    Paused work rests on its own thread in the middle of its pass; only one thread runs at a time.
    """

    def __init__(self, store: ResultStore | None = None, slice_s: float = SLICE_S):
        self.store = ResultStore() if store is None else store
        self.slice_s = slice_s
        self._line: list[Request] = []  # who wants to run; begun or not
        self._running: Request | None = None
        self._changed = threading.Condition()
        self._n_idle = 0
        self._threads: list[threading.Thread] = []
        self._is_closed = False

    def submit(
        self, visitor: str, key: RunKey | None, work: Callable[[], Any], *,
        renew: bool = False, is_background: bool = False, since: float | None = None,
    ) -> Request:
        """Ask for work() under a key; this visitor's earlier request is dropped. since: when the key was
        pressed that this is for (`time.monotonic`); None: now.

        The request gives what work returns, raises what it raises, or is cancelled when overtaken.
        The result is kept and given to all who ask for the key; `renew` runs the work all the same
        and puts its result in the place of the earlier one.
        """
        assert not turn.is_open(), f"work asks the engine for {key}: it would wait for itself"
        with self._changed:
            self._release(visitor, keep=key)
            kept = ABSENT if key is None or renew else self.store.get(key, ABSENT)
            if kept is not ABSENT:
                self.store.note(visitor, key)
                return _done(key, work, kept)
            request = self._same(key)
            if request is None:
                asked = time.monotonic() if since is None else since
                request = Request(key, work, is_background, asked)
                self._line.append(request)
                self._hand_on()
            request.waiting.add(visitor)
            return request

    def forget(self, visitor: str) -> None:
        """Drop what this visitor waits for."""
        with self._changed:
            self._release(visitor)

    def leave(self, visitor: str) -> None:
        """This visitor has gone: drop what they wait for, and every result that only they asked for."""
        self.forget(visitor)
        self.store.leave(visitor)

    def n_before(self, request: Request) -> int:
        """How many others run before this request does; 0 while it runs."""
        with self._changed:
            if request not in self._line:
                return 0
            before = [r for r in self._line if _order(r) < _order(request)]
            return len(before) + (self._running is not None)

    def is_wanted(self) -> bool:
        """Whether somebody waits for something, background work left out."""
        with self._changed:
            return any(request.waiting and not request.is_background for request in self._live())

    def close(self) -> None:
        """Stop what runs between two layers; what waits is cancelled."""
        with self._changed:
            self._is_closed = True
            for request in self._live():
                self._drop(request)
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    # -- the line --------------------------------------------------------------------------------

    def _live(self) -> list[Request]:
        here = [*self._line, *([self._running] if self._running else [])]
        return [one for request in here for one in request.row]

    def _same(self, key: RunKey | None) -> Request | None:
        live = (r for r in self._live() if key is not None and not r.stop.is_set())
        return next((r for r in live if r.key == key), None)

    def _release(self, visitor: str, keep: RunKey | None = None) -> None:
        for request in self._live():
            if visitor in request.waiting and (keep is None or request.key != keep):
                request.waiting.discard(visitor)
                if not request.waiting:
                    self._drop(request)

    def _drop(self, request: Request) -> None:
        """Nobody waits: begun work stops itself, and what has not begun never will."""
        request.stop.set()
        if request in self._line and not request.is_begun:
            self._line.remove(request)
            request.cancel()
        self._changed.notify_all()

    def _hand_on(self) -> None:
        """Whoever is first runs; background work only where nothing else waits."""
        if self._running is None and self._line:
            self._running = min(self._line, key=_order)
            self._line.remove(self._running)
            if not self._running.is_begun and not self._n_idle:
                self._start_thread()
            self._changed.notify_all()

    def _wants_in(self, mine: _Turn) -> bool:
        """Whether somebody waits for whom this work has to make room now."""
        if mine.request.is_background and any(not r.is_background for r in tuple(self._line)):
            return True
        is_over = time.thread_time() - mine.began >= self.slice_s
        return is_over and any(
            mine.request.is_background or not r.is_background for r in tuple(self._line)
        )

    def _to_the_end(self, request: Request) -> None:
        """Wait at the end of the line until it is this request's turn again, or it shall stop."""
        with self._changed:
            request.since = time.monotonic()
            self._line.append(request)
            self._running = None
            self._hand_on()
            self._changed.wait_for(lambda: self._running is request or request.is_over)
            if request in self._line:
                self._line.remove(request)
        if request.is_over:
            raise Overtaken

    # -- the threads -----------------------------------------------------------------------------

    def _start_thread(self) -> None:
        name = f"model engine {len(self._threads)}"
        self._threads.append(threading.Thread(target=self._work, name=name, daemon=True))
        self._threads[-1].start()

    def _work(self) -> None:
        while (request := self._next()) is not None:
            self._serve(request)
            with self._changed:
                if self._running is request:  # not where it was stopped while it waited
                    self._running = None
                self._hand_on()
            del request  # a thread that waits holds no result

    def _next(self) -> Request | None:
        with self._changed:
            self._n_idle += 1
            self._changed.wait_for(lambda: self._is_closed or self._is_new())
            self._n_idle -= 1
            if self._is_closed:
                return None
            if self._running is not None:
                self._running.is_begun = True
                self._join(self._running)
            return self._running

    def _join(self, request: Request) -> None:
        """Others of the line that may run in a row with this one leave it, and do."""
        if isinstance(request.work, _Typed):
            like = [one for one in self._line
                    if not one.is_begun and one.is_background == request.is_background]
            request.joined = [one for one in like if request.work.joins(one.work)][: MOST_IN_A_ROW - 1]
            for one in request.joined:
                self._line.remove(one)
                one.is_begun = True

    def _part(self, request: Request) -> None:
        """Something is wrong with one of a row: each runs by itself."""
        with self._changed:
            for one in request.joined:
                one.is_begun = False
                one.work = partial(one.work)  # which joins nobody
            self._line += request.joined
            request.joined = []

    def _is_new(self) -> bool:
        return self._running is not None and not self._running.is_begun

    def _serve(self, request: Request) -> None:
        try:
            with turn.opened(_Turn(self, request)):
                found = _results(request)
        except Overtaken:
            for one in request.row:
                one.cancel()
        except BaseException as error:  # noqa: BLE001 (whoever waits must hear; the engine lives)
            if request.joined:
                self._part(request)
                self._serve(request)
                return
            request.set_exception(
                _too_large(error) if isinstance(error, torch.OutOfMemoryError) else error)
        else:
            for one, result in zip(request.row, found):
                self._keep(one, result)
                one.set_result(result)

    def _keep(self, request: Request, result: Any) -> None:
        if request.key is not None:
            self.store.put(request.key, result)
            with self._changed:
                waiting = [*request.waiting]
            for visitor in waiting:
                self.store.note(visitor, request.key)


def trace_request(
    store: ResultStore, checkpoint: Checkpoint, ids: Ids
) -> tuple[RunKey, Callable[[], trace.Trace]]:
    """Key and work of a prompt's trace; ids (T,). One that begins like an earlier prompt runs only
    its new tokens. The work raises what `trace.run` raises."""
    ids = np.asarray(ids, dtype=np.int64)
    key = RunKey.of(checkpoint, "trace", ids)
    return key, _Typed(store, key, checkpoint, ids)


@dataclass(frozen=True, eq=False)
class _Typed:
    """The work of a prompt's trace."""

    store: ResultStore
    key: RunKey
    checkpoint: Checkpoint
    ids: np.ndarray

    def __call__(self) -> trace.Trace:
        return trace.run(self.checkpoint, self.ids, self.prefix)

    @cached_property
    def prefix(self) -> trace.Trace | None:
        """The earlier trace that it goes on with, once its turn has come."""
        return self.store.longest_prefix(self.key, self.ids)

    @cached_property
    def is_short(self) -> bool:
        """Whether a few tokens are new, and no more."""
        n_old = 0 if self.prefix is None else trace.common_prefix(self.ids, self.prefix.ids)
        return 1 <= len(self.ids) - n_old <= FEW_NEW

    def joins(self, other: Callable[[], Any]) -> bool:
        """Whether the two may run in a row."""
        return (isinstance(other, _Typed) and other.checkpoint is self.checkpoint
                and self.is_short and other.is_short)


def _results(request: Request) -> list[Any]:
    """What each of a row gives."""
    if not request.joined:
        return [request.work()]
    works = [cast(_Typed, one.work) for one in request.row]
    return run_in_a_row(works[0].checkpoint, [(work.ids, work.prefix) for work in works])


def _order(request: Request) -> tuple[bool, float]:
    """Its place in the line: small is early."""
    return request.is_background, request.since


def _too_large(error: Exception) -> ValueError:
    return ValueError(
        "This does not fit the model's device: its memory is full "
        f"({str(error).splitlines()[0]}). Shorten the prompt or choose the CPU."
    )


def _done(key: RunKey | None, work: Callable[[], Any], result: Any) -> Request:
    request = Request(key, work)
    request.set_result(result)
    return request
