"""The forecast of a training, gradient checkpointing, and several processes: same steps, less memory."""

import json
import os
import socket
import subprocess
import sys
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from model.commands import train_memory
from model.training import base, forecast, memory, remembering
from model.training.processes import ALONE, Processes
from tests.unit.training.test_memory_training import folder_of, options

ROOT = Path(__file__).parents[3]
MUCH = 10**12  # bytes


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return folder_of(tmp_path_factory.mktemp("base"))


def opened(folder, out, **others):
    """A training whose modules are not at their zero start."""
    training = memory.start(options(folder, out, **others))
    for module in ("early", "late", "external"):
        getattr(training.modules, module).output.weight.data.normal_(std=0.1)
    return training


def gradients(training, recomputes):
    """Of one step's loss, by parameter."""
    training.recomputes = recomputes
    training.modules.zero_grad(set_to_none=True)
    torch.manual_seed(3)
    batch = training.data.batch(memory.random.Random(5), [memory.LESSONS[1]] * 3, 2)
    losses = memory.loss_of(training, batch)
    sum(losses.values()).backward()
    return {name: p.grad for name, p in training.modules.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("at_once, error", [(100, 0.0), (4, 1e-4)])
def test_gradient_checkpointing_has_the_same_gradients(folder, tmp_path, monkeypatch, at_once, error):
    """To the bit where as many prompts are read at a time; else sums have another order."""
    monkeypatch.setattr(base, "bfloat16_pays", lambda device: False)
    monkeypatch.setattr(memory, "READ_AGAIN", at_once)
    training = opened(folder, tmp_path, lora=2)
    kept, again = gradients(training, False), gradients(training, True)
    assert kept.keys() == again.keys() and "external.key.weight" in kept
    for name, grad in kept.items():
        assert (again[name] - grad).abs().max() <= error * grad.abs().max(), name


def test_gradient_checkpointing_needs_less_memory_and_comes_where_memory_is_short(
    folder, tmp_path, monkeypatch
):
    training = opened(folder, tmp_path)
    training.options = replace(training.options, rows=16)
    training.recomputes = True
    less = forecast.needed_bytes(training)
    training.recomputes = False
    more = forecast.needed_bytes(training)
    assert less < 0.6 * more
    assert not forecast.forecast(training, 4, MUCH).recomputes
    assert forecast.forecast(training, 4, (less + more) // 2).recomputes and training.recomputes
    with pytest.raises(ValueError, match="even with gradient checkpointing.*Give fewer --rows"):
        forecast.forecast(training, 4, less // 2)
    monkeypatch.setattr(forecast, "free_bytes", lambda device: (less + more) // 2)
    training.recomputes, training.state.step = False, training.options.steps  # nothing is left to train
    next(train_memory._train(training, Namespace(resume=True, episodes=1)))
    assert training.recomputes, "a resumed training makes no forecast"


def test_a_forecast_leaves_the_training_as_it_was(folder, tmp_path):
    asked, tried = (memory.start(options(folder, tmp_path / name)) for name in ("a", "b"))
    found = forecast.forecast(tried, 4, MUCH)
    assert found.steps == 4 and 0 < found.shortest_s <= found.longest_s and found.peak_bytes > 0
    torch.manual_seed(1)
    first = [memory.step(asked) for _ in range(2)]
    torch.manual_seed(1)
    assert [memory.step(tried) for _ in range(2)] == first


def test_slow_steps_are_few(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(forecast, "PATIENCE_S", 0.0)
    training = memory.start(options(folder, tmp_path, steps=40))
    found = forecast.forecast(training, 4, MUCH)
    said = train_memory.forecast_line(found, training)
    assert found.steps == 1 and "1 step tried, no more because they are slow" in said


def test_the_time_of_all_steps_is_that_of_their_kinds():
    """1,000 steps: 150, 300 and 550 of the lessons, a third of each with the recurrent memory."""
    tried = [((lesson, recurrent), 1.0 + lesson + 3 * recurrent)
             for lesson in range(3) for recurrent in (True, False)]
    assert forecast.steps_s(tried, 1000) == pytest.approx(150 * 2 + 300 * 3 + 550 * 4)
    assert forecast.steps_s([((0, True), 2.0)], 10) == pytest.approx(20)  # the others like this one


def test_durations_read_well():
    assert [train_memory.duration(s) for s in (7, 600, 9000)] == ["7 s", "10 min", "2.5 h"]


@pytest.mark.parametrize("number", [1, 2, 3, 5])
def test_every_row_belongs_to_one_process(number):
    groups = [(remembering.AskedPrompts(*[torch.arange(n) + 100 * n] * 6), torch.arange(n) + 100 * n)
              for n in (4, 1, 6)]
    shares = [list(Processes(number, index).share(groups)) for index in range(number)]
    assert all(torch.equal(rows.ids, more) for share in shares for rows, more in share)
    found = torch.cat([more for share in shares for _, more in share]).tolist()
    assert sorted(found) == sorted(torch.cat([more for _, more in groups]).tolist())
    sizes = [sum(len(more) for _, more in share) for share in shares]
    assert max(sizes) - min(sizes) <= 1


def test_more_processes_than_episodes_are_refused(folder, tmp_path):
    with pytest.raises(ValueError, match="3 episodes a step cannot be shared by 4 processes"):
        memory.start(options(folder, tmp_path), processes=Processes(4, 0))


def test_alone_nothing_is_shared():
    assert ALONE.any(True) and not ALONE.any(False) and ALONE.from_first({"a": 1}) == {"a": 1}


@pytest.mark.slow
def test_two_processes_have_the_loss_curve_of_one(folder, tmp_path):
    arguments = ["train", "memory", "--model", str(folder), "--variant", "gpt2-m", "--steps", "4",
                 "--rows", "3", "--episodes", "1"]
    script = ("import sys; from dataclasses import replace; from model.commands import train_memory as c;"
              "from model.training import base; base.bfloat16_pays = lambda device: False;"
              "asked = c.options_of; c.options_of = lambda args: replace(asked(args), every=1, n_recall=2);"
              "from model.__main__ import main; sys.exit(main(sys.argv[1:]))")
    curves = []
    for number in (1, 2):
        out = tmp_path / str(number)
        run_together(number, [sys.executable, "-c", script, *arguments, "--out", str(out)])
        curves.append([json.loads(line) for line in (out / memory.PROGRESS).read_text().splitlines()])
        assert (out / train_memory.FILE).is_file()
    one, two = curves
    assert [line["step"] for line in one] == [line["step"] for line in two] == [1, 2, 3, 4]
    for a, b in zip(one, two):
        assert [a[part] for part in memory.PARTS] == pytest.approx([b[part] for part in memory.PARTS], abs=1e-4)


def run_together(number, command):
    """The command in so many processes, as `accelerate launch --cpu` starts them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = os.environ | {"WORLD_SIZE": str(number), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
                        "ACCELERATE_USE_CPU": "true", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    started = [subprocess.Popen(command, cwd=ROOT, env=env | {"RANK": str(i), "LOCAL_RANK": str(i)},
                                stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
               for i in range(number)]
    said = [process.communicate()[1] for process in started]
    assert [process.returncode for process in started] == [0] * number, said
