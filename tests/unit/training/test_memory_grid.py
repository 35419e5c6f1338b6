"""The grid of recall: which prompts count as between, whose memory is read, what is kept."""

import json
import random
from dataclasses import replace

import pytest
import torch

from model.__main__ import main
from model.disk.one_writer import alone
from model.disk.schema import checked
from model.grafts import modules
from model.recall.share import wilson
from model.training import memory, memory_card, memory_grid, memory_readme, remembering, whole_grid
from model.training.job_files import WentOnTold
from tests.unit.grafts.test_trained_modules import random_contents
from tests.unit.training.test_memory_training import folder_of


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    out = tmp_path_factory.mktemp("grid")
    folder = folder_of(out / "base", n_positions=512)
    found = memory.start(memory.MemoryTrainingOptions(out, model=str(folder)))
    found.modules.eval().requires_grad_(False)
    return found


def test_the_prompts_between_come_after_the_episodes_own(training):
    lesson = memory_grid.lesson("oneself", 2)
    batch = training.data.batch(random.Random(0), [lesson] * 3, 1)
    for between in memory_grid.BETWEEN:
        kept = memory_grid._first(batch, batch.told, between)
        counts = torch.bincount(batch.told.row[kept]).tolist()
        assert counts == [len(one.prompts) + between for one in batch.episodes]


def test_facts_are_as_many_and_about_whom_the_row_says(training):
    for about, facts in (("oneself", 4), ("many people", 16)):
        lesson = memory_grid.lesson(about, facts)
        one = training.data.batch(random.Random(0), [lesson], 1).episodes[0]
        subjects = [fact.subject for fact in one.facts]
        assert len(one.facts) == facts and one.held_out == {"values"}
        assert set(subjects) == {"me"} if about == "oneself" else len(set(subjects)) == 16


def test_the_slots_that_the_gate_holds_most_worth_keeping_are_left():
    slots = replace(random_contents(rows=2, slots=4), salience=torch.tensor(
        [[3.0, 1.0, 9.0, 2.0], [1.0, 2.0, 9.0, 4.0]]), filled=torch.tensor([[True, True, False, True]] * 2))
    left = memory_grid.most_salient(remembering.Remembered(None, None, slots), 2).external
    assert left.filled.tolist() == [[True, False, False, True], [False, True, False, True]]
    assert left.newer[left.filled].tolist() == [1, 0, 1, 0]  # of those that are left
    assert memory_grid.most_salient(remembering.Remembered(None, None, slots), 9).external.filled.equal(slots.filled)


def test_untrained_memory_answers_as_the_base_does(training):
    cells = memory_grid.row(training, {0: training.modules}, "oneself", 1, 4)
    base = {c.between: c.hits for c in cells if c.variant == "gpt2"}
    for cell in cells:
        if cell.seed == 0:
            assert cell.hits == base[cell.between] and cell.n == 4
    assert cells[-1].variant == "gpt2, all in one prompt"


@pytest.mark.parametrize("n", [2, 15, 16, 17, 32, 33, 512])
def test_no_episode_is_given_its_own_memory_as_anothers(n):
    rows = memory_grid.at_once(n)
    assert sum(rows) == n and 2 <= min(rows) and max(rows) <= memory_grid.ROWS


def test_what_no_window_holds_has_no_share_in_context(training, monkeypatch):
    monkeypatch.setattr(training.model.config, "n_positions", 8)
    assert memory_grid.in_context(training, "oneself", 1, 2).n == 0
    monkeypatch.setattr(memory_grid, "each", lambda *_: [{}])
    assert memory_grid.row(training, {}, "oneself", 1, 2) == []


def test_a_card_that_makes_no_page_is_found_before_anything_is_measured(training, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(memory_grid, "row", lambda *_, **__: pytest.fail("a row was measured"))
    file = tmp_path / "a.safetensors"
    modules.save_modules(training.modules, file, training.checkpoint.fingerprint, ["edm"], {
        "seed": 3, "recall": {}, "stability": None})
    assert main(["train", "grid", "--model", training.checkpoint.name, "--memory", str(file), "--out",
                 str(tmp_path / "grid.json"), "--episodes", "2"]) == 2
    assert f"The card in {file} is damaged: recall is {{}}" in capsys.readouterr().err


def test_memory_that_was_never_measured_has_no_past_to_tell(training, tmp_path):
    for card in ({}, {"steps": 5, "seed": 1}):
        modules.save_modules(training.modules, tmp_path / "a", training.checkpoint.fingerprint, ["edm"], card)
        before = memory_card._before(tmp_path / "a")
        assert checked(WentOnTold, before).steps == card.get("steps", 0)


@pytest.mark.parametrize("base, words", [("ab", "of the same base."), ("cd", "of another state of the base (cd).")])
def test_the_page_says_on_which_base_the_earlier_training_ran(base, words):
    before = {"steps": 710, "tokens": 2_000, "seconds": 120, "base": base}
    said = memory_readme._went_on({"base": "ab", "went_on_from": before})
    assert said == f" It went on (`--from`) from memory of 710 steps, 2,000 tokens, 2 minutes, {words}"


def test_the_command_replaces_nobody_elses_file(tmp_path, capsys):
    memory_file = tmp_path / "memory.safetensors"
    for name, held in (("grid.json", '{"important": 1}'), ("MEMORY.md", "What I remember.")):
        folder = tmp_path / name.partition(".")[0]
        folder.mkdir()
        (folder / name).write_text(held)
        assert main(["train", "grid", "--memory", str(memory_file), "--out", str(folder / "grid.json")]) == 2
        assert "Move" in capsys.readouterr().err.replace("move", "Move") and (folder / name).read_text() == held
        assert len(list(folder.iterdir())) == 1


def test_the_whole_grid_asks_as_the_app_does(training):
    """Three episodes for two seeds: dealt in turn; nothing is trained for gpt2+am."""
    seeds = {4: training.modules, 7: training.modules}
    cells = whole_grid.row(training, seeds, "oneself", 1, 3)
    assert {(c.between, c.variant, c.seed, c.n) for c in cells} == {
        (between, *rest) for between in memory_grid.BETWEEN
        for rest in (("gpt2+am", -1, 3), ("gpt2-m", 4, 2), ("gpt2-m", 7, 1))}
    assert training.model.config._attn_implementation == "mnemoscope_training"


def test_seeds_are_counted_together_on_the_page():
    cells = [{"about": "oneself", "facts": 1, "between": 8, "variant": "gpt2-m", "seed": seed,
              "hits": hits, "n": 171, "share": hits / 171} for seed, hits in ((0, 171), (1, 100))]
    said = memory_readme._whole({"whole": {"oneself, 1 facts": cells}})
    low, high = wilson(271, 342)
    assert f"| 1 told | {271 / 342:.1%} ({low:.1%} to {high:.1%}) | 342 |" in said


def test_who_leaves_is_told_only_of_cells_that_were_measured_so():
    cells = {"cells": {"oneself, 1 facts": [memory_grid.GridCell("oneself", 1, 1, "gpt2", -1, 1, 2).as_json()]}}
    so = cells | {"made_with": {"cells": [7, memory_grid.POLICY, 2, []]}}
    other = cells | {"made_with": {"cells": [7, 2, []]}}
    said = [memory_readme._measured_grid(grid) for grid in (so, other, cells)]
    assert ["128 slots. Where more were written, the least salient tokens leave" in one for one in said] == [True, False, False]


def test_the_command_goes_on_where_it_stopped(training, tmp_path, capsys, monkeypatch):
    file, out = tmp_path / "a.safetensors", tmp_path / "grid.json"
    modules.save_modules(training.modules, file, training.checkpoint.fingerprint,
                         ["early", "late", "edm"], {"seed": 3})
    monkeypatch.setattr(memory_grid, "FACTS", (1,))
    monkeypatch.setattr(memory_grid, "ABOUT", ("oneself",))
    command = ["train", "grid", "--model", training.checkpoint.name, "--memory", str(file), "--out",
               str(out), "--episodes", "2"]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "oneself, 1 facts, 20 prompts between, gpt2+edm, seed 3" in said
    told = json.loads(out.read_text())
    told["cells"]["oneself, 1 facts"][0] |= {"hits": 2, "share": 1.0, "high": 1.0}  # a mark: not measured again
    out.write_text(json.dumps(told))
    assert main(command) == 0
    assert json.loads(out.read_text()) == told
    told["made_with"]["cells"].remove(memory_grid.POLICY)  # as it was before the mark named who leaves
    out.write_text(json.dumps(told))
    assert main(command) == 0 and json.loads(out.read_text())["cells"] != told["cells"]
    assert main([*command[:-1], "3"]) == 0  # another n: nothing of it counts any more
    assert {cell["n"] for cell in json.loads(out.read_text())["cells"]["oneself, 1 facts"]} == {3}
    with alone(out):
        assert main(command) == 2 and "Another process writes" in capsys.readouterr().err
    assert main([*command, "--memory", str(file), str(file)]) == 2
    assert "Two memory files have the same seed" in capsys.readouterr().err
