"""Trainings in the background: they outlive who started them, obey, and say how they ended."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from model.training import corpus, jobs, progress
from model.training.jobs import JobError, TrainingRequest
from tests.waiting import until

FAKE = (sys.executable, str(Path(__file__).parents[2] / "fake_trainer.py"))
ASKED = TrainingRequest(model="embedded", variant="gpt2+edm", steps=500_000)


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A home of its own and the stand-in trainer; nothing is left at work."""
    monkeypatch.setenv("MNEMOSCOPE_HOME", str(tmp_path))
    monkeypatch.setattr(jobs, "TRAINER", FAKE)
    yield tmp_path
    for job in jobs.all_jobs():
        jobs.delete(job)


def reaches(job, state: str):
    return until(lambda: (now := jobs.look(jobs.find(job.id))).state == state and now)


def steps_of(job) -> int:
    points = jobs.look(job).points
    return points[-1].step if points else 0


def stands_still(job) -> int:
    """The step it stands at, 0 while it moves."""
    before = steps_of(job)
    time.sleep(0.4)  # forty of the stand-in's steps
    return before if steps_of(job) == before else 0


def test_a_training_runs_to_its_end_and_keeps_a_memory_file():
    job = jobs.start(replace(ASKED, steps=20))
    now = reaches(job, "finished")
    assert now.memory.read_bytes() == b"not a memory" and now.card == {"variant": "gpt2+edm"}
    assert [p.step for p in now.points] == [5, 10, 15, 20] and not now.problem
    assert now.points[-1].recall == {"gpt2": 0.05, "gpt2+edm": 1.0}


def test_the_trainer_has_a_session_of_its_own_and_a_low_priority():
    job = jobs.start(ASKED)
    assert os.getsid(job.pid) == job.pid != os.getsid(0)
    assert os.getpriority(os.PRIO_PROCESS, job.pid) >= jobs.NICE
    assert jobs._environment()["OMP_NUM_THREADS"] == str(jobs.threads())
    assert 1 <= jobs.threads() <= max(1, os.cpu_count() - 1)


@pytest.mark.slow
def test_it_survives_the_death_of_who_started_it(place):
    """A process starts a training and is killed with its whole group; the training goes on."""
    code = (
        "import sys, time; from model.training import jobs; jobs.TRAINER = tuple(sys.argv[1:]);"
        "print(jobs.start(jobs.TrainingRequest('embedded', 'gpt2+edm', 500_000)).id, flush=True);"
        "time.sleep(600)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, *FAKE], cwd=jobs.ROOT, stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    )
    job = jobs.find(parent.stdout.readline().strip())
    os.killpg(parent.pid, signal.SIGKILL)
    parent.wait()
    before = steps_of(job)
    until(lambda: steps_of(job) > before + 20)
    assert jobs.look(job).state == "running"
    jobs.stop(job)
    assert reaches(job, "stopped").memory


def test_pause_waits_and_going_on_goes_on():
    job = jobs.start(ASKED)
    until(lambda: steps_of(job) > 5)
    jobs.pause(job)
    assert jobs.look(job).state == "paused"
    before = until(lambda: stands_still(job))
    same = jobs.go_on(job)
    assert same.pid == job.pid and jobs.look(job).state == "running"
    until(lambda: steps_of(job) > before)


@pytest.mark.parametrize("paused", [False, True])
def test_stop_keeps_what_is_there(paused):
    job = jobs.start(ASKED)
    until(lambda: steps_of(job) >= 5)
    if paused:
        jobs.pause(job)
    jobs.stop(job)
    now = reaches(job, "stopped")
    assert now.memory.is_file() and 5 <= now.points[-1].step < ASKED.steps


def test_a_killed_trainer_is_noticed_and_goes_on_from_its_checkpoint():
    job = jobs.start(ASKED)
    until(lambda: steps_of(job) >= 20)
    os.kill(job.pid, signal.SIGKILL)
    now = reaches(job, "killed")
    assert now.has_checkpoint and not now.memory
    at = json.loads((job.folder / "training.pt").read_text())["step"]
    told = [p.step for p in now.points]
    assert at in (told[-1], told[-1] - 5)  # the kill may have come between the two files
    again = jobs.go_on(job)
    assert again.pid != job.pid and "--resume" in jobs.arguments(again)
    until(lambda: steps_of(again) > told[-1])
    steps = [p.step for p in jobs.look(again).points]
    assert steps == [*told, *range(at + 5, steps[-1] + 1, 5)]  # no step twice, none left out


def test_what_a_killed_trainer_left_can_be_kept():
    job = jobs.start(ASKED)
    until(lambda: steps_of(job) >= 10)
    os.kill(job.pid, signal.SIGKILL)
    reaches(job, "killed")
    jobs.stop(job)
    assert reaches(job, "stopped").memory.is_file()


def test_a_process_number_used_again_is_not_taken_for_the_trainer():
    job = jobs.start(replace(ASKED, seed=9))
    assert jobs.is_alive(job)
    other = replace(job, pid=os.getpid())
    assert not jobs.is_alive(other)
    assert jobs.birth(os.getpid()) and jobs.birth(2**22 + 1) is None


def test_a_zombie_is_not_alive():
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    until(lambda: jobs.birth(child.pid) is None)
    child.wait()


@pytest.mark.parametrize("seed, words", [(28, "No space left"), (3, "shapes do not fit")])
def test_why_it_failed_is_one_line(seed, words):
    now = reaches(jobs.start(replace(ASKED, seed=seed)), "failed")
    assert words in now.problem and "\n" not in now.problem
    assert now.points and now.has_checkpoint  # nothing lost


def test_one_training_at_a_time_and_a_paused_one_makes_room():
    first = jobs.start(replace(ASKED, seed=9))
    with pytest.raises(JobError, match="another one is under way"):
        jobs.start(ASKED)
    jobs.pause(first)
    second = jobs.start(ASKED)
    with pytest.raises(JobError, match="another one is under way"):
        jobs.go_on(first)
    assert jobs.all_jobs()[0].id == second.id


def test_deleting_ends_the_trainer_and_leaves_nothing():
    job = jobs.start(replace(ASKED, seed=9))
    jobs.delete(job)
    assert jobs.birth(job.pid) is None and not job.folder.exists()
    with pytest.raises(JobError, match="it was deleted"):
        jobs.find(job.id)


def test_own_text_goes_into_the_jobs_folder():
    job = jobs.start(ASKED, {"../../Mein Büchlein.txt": "Grüße.".encode(), "a.txt": b"One."})
    names = sorted(path.name for path in (job.folder / "text").iterdir())
    assert names == ["Mein-B-chlein-1.txt", "a-2.txt"]
    assert job.request.texts == ("../../Mein Büchlein.txt", "a.txt")
    assert "--text" in jobs.arguments(job)
    assert "--text" not in jobs.arguments(replace(job, request=ASKED))


def test_one_file_is_cut_into_parts_that_are_the_whole():
    text = " Once upon a time.\n\nThere was  a king; he was old. " * 3
    job = jobs.start(ASKED, {"tale.txt": text.encode()})
    parts = [(job.folder / "text" / f"tale-1-part-{i}.txt").read_text() for i in range(1, 11)]
    assert "".join(parts) == text.rstrip() and all(part.strip() for part in parts)
    assert len(corpus.read_books(job.folder / "text").training) == 9
    with pytest.raises(JobError, match="10 words"):
        jobs.start(ASKED, {"x.txt": b"Too short."})


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"a\x00b", b"", b"  \n"])
def test_what_is_no_text_is_refused_and_nothing_is_left(content):
    with pytest.raises(JobError, match="'x.txt'"):
        jobs.start(ASKED, {"x.txt": content})
    assert not jobs.all_jobs() and not list(jobs.home().glob("2*"))


def test_no_disk_space_is_one_sentence(monkeypatch):
    usage = type(jobs.shutil.disk_usage("/"))
    monkeypatch.setattr(jobs.shutil, "disk_usage", lambda _: usage(10**9, 10**9 - 10**6, 10**6))
    with pytest.raises(JobError, match="1 MB free"):
        jobs.start(ASKED)


def test_a_home_that_cannot_be_written_is_one_sentence(place, monkeypatch):
    (place / "file").write_text("")
    monkeypatch.setenv("MNEMOSCOPE_HOME", str(place / "file"))
    with pytest.raises(JobError, match="MNEMOSCOPE_HOME"):
        jobs.start(ASKED)


def test_a_trainer_that_cannot_be_started_is_no_fault_of_the_disk(monkeypatch):
    monkeypatch.setattr(jobs, "TRAINER", ["/no/such/python"])
    with pytest.raises(JobError, match="trainer did not start: No such file"):
        jobs.start(ASKED)
    assert not jobs.all_jobs()


@pytest.mark.parametrize("name", ["../..", "", "x" * 50, "20260101/../.."])
def test_a_name_leads_nowhere_else(name):
    with pytest.raises(JobError):
        jobs.find(name)


def test_a_broken_record_is_left_out_of_the_list():
    job = jobs.start(ASKED)
    (jobs.home() / "20260101-000000-beef").mkdir()
    (jobs.home() / "20260101-000000-beef" / "job.json").write_text('{"request": 3}')
    assert [found.id for found in jobs.all_jobs()] == [job.id]


def test_progress_reads_what_is_whole(tmp_path):
    path = tmp_path / "progress.jsonl"
    assert progress.read(path) == []
    row = {"step": 5, "steps": 20, "seconds": 1, "recall": {"gpt2": 0.1}, "kl": None}
    rows = [row, row | {"step": 10}, row | {"step": 15}, row | {"step": 10, "loss": 2}]
    path.write_text("\n".join(map(json.dumps, rows)) + '\n[1]\n{"step": 15, "st')
    points = progress.read(path)
    assert [(p.step, p.loss, p.kl) for p in points] == [(5, None, None), (10, 2.0, None)]
    assert points[0].seconds_left is None and points[0].gates == {}


def test_shipped_curves_are_a_json_list(tmp_path):
    path = tmp_path / "memory_curves.json"
    assert progress.read_curves(path) == []
    path.write_text(json.dumps([{"step": 5, "steps": 5, "seconds": 3.0}]))
    assert [p.step for p in progress.read_curves(path)] == [5]
    path.write_text("{")
    with pytest.raises(ValueError, match="JSON list"):
        progress.read_curves(path)
