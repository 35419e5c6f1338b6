"""Trainings of the memory in the background: started, watched, paused, stopped, found again.

A job is a folder, and its trainer a process in a session of its own: it continues when the browser
or the server is closed, and a server started later finds it. All facts about a job are read from
its folder and from the system's list of processes; nothing is kept here. A trainer is identified by
its process number and its start time, so that another process with the same number is not mistaken
for it.

    job.json          the request, and the number of the running process
    text/             the visitor's own text, where there is some
    progress.jsonl, training.pt, memory.safetensors, card.json, log.txt      written by the trainer
    pause, stop       files whose presence the trainer obeys
    shared            a file whose presence lets everyone see the training, not only the owner

Needs a POSIX system (Linux, macOS). Knows nothing of what is trained.

One training at a time, on this machine; by hand, `accelerate launch` trains in several processes. To
run elsewhere a job lacks a folder that both machines reach, the machine's name beside `pid` and
`birth` (a number means a process only on its own machine), and a queue, which is a cluster's business.
"""

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import IO

from filelock import FileLock

from model.disk import home as data_folder
from model.disk.called import command
from model.disk.schema import checked, from_json
from model.disk.whole import write_text
from model.loading.placement import n_cores
from model.training import progress
from model.training.job_files import CardTold, JobTold
from model.training.process import birth
from model.training.progress import Measurement

ROOT = Path(__file__).parents[2]
TRAINER = (sys.executable, "-m", "model", "train", "memory")
AT_WORK = ("starting", "running", "paused", "stopping", "finishing")  # states with a process
OVER = ("finished", "stopped", "failed", "killed")
ROOM_BYTES = 300_000_000  # free disk that a training wants before it begins
MOST_TEXT_BYTES = 50_000_000
NICE = 10  # the visitors' pages come first


class JobError(ValueError):
    """One line: what is wrong, then what to do."""


@dataclass(frozen=True)
class TrainingRequest:
    """The request for a training. lora: rank, 0 for none; texts: names of the visitor's files;
    episodes: of each share on the card."""

    model: str
    variant: str
    steps: int
    seed: int = 0
    cell: str = "gru"
    lora: int = 0
    texts: tuple[str, ...] = ()
    episodes: int = 512


@dataclass(frozen=True)
class Job:
    """A training that was asked for. pid and birth: its trainer's; created: seconds since 1970."""

    folder: Path
    request: TrainingRequest
    created: float
    pid: int = 0
    birth: str = ""

    @property
    def id(self) -> str:
        return self.folder.name


@dataclass(frozen=True)
class JobReport:
    """A job's present status: a state of AT_WORK or OVER, its curve, its problem (or ""), its
    memory file and card (or None), and whether there is a checkpoint to continue from."""

    state: str
    points: list[Measurement]
    problem: str = ""
    memory: Path | None = None
    card: dict | None = None
    has_checkpoint: bool = False
    log: str = field(default="", repr=False)


# -- finding --------------------------------------------------------------------------------------


def home() -> Path:
    """The folder of all jobs: in MNEMOSCOPE_HOME, by default the user's data folder."""
    return data_folder.home() / "trainings"


def all_jobs() -> list[Job]:
    """Every job that can be read, the newest first."""
    found = []
    for path in home().glob("*/job.json"):
        try:
            found.append(_read(path.parent))
        except JobError:
            continue  # a folder being deleted, or not ours
    return sorted(found, key=lambda job: (job.created, job.id), reverse=True)


def find(job_id: str) -> Job:
    """A job by its folder's name. Raises JobError if there is none."""
    if not re.fullmatch(r"[0-9a-f-]{1,40}", job_id):
        raise JobError(f"No training has the name {job_id[:40]!r}. Choose one of the list.")
    return _read(home() / job_id)


def look(job: Job) -> JobReport:
    """The job's status, from its folder and its process."""
    at_work = is_alive(job)  # before the files: a trainer that ends meanwhile has written them
    points = progress.read(job.folder / "progress.jsonl")
    log, card = _log(job), read_card(job.folder / "card.json")
    memory = job.folder / "memory.safetensors"
    kept = memory if memory.is_file() and card is not None else None
    problem = "" if at_work or kept else _problem(log)
    state = _at_work(job, points) if at_work else _over(job, kept, problem)
    has_checkpoint = (job.folder / "training.pt").is_file()
    return JobReport(state, points, problem, kept, card, has_checkpoint, log)


def is_alive(job: Job) -> bool:
    """Whether the job's own trainer is running: same process number, same start time."""
    return job.pid > 0 and bool(job.birth) and birth(job.pid) == job.birth


def _at_work(job: Job, points: list[Measurement]) -> str:
    if (job.folder / "stop").exists():
        return "finishing" if _is_kept(job) else "stopping"
    if (job.folder / "pause").exists():
        return "paused"
    if not points:
        return "starting"
    return "finishing" if points[-1].step >= points[-1].steps else "running"


def _is_kept(job: Job) -> bool:
    """Whether the memory file was written since the trainer was started: only its card is missing."""
    memory, began = job.folder / "memory.safetensors", (job.folder / "job.json").stat().st_mtime
    return memory.is_file() and memory.stat().st_mtime >= began


def _over(job: Job, memory: Path | None, problem: str) -> str:
    if memory is not None:
        return "stopped" if (job.folder / "stop").exists() else "finished"
    return "failed" if problem else "killed"


# -- starting and ending --------------------------------------------------------------------------


def start(request: TrainingRequest, texts: dict[str, bytes] | None = None) -> Job:
    """Begin a training, with the visitor's own text files (name -> bytes), if any.

    Raises JobError if another one is under way, a file is no text, or the disk is full.
    """
    if os.name != "posix":
        raise JobError("Training in the background needs Linux or macOS, and this is another "
                       f"system. Use the command line: {command('train memory')}")
    names, texts = tuple(texts or {}), _checked(texts or {})
    with _one_at_a_time():
        _check_nothing_runs()
        _check_room(home())
        folder = home() / f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
        job = Job(folder, replace(request, texts=names), time.time())
        try:
            with _disk(folder):
                (folder / "text").mkdir(parents=True)
                for name, content in texts.items():
                    (folder / "text" / name).write_bytes(content)
            return _spawn(job)
        except JobError:
            shutil.rmtree(folder, ignore_errors=True)
            raise


def pause(job: Job) -> None:
    """Let the trainer wait at its next step; it stays in memory."""
    _mark(job, "pause")


def go_on(job: Job) -> Job:
    """End a pause; if the trainer is gone, start it again from its last checkpoint.

    Raises JobError if another training is under way.
    """
    with _one_at_a_time():
        job = find(job.id)
        if is_alive(job):
            if (job.folder / "pause").exists():
                _check_nothing_runs()
            (job.folder / "pause").unlink(missing_ok=True)
            return job
        _check_nothing_runs()
        for name in ("pause", "stop"):
            (job.folder / name).unlink(missing_ok=True)
        return _spawn(job)


def stop(job: Job) -> Job:
    """End early and keep the result: the trainer writes the memory file and its card.

    If the trainer is gone, it is started once more for that, from its last checkpoint.
    """
    with _one_at_a_time():
        job = find(job.id)
        _mark(job, "stop")  # first: a paused trainer that wakes must find it
        (job.folder / "pause").unlink(missing_ok=True)
        return job if is_alive(job) else _spawn(job)


def share(job: Job, is_shared: bool) -> None:
    """Let everyone who opens the app see the training and use its memory, or the owner alone."""
    if is_shared:
        _mark(job, "shared")
    else:
        (job.folder / "shared").unlink(missing_ok=True)


def is_shared(job: Job) -> bool:
    """Whether everyone may see the training."""
    return (job.folder / "shared").exists()


def delete(job: Job) -> None:
    """End the trainer, by force, and remove everything of the job. Nothing of it is kept."""
    with _one_at_a_time():
        job = find(job.id)
        if is_alive(job):
            os.killpg(job.pid, signal.SIGKILL)  # its own session: nobody else is in that group
        for _ in range(100):
            if not is_alive(job):
                break
            time.sleep(0.05)
        shutil.rmtree(job.folder)


def _spawn(job: Job) -> Job:
    """Start the job's trainer and note down which process it is."""
    with _disk(job.folder):
        _write(job)  # before anything runs: a full disk shows here
        log = open(job.folder / "log.txt", "wb")  # noqa: SIM115 (the next `with` closes it)
    with log:
        process = _started([*TRAINER, *arguments(job)], log)
    job = replace(job, pid=process.pid, birth=birth(process.pid) or "ended at once")
    os.setpriority(os.PRIO_PROCESS, process.pid, NICE)
    threading.Thread(target=process.wait, daemon=True).start()  # a dead child: no zombie
    with _disk(job.folder):
        _write(job)
    return job


def _started(command: list[str], log: IO[bytes]) -> subprocess.Popen:
    """The trainer's process. JobError if the system cannot start one."""
    try:
        return subprocess.Popen(
            command, cwd=ROOT, env=_environment(), stdout=log, stderr=log,
            stdin=subprocess.DEVNULL, start_new_session=True,
        )
    except OSError as problem:
        raise JobError(f"The trainer did not start: {problem.strerror or problem}. Try again; if that "
                       f"fails, run it by hand: {' '.join(command)}") from problem


def arguments(job: Job) -> list[str]:
    """The trainer's command-line options; --resume if it left a checkpoint."""
    words = ["--out", str(job.folder), *choices(job.request)]
    words += ["--text", str(job.folder / "text")] if job.request.texts else []
    return words + (["--resume"] if (job.folder / "training.pt").is_file() else [])


def choices(asked: TrainingRequest) -> list[str]:
    """A request as the command line's options, without its folders."""
    words = ["--model", asked.model, "--variant", asked.variant, "--steps", str(asked.steps)]
    words += ["--seed", str(asked.seed)]
    words += ["--cell", asked.cell] if asked.cell != "gru" else []
    words += ["--episodes", str(asked.episodes)] if asked.episodes != 512 else []
    return words + (["--lora", str(asked.lora)] if asked.lora else [])


def threads() -> int:
    """Threads of a trainer: one core is left for the pages."""
    return max(1, n_cores() - 1)


def _environment() -> dict[str, str]:
    n = str(threads())
    return os.environ | {"OMP_NUM_THREADS": n, "MKL_NUM_THREADS": n, "OMP_WAIT_POLICY": "PASSIVE"}


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Only one process changes jobs at any moment; waits for the other."""
    with _disk(home()):
        home().mkdir(parents=True, exist_ok=True)
        lock = FileLock(home() / ".lock")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _disk(folder: Path) -> Iterator[None]:
    """An OSError of the block becomes a JobError that says what the system refused."""
    try:
        yield
    except OSError as error:
        raise JobError(
            f"Cannot use the folder {folder}: {error.strerror or error}. Put that right, or set "
            "MNEMOSCOPE_HOME to another folder."
        ) from error


def _check_nothing_runs() -> None:
    for other in all_jobs():
        if is_alive(other) and not (other.folder / "pause").exists():
            raise JobError(
                "Cannot start this training: another one is under way. Pause it, stop it, or wait "
                "for its end."
            )


def _check_room(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < ROOM_BYTES:
        raise JobError(
            f"Not enough disk space: checkpoints need {ROOM_BYTES / 1e6:.0f} MB, {folder} has "
            f"{free / 1e6:.0f} MB free. Make room, or set MNEMOSCOPE_HOME to another disk."
        )


def _checked(texts: dict[str, bytes]) -> dict[str, bytes]:
    """Plain names -> contents that are text. Raises JobError, naming the file."""
    total = sum(map(len, texts.values()))
    if total > MOST_TEXT_BYTES:
        raise JobError(
            f"Too much text: {total / 1e6:.0f} MB, at most {MOST_TEXT_BYTES / 1e6:.0f} MB are "
            "allowed. Choose fewer or shorter files."
        )
    plain = {}
    for number, (name, content) in enumerate(texts.items(), 1):
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = "\0"
        if "\0" in text or not text.strip():
            what = "an empty file" if not content.strip() else "bytes that are no UTF-8 text"
            raise JobError(f"No plain text in {name[:80]!r}: {what}. Choose a .txt file.")
        stem = re.sub(r"[^A-Za-z0-9_-]+", "-", Path(name).stem)[:40].strip("-") or "text"
        plain[f"{stem}-{number}.txt"] = text.encode()
    return plain if len(plain) != 1 else _parts(*plain.popitem())


def _parts(name: str, content: bytes, n: int = 10) -> dict[str, bytes]:
    """One file as n, cut between words: the trainer leaves one of several files out, to measure on.

    Raises JobError if there is too little text to cut.
    """
    spans = re.findall(r"\s*\S+", content.decode())
    if len(spans) < n:
        raise JobError(f"Text too short: {len(spans)} words, at least {n} words are needed. Choose "
                       "a longer file.")
    cuts = [round(i * len(spans) / n) for i in range(n + 1)]
    return {
        f"{Path(name).stem}-part-{i}.txt": "".join(spans[a:b]).encode()
        for i, (a, b) in enumerate(pairwise(cuts), 1)
    }


# -- files ----------------------------------------------------------------------------------------


def _mark(job: Job, name: str) -> None:
    with _disk(job.folder):
        (job.folder / name).touch()


def _write(job: Job) -> None:
    values = {key: value for key, value in asdict(job).items() if key != "folder"}
    write_text(job.folder / "job.json", json.dumps(values, indent=1))


def _read(folder: Path) -> Job:
    try:
        told = dict(checked(JobTold, from_json((folder / "job.json").read_bytes())))
        request = TrainingRequest(**dict(told.pop("request")))
        return Job(folder=folder, request=request, **told)
    except FileNotFoundError:
        raise JobError(f"There is no training {folder.name} any more: it was deleted.") from None
    except (OSError, ValueError) as error:
        raise JobError(f"Cannot read {folder / 'job.json'}: {error}. Restore a copy, or delete "
                       "this folder.") from error


def read_card(path: Path) -> dict | None:
    """A training's card; None if there is none, or only a part of one."""
    try:
        found = from_json(path.read_bytes())
        checked(CardTold, found)
    except (OSError, ValueError):  # none yet, or not whole
        return None
    return dict(found)


def _log(job: Job, most: int = 20_000) -> str:
    """The end of what the trainer printed."""
    try:
        with open(job.folder / "log.txt", "rb") as file:
            file.seek(max(0, os.path.getsize(file.name) - most))
            return file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""


def _problem(log: str) -> str:
    """The last line of a trainer that gave up; "" if it printed none."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    if lines and lines[-1].startswith(said := f"{command()}: "):
        return lines[-1].removeprefix(said)
    if "Traceback (most recent call last):" in log or lines and "error:" in lines[-1]:
        return lines[-1]
    return ""
