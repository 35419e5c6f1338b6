"""Long computations beside the script: one at a time, cached, and stopped when nobody waits.

Streamlit can end a script only where it calls Streamlit; while a job runs elsewhere, the waiting
script calls it often, so that a newer keystroke takes over at once.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from components.frame.visit import YIELD_S


@dataclass(eq=False)
class _Job:
    future: Future
    stop: threading.Event
    waiting: int = field(default=0)


class Worker:
    """One thread and the latest `most` results. A job ends early when its Event is set."""

    def __init__(self, most: int):
        self.most = most
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="notes")
        self._jobs: OrderedDict[tuple, _Job] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple, work: Callable[[threading.Event], Any]):
        """The result of work(stop); visitors who ask for the same key share it."""
        job = self._join(key, work)
        try:
            if not wait([job.future], YIELD_S).done:
                pulse = st.sidebar.empty()  # where nothing moves
                while not wait([job.future], YIELD_S).done:
                    pulse.empty()
            return job.future.result()
        finally:
            self._leave(key, job)

    def _join(self, key: tuple, work) -> _Job:
        with self._lock:
            job = self._jobs.get(key)
            if job is None:
                stop = threading.Event()
                job = self._jobs[key] = _Job(self._pool.submit(work, stop), stop)
            self._jobs.move_to_end(key)
            job.waiting += 1
            return job

    def _leave(self, key: tuple, job: _Job) -> None:
        with self._lock:
            job.waiting -= 1
            is_good = job.future.done() and not job.future.exception()
            if job.waiting == 0 and not is_good:  # unfinished, or to be tried again
                job.stop.set()
                job.future.cancel()
                if self._jobs.get(key) is job:
                    del self._jobs[key]
            idle = [k for k, other in self._jobs.items() if not other.waiting]
            for old in idle[: max(0, len(self._jobs) - self.most)]:
                del self._jobs[old]
