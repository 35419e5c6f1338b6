"""Curves and tasks measured in the background: started, watched, cancelled, continued.

A measurement is background work of the engine that writes each finished episode as a line of a
file. The browser may be closed meanwhile, and whole lines are never measured again. One
measurement at a time, and whatever a page wants runs first. Knows nothing of looks.

The commands spread their episodes over a Ray cluster (--ray); a page's measurement stays on this
server. To be spread as well it lacks an address that the owner sets, an end for episodes that are
under way elsewhere when it is cancelled, and a share of the cluster for each visitor.
"""

import hashlib
import json
import logging
import os
import shutil
import threading
import time
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import streamlit as st

from components.frame import visit, whose
from components.frame.results import engine
from model.disk import owners
from model.disk.lines import append, whole_lines
from model.memory.settings import Settings
from model.recall import episode_lines, probe, probe_file, runs
from model.recall.curves import CURVES
from model.recall.standard_tasks import TASKS
from model.recall.trial import Curve
from model.run import turn
from model.run.engine import Engine
from model.training import jobs

VISITOR = "measurement"  # as which the engine knows it
EVERY = {**CURVES, **TASKS}
FILE = "your probes"  # what a file's run is called
PROBES, RESULTS = "probes.jsonl", "results.jsonl"  # of what was shared
FORMAT = 2  # version of a file's results: 2 knows labels


@dataclass
class Measuring:
    """A measurement, under way or ended. share: how much is done, 0 to 1; found: the share that was
    already measured before `started`; problem: the error that ended it; of: the folder of whoever
    began it."""

    path: Path
    curve: str
    variants: tuple[str, ...]
    n: int
    share: float = 0.0
    found: float = 0.0
    started: float = field(default_factory=time.monotonic)
    problem: str = ""
    cancelled: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None  # it only waits for the engine
    of: Path = field(default_factory=whose.folder)

    @property
    def may_cancel(self) -> bool:
        """Whether this visitor began it, or is the server's owner."""
        return whose.is_owner() or self.of == whose.folder()

    @property
    def is_alive(self) -> bool:
        return self.thread is not None and self.thread.is_alive()

    @property
    def seconds_left(self) -> float | None:
        """Seconds left at the speed so far; None before it is known."""
        gone, new = time.monotonic() - self.started, self.share - self.found
        return gone * (1 - self.share) / new if new > 0.02 and gone > 2 else None

    def reach(self, share: float, is_new: bool) -> None:
        """Report how much is done; episodes measured earlier do not count for the speed."""
        self.share = share
        if not is_new:
            self.found, self.started = share, time.monotonic()


def path_of(curve: str, settings: Settings, text: str) -> Path:
    """The file of a measurement: another one for another model, memory, settings or text."""
    told = json.dumps([visit.mark(), settings.saved() | {"modules": ""}, text], default=str)
    mark = hashlib.sha1(told.encode("utf-8", "replace")).hexdigest()[:12]
    return jobs.home().parent / "recall" / f"{curve}-{mark}.jsonl"


def lines(path: Path) -> list[dict]:
    """What was measured so far."""
    return episode_lines.read_lines(path)


def current() -> Measuring | None:
    """The latest measurement of this server, under way or not."""
    return _latest().get("job")


def start(curve: str, variants, settings: Settings, text: str, n: int, seed: int = 0) -> None:
    """Begin, or continue, n episodes of every point for each variant; seeds from `seed` on.

    Raises ValueError if another measurement is under way, or the folder cannot be made.
    """
    job = Measuring(path_of(curve, settings, text), curve, tuple(variants), n)
    _begin(job, _measure, (visit.checkpoint(), settings, text, seed))


def cancel() -> None:
    """End the measurement at its next step, where it is this visitor's; finished episodes are kept."""
    job = current()
    if job is not None and job.may_cancel:
        job.cancelled.set()
        engine().forget(VISITOR)
        if job.thread is not None:
            job.thread.join(10)


def named(curve: str) -> Curve:
    """A curve or task by its name."""
    return EVERY[curve]


def open_episode(curve: str, line: dict, question: int, text: str) -> probe.Probe:
    """The probe of one question of a measured episode, made again from its seed."""
    return episode_lines.probe_of(visit.checkpoint(), EVERY[curve], line, question, text)


def _begin(job: Measuring, work, given: tuple) -> None:
    with _lock():
        before = current()
        if before is not None and before.is_alive:
            raise ValueError(
                f"Cannot measure “{job.curve}” now: “{before.curve}” is under way on this server. "
                "Wait for it, or cancel it."
            )
        try:
            job.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise ValueError(f"The folder {job.path.parent} cannot be made: "
                             f"{problem.strerror or problem}. Set MNEMOSCOPE_HOME to another "
                             "folder."
                             ) from problem
        measuring = partial(_run, engine(), job, partial(work, job, *given))
        job.thread = threading.Thread(target=measuring, daemon=True)
        _latest()["job"] = job
        job.thread.start()


def _run(engine: Engine, job: Measuring, work) -> None:
    """Wait for the engine to have done it; what ends it is kept for the page to say."""
    try:
        engine.submit(VISITOR, None, work, is_background=True).result()
    except CancelledError:  # between two layers; what is whole is kept
        pass
    except OSError as problem:
        job.problem = (f"The measurement broke off: {problem.strerror or problem} "
                       f"({problem.filename or job.path}). What is whole is kept.")
    except ValueError as problem:
        job.problem = str(problem)
    except Exception as problem:  # the page would wait for ever
        logging.getLogger(__name__).exception("a measurement broke off")
        job.problem = f"The measurement broke off: {problem!r}. What is whole is kept."


def _measure(job: Measuring, checkpoint, settings: Settings, text: str, seed: int) -> None:
    for step in runs.measure(
        checkpoint, EVERY[job.curve], job.variants, job.path, n=job.n, seed=seed,
        settings=settings, text=text,
    ):
        job.reach(step.share, step.is_new)
        if job.cancelled.is_set():
            return
        turn.give_way()


@st.cache_resource(show_spinner=False)
def _latest() -> dict:
    return {}


@st.cache_resource(show_spinner=False)
def _lock() -> threading.Lock:
    return threading.Lock()


# -- a file of probes ------------------------------------------------------------------------------


def results_of(content: bytes, variants: tuple[str, ...], settings: Settings) -> Path:
    """The file of a file's results, this visitor's own: another one for another model, memory, settings,
    variants."""
    told = json.dumps([FORMAT, visit.mark(), settings.saved() | {"modules": ""}, sorted(variants)])
    mark = hashlib.sha1(told.encode() + content).hexdigest()[:12]
    return whose.folder() / "recall" / f"probes-{mark}.jsonl"


def start_file(content: bytes, variants: tuple[str, ...], settings: Settings) -> None:
    """Run every line of a file, or continue; raises as `start` does."""
    path = results_of(content, variants, settings)
    _begin(
        Measuring(path, FILE, tuple(variants), content.count(b"\n") + 1),
        _run_file, (visit.checkpoint(), settings, content),
    )


def results(path: Path) -> list[dict]:
    """The lines' results so far, in the file's order; an incomplete last one is left out."""
    return [json.loads(line) for line in whole_lines(path)]


def share(name: str, content: bytes, path: Path) -> None:
    """Put a copy of a file and of its results where every visitor can open them; nobody changes it.

    Raises ValueError for a name that cannot be, or that somebody shared before.
    """
    there = _shared(name)
    if there.exists():
        raise ValueError(f"Probes are shared as {name!r} already. Choose another name.")
    whose.check_shared_room(len(content) + path.stat().st_size)
    draft = there.with_name(f".{name}.{os.getpid()}.{threading.get_ident()}")
    draft.mkdir(parents=True)
    try:
        (draft / PROBES).write_bytes(content)
        shutil.copyfile(path, draft / RESULTS)
        draft.rename(there)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def shared_names() -> list[str]:
    """What was shared, by name."""
    return sorted(path.parent.name for path in _shelf().glob(f"[!.]*/{RESULTS}"))


def shared(name: str) -> tuple[bytes, Path]:
    """A shared file's content, and the file of its results. Raises ValueError when it is gone."""
    there = _shared(name)
    if not (there / PROBES).is_file():
        raise ValueError(f"Nothing is shared as {name!r} any more. Choose another.")
    return (there / PROBES).read_bytes(), there / RESULTS


def unshare(name: str) -> None:
    """Remove what was shared; the owner's right."""
    if not whose.is_owner():
        raise ValueError(f"Only the owner of this server can remove {name!r}: it is shared.")
    shutil.rmtree(_shared(name), ignore_errors=True)


def _shelf() -> Path:
    return whose.shelves()[whose.SHARED] / "probes"


def _shared(name: str) -> Path:
    if not owners.is_name(name):
        raise ValueError(f"Not a name: {name[:80]!r}. Choose 1 to 64 letters, digits, spaces, - or _.")
    return _shelf() / name


def _run_file(job: Measuring, checkpoint, settings: Settings, content: bytes) -> None:
    done = {found["line"] for found in results(job.path)}
    total = max(1, len(content))
    for number, given, end in _probes(content):
        if number not in done:
            try:
                found = _result(job, checkpoint, given, settings)
            except _Cancelled:
                return
            append(job.path, {"line": number} | found)
            turn.give_way()
        job.reach(min(1.0, end / total), number not in done)


class _Cancelled(Exception):
    """The visitor cancelled the run."""


def _probes(content: bytes):
    """(number, probe or what is wrong with it, bytes up to its end) of each line that is not empty."""
    end = 0
    for number, raw in enumerate(content.split(b"\n"), 1):
        end += len(raw) + 1
        if raw.strip():
            try:
                yield number, probe_file.parsed(raw), end
            except ValueError as problem:
                yield number, problem, end


def _result(job: Measuring, checkpoint, given, settings: Settings) -> dict:
    def check() -> None:
        if job.cancelled.is_set():
            raise _Cancelled

    check()
    try:
        if isinstance(given, ValueError):
            raise given
        found = probe_file.run_line(checkpoint, given, job.variants, settings, check)
    except ValueError as problem:  # named, and the others run
        return {"error": " ".join(str(problem).split())}
    told = {"ask": given.ask, "answer": given.answer, "label": given.label or None}
    return told | {"variants": found}
