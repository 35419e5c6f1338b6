"""The trainer itself as a background job, on a tiny model: killed, gone on, paused, kept."""

import json
import os
import signal
import sys

import pytest
import torch

from model.grafts import modules
from model.training import jobs
from model.training.jobs import TrainingRequest
from tests.conftest import byte_tokenizer, random_gpt2
from tests.waiting import until

EVERY = 5  # steps between two measurements
FREQUENT = (
    "import sys; from dataclasses import replace; from model.commands import train_memory as command;"
    "from model.training import forecast; forecast.PATIENCE_S = 0;"
    "asked = command.options_of;"
    f"command.options_of = lambda args: replace(asked(args), rows=4, every={EVERY}, n_recall=8);"
    "from model.__main__ import main; sys.exit(main(['train', 'memory', *sys.argv[1:]]))"
)


@pytest.fixture
def base(tmp_path, monkeypatch):
    """A folder with a tiny GPT-2; nothing is left at work."""
    monkeypatch.setenv("MNEMOSCOPE_HOME", str(tmp_path / "home"))
    model = random_gpt2(n_layer=2, n_positions=1024)
    model.save_pretrained(tmp_path / "base")
    byte_tokenizer().save_pretrained(tmp_path / "base")
    yield tmp_path / "base"
    for job in jobs.all_jobs():
        jobs.delete(job)


@pytest.mark.slow
def test_killed_gone_on_paused_and_kept(base, monkeypatch):
    monkeypatch.setattr(jobs, "TRAINER", (sys.executable, "-c", FREQUENT))
    job = jobs.start(TrainingRequest(str(base), "gpt2+edm", 5_000, episodes=8))
    until(lambda: jobs.look(job).points or jobs.look(job).problem)
    os.kill(job.pid, signal.SIGKILL)
    killed = until(lambda: (now := jobs.look(job)).state == "killed" and now)
    assert killed.has_checkpoint and killed.points and not killed.problem
    saved = torch.load(job.folder / "training.pt", weights_only=True)
    last = json.loads(saved["state"])["step"]
    assert last >= killed.points[-1].step

    job = jobs.go_on(job)
    until(lambda: (now := jobs.look(job)).problem or now.points[-1].step > last and now.log)
    now = jobs.look(job)
    first_line = now.log.splitlines()[0]  # what the second trainer said first
    assert not now.problem and first_line.startswith(f"step {last + EVERY} of")  # not from the beginning
    assert now.points[: len(killed.points)] == killed.points
    assert now.points[-1].recall_n and 0 <= now.points[-1].recall["gpt2"] <= 1

    jobs.pause(job)
    assert jobs.look(job).state == "paused"
    jobs.stop(job)
    kept = until(lambda: (now := jobs.look(job)).state == "stopped" and now)
    assert kept.card["variant"] == "gpt2+edm" and kept.card["steps"] < 5_000
    model = random_gpt2(n_layer=2, n_positions=1024)
    memory = modules.load_modules(kept.memory, model.config, kept.card["base"])
    assert memory.parts == ("edm",) and memory.fingerprint != "untrained"


@pytest.mark.slow
def test_a_request_the_trainer_refuses_is_its_own_sentence(base):
    job = jobs.start(TrainingRequest(str(base / "nowhere"), "gpt2+edm", 5))
    failed = until(lambda: (now := jobs.look(job)).state == "failed" and now)
    assert "nowhere" in failed.problem and "\n" not in failed.problem and not failed.has_checkpoint
