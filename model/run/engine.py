"""One worker thread that runs the model for every visitor, with a bounded cache in front.

Knows nothing of pages. A visitor has at most one request waiting: a newer one replaces it, and a
run for which nobody waits any more stops between two layers. Visitors who ask for the same prompt
share one run, and a prompt that begins like an earlier one runs only its new tokens.
"""

import threading
from collections import OrderedDict, deque
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np
import torch

from model.run.tap import Overtaken
from model.run.trace import Trace, common_prefix, run


@dataclass(eq=False)
class _Request:
    checkpoint: object
    ids: np.ndarray
    key: tuple
    waiting: set[str]
    future: Future = field(default_factory=Future)
    stop: threading.Event = field(default_factory=threading.Event)


class TraceCache:
    """The latest traces, bounded in entries and in bytes; rows that traces share count once."""

    def __init__(self, max_entries: int = 64, max_bytes: int = 1 << 30):
        self.max_entries, self.max_bytes = max_entries, max_bytes
        self.n_bytes = 0
        self._traces: OrderedDict[tuple, Trace] = OrderedDict()
        self._blocks: dict[int, list[int]] = {}  # address of a block of rows -> [uses, bytes]

    def __len__(self):
        return len(self._traces)

    def get(self, key: tuple) -> Trace | None:
        """The trace of exactly this prompt, now the most recently used; or None."""
        if key in self._traces:
            self._traces.move_to_end(key)
        return self._traces.get(key)

    def longest_prefix(self, model_key: tuple, ids: np.ndarray) -> Trace | None:
        """The trace of this model that shares the most leading ids; None if none shares any."""
        same_model = (t for key, t in self._traces.items() if key[0] == model_key)
        best = max(same_model, key=lambda t: common_prefix(ids, t.ids), default=None)
        return best if best is not None and common_prefix(ids, best.ids) else None

    def put(self, key: tuple, trace: Trace) -> None:
        """Keep a trace; the least recently used leave until both bounds hold (one always stays)."""
        if key in self._traces:
            self._drop(key)
        self._traces[key] = trace
        self._count(trace, 1)
        while len(self) > 1 and (len(self) > self.max_entries or self.n_bytes > self.max_bytes):
            self._drop(next(iter(self._traces)))

    def _drop(self, key: tuple) -> None:
        self._count(self._traces.pop(key), -1)

    def _count(self, trace: Trace, step: int) -> None:
        self.n_bytes += step * _bytes(trace.next_logits)
        for block in trace.rows:
            address = block.stream[0].untyped_storage().data_ptr()
            if address not in self._blocks:
                tensors = (*block.q, *block.k, *block.v, *block.stream)
                self._blocks[address] = [0, sum(map(_bytes, tensors))]
                self.n_bytes += self._blocks[address][1]
            self._blocks[address][0] += step
            if self._blocks[address][0] == 0:
                self.n_bytes -= self._blocks.pop(address)[1]


class Engine:
    """Queue, worker and cache; one for the whole server."""

    def __init__(self, cache: TraceCache | None = None):
        self.cache = cache or TraceCache()
        self._waiting: deque[_Request] = deque()
        self._running: _Request | None = None
        self._changed = threading.Condition()
        self._closed = False
        self._worker = threading.Thread(target=self._work, name="model engine", daemon=True)
        self._worker.start()

    def submit(self, visitor: str, checkpoint, ids: np.ndarray) -> Future:
        """Ask for a trace of ids (T,); this visitor's earlier request is dropped.

        The future gives a Trace, raises what `trace.run` raises, or is cancelled when overtaken.
        """
        ids = np.asarray(ids, dtype=np.int64)
        key = (_model_key(checkpoint), ids.tobytes())
        with self._changed:
            self._release(visitor, keep=key)
            if (trace := self.cache.get(key)) is not None:
                return _done(trace)
            request = self._same(key)
            if request is None:
                request = _Request(checkpoint, ids, key, {visitor})
                self._waiting.append(request)
                self._changed.notify()
            request.waiting.add(visitor)
            return request.future

    def forget(self, visitor: str) -> None:
        """Drop what this visitor waits for."""
        with self._changed:
            self._release(visitor)

    def close(self) -> None:
        """Stop the worker after its present run; waiting requests are cancelled."""
        with self._changed:
            self._closed = True
            while self._waiting:
                self._waiting.popleft().future.cancel()
            self._changed.notify()
        self._worker.join()

    def _same(self, key: tuple) -> _Request | None:
        live = [*self._waiting, *([self._running] if self._running else [])]
        return next((r for r in live if r.key == key and not r.stop.is_set()), None)

    def _release(self, visitor: str, keep: tuple | None = None) -> None:
        for request in [*self._waiting, *([self._running] if self._running else [])]:
            if visitor not in request.waiting or request.key == keep:
                continue
            request.waiting.discard(visitor)
            if not request.waiting:
                request.stop.set()
                if request in self._waiting:
                    self._waiting.remove(request)
                    request.future.cancel()

    def _work(self) -> None:
        while (request := self._next()) is not None:
            try:
                self._serve(request)
            finally:
                with self._changed:
                    self._running = None

    def _next(self) -> _Request | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if self._closed:
                return None
            self._running = self._waiting.popleft()
            return self._running

    def _serve(self, request: _Request) -> None:
        try:
            with self._changed:
                prefix = self.cache.longest_prefix(request.key[0], request.ids)
            trace = run(request.checkpoint, request.ids, prefix, request.stop)
        except Overtaken:
            request.future.cancel()
        except torch.OutOfMemoryError as error:
            request.future.set_exception(_too_large(request, error))
        except BaseException as error:  # noqa: BLE001 (whoever waits must hear; the worker lives)
            request.future.set_exception(error)
        else:
            with self._changed:
                self.cache.put(request.key, trace)
            request.future.set_result(trace)


def _too_large(request: _Request, error: Exception) -> ValueError:
    return ValueError(
        f"No memory for {len(request.ids):,} tokens on {request.checkpoint.model.device}: its "
        f"memory is full ({str(error).splitlines()[0]}). Shorten the prompt or choose the CPU."
    )


def _model_key(checkpoint) -> tuple:
    weight = checkpoint.model.transformer.wte.weight
    return (checkpoint.fingerprint, str(weight.device), str(weight.dtype))


def _done(trace: Trace) -> Future:
    future = Future()
    future.set_result(trace)
    return future


def _bytes(tensor) -> int:
    return tensor.untyped_storage().nbytes()
