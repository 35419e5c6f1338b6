"""On the workers of a local Ray cluster: the files of one process; a killed worker loses one episode."""

import os
import signal
from pathlib import Path

import pytest
import ray
import torch

from model.__main__ import main
from model.memory.settings import FusionSettings, Settings
from model.recall import episode_lines, headline, probe_file, runs
from model.recall import spread as spreads
from model.recall.probe import Probe
from model.recall.spread import each
from model.recall.trial import Curve, CurvePoint, Question, Trial
from model.run.checkpoint import Checkpoint, Placement
from model.training import memory, memory_grid, whole_grid
from tests.unit.training.test_memory_training import folder_of

pytestmark = pytest.mark.slow
SMALL = Settings(fusion=FusionSettings(slots=40))


@pytest.fixture(scope="module")
def spread():
    """Two workers of this machine."""
    patch = pytest.MonkeyPatch()
    patch.setitem(spreads.HERE, "num_cpus", 2)
    patch.setenv("RAY_worker_niceness", "0")  # by itself 15: on a busy machine nothing would come of it
    yield spreads.Spread()
    ray.shutdown()
    patch.undo()


@pytest.fixture(scope="module")
def loaded(tiny):
    """The tiny model as a command has it."""
    place = Placement(torch.device("cpu"), torch.float32, "", "")
    return Checkpoint("tiny", Path("tiny"), tiny.model, tiny.tokenizer, place, tiny.fingerprint)


def trial(rng, tokenizer, stops=(0, 70)):
    name = rng.choice(["Ann", "Bob", "Eve"])
    return Trial((f"I am {name}.",), (Question("I am", f" {name}."), Question("Who?", None)), stops)


def at_once(rng, tokenizer):
    return trial(rng, tokenizer, (0,))


def curve(make):
    return Curve("short", "", "", lambda own: [
        CurvePoint("a", 0, own, make), CurvePoint("b", 1, own, at_once, reads=True)])


def measured(loaded, path, make=trial, **given):
    return list(runs.measure(loaded, curve(make), ("am", "gpt2"), path, n=3, settings=SMALL, **given))


def lines_of(steps):
    return [line for step in steps for line in step.lines]


class Deadly:
    """Makes trials; the second one kills its worker, once. Notes every trial in a file."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __call__(self, rng, tokenizer):
        made = trial(rng, tokenizer)
        with open(self.folder / "made", "a") as file:
            file.write(".")
        if (self.folder / "made").stat().st_size == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return made


def test_episodes_are_the_lines_of_one_process(loaded, spread, tmp_path):
    here, there = tmp_path / "here.jsonl", tmp_path / "there.jsonl"
    one, other = measured(loaded, here), measured(loaded, there, spread=spread)
    assert there.read_bytes() == here.read_bytes()
    assert lines_of(other) == lines_of(one)
    assert {line["other_seed"] for line in episode_lines.read_lines(there) if line["seed"] == 1} == {0}


def test_a_killed_worker_loses_one_episode(loaded, spread, tmp_path):
    path, plain = tmp_path / "episodes.jsonl", tmp_path / "plain.jsonl"
    measured(loaded, path, Deadly(tmp_path), spread=spread)
    measured(loaded, plain)
    assert path.read_bytes() == plain.read_bytes()
    assert (tmp_path / "made").stat().st_size == 3 + 1


def test_what_is_in_the_file_is_not_measured_again(loaded, spread, tmp_path):
    path = tmp_path / "episodes.jsonl"
    measured(loaded, path)
    whole = path.read_bytes()
    kept = whole.splitlines(True)[:4]  # a, and b for each variant; then a of the second seed
    path.write_bytes(b"".join(kept))
    (tmp_path / "made").write_text("..")  # nothing is killed
    steps = measured(loaded, path, Deadly(tmp_path), spread=spread)
    assert [step.is_new for step in steps] == [False, False, False, True, True, True]
    assert (tmp_path / "made").stat().st_size == 2 + 1  # a of the third seed
    assert path.read_bytes().splitlines(True)[:4] == kept


def test_an_error_of_the_work_is_the_works_own(spread):
    with pytest.raises(ValueError, match=r"^No 3 here\.$"):
        list(each(refuse, None, [1, 3, 5], spread))


def refuse(common, item):
    if item == 3:
        raise ValueError("No 3 here.")
    return item


def test_lines_of_probes_are_those_of_one_process(loaded, spread, tmp_path):
    given, here, there = (tmp_path / name for name in ("probes.jsonl", "here.jsonl", "there.jsonl"))
    given.write_text('{"tell": ["I am Ann."], "ask": "I am", "answer": " Ann"}\nno probe\n'
                     '{"tell": ["I am Bob."], "ask": "Who?", "label": "who"}\n')
    one = list(probe_file.measure(loaded, given, ("gpt2+am",), SMALL, here))
    assert list(probe_file.measure(loaded, given, ("gpt2+am",), SMALL, there, spread)) == one
    assert there.read_bytes() == here.read_bytes()
    assert [label for _, label, _ in one] == ["", "", "who"] and isinstance(one[1][2], str)


def test_headline_figures_are_those_of_one_process(loaded, spread, tmp_path):
    given = [Probe((f"I am {name}.",), "I am", f" {name}") for name in ("Ann", "Bob", "Ann")]
    for name, on in (("here", None), ("there", spread)):
        path = tmp_path / f"{name}.json"
        list(headline.measure(loaded, given, path, cases=("next", "never"), variants=("gpt2", "gpt2+am"), n=3,
                              settings=SMALL, spread=on))
        list(headline.measure_far(loaded, given, path, stops=(80,), variants=("gpt2+am",), n=2, settings=SMALL,
                                  spread=on))
    lines = [(tmp_path / f"{name}.episodes.jsonl").read_bytes() for name in ("here", "there")]
    assert lines[0] == lines[1] and lines[0]
    boards = [headline.load(tmp_path / f"{name}.json") for name in ("here", "there")]
    for board in boards:
        for case in board["cases"].values():
            case.pop("made")
    assert boards[0] == boards[1]


def test_an_address_without_a_cluster_is_one_sentence(capsys, tmp_path, spread, monkeypatch):
    given = tmp_path / "probes.jsonl"
    given.write_text('{"tell": ["I am Ann."], "ask": "I am", "answer": " Ann"}\n')
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    assert main(["probe", "--file", str(given), "--variants", "gpt2", "--ray", "nowhere:x"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "No Ray cluster at 'nowhere:x'" in said


def test_rows_of_the_grid_are_those_of_one_process(spread, tmp_path):
    folder = folder_of(tmp_path / "base", n_positions=512)
    training = memory.start(memory.MemoryTrainingOptions(tmp_path, model=str(folder)))
    training.modules.eval().requires_grad_(False)
    seeds = {0: training.modules}
    for grid in (memory_grid, whole_grid):
        here = grid.row(training, seeds, "oneself", 1, 2)
        assert grid.row(training, seeds, "oneself", 1, 2, spread=spread) == here
