"""Curves that are shipped: made by one command, gone on with, never of two models in one file."""

from dataclasses import replace

import numpy as np
import pytest

from model.__main__ import main
from model.loading import checkpoint
from model.memory import telling
from model.memory.state import blank
from model.recall import episode_lines, shipped_curves
from model.recall import runs as recall_runs
from model.recall.curves import CURVES
from model.recall.plain_runs import PlainRuns
from model.recall.probe import settings_for


@pytest.fixture(scope="module")
def embedded():
    return replace(checkpoint.load("embedded", device="cpu"), memory=None)


@pytest.fixture(scope="module")
def folder(embedded, tmp_path_factory):
    found = tmp_path_factory.mktemp("curves")
    list(shipped_curves.measure(embedded, ["facts"], found, n=2))
    return found


def test_every_point_has_so_many_questions_and_the_model_is_named(embedded, folder):
    board = shipped_curves.load(folder)
    assert board["fingerprint"] == embedded.fingerprint and board["memory"] is None
    rows = board["curves"]["facts"]["rows"]
    points = {point.name for point in CURVES["facts"].points(settings_for("am"))}
    assert {row["point"] for row in rows} == points
    assert {row["variant"] for row in rows} == {"gpt2+am", "gpt2-m"}  # where fusion is
    assert all(row["series"]["recalled"][1] >= 2 for row in rows)
    by_point = {row["point"]: row["episodes"] for row in rows}
    assert by_point["1 fact"] == 2 and by_point["4 facts"] == 1  # which asks four questions


def test_what_is_stored_is_not_measured_again_and_more_goes_on(embedded, folder, monkeypatch):
    path = folder / shipped_curves.EPISODES / "facts.jsonl"
    before, first = path.read_bytes(), shipped_curves.load(folder)
    steps = list(shipped_curves.measure(embedded, ["facts"], folder, n=2))
    assert "stored already" in steps[-1].kept and path.read_bytes() == before
    list(shipped_curves.measure(embedded, ["facts"], folder, n=3))
    assert path.read_bytes().startswith(before)
    assert shipped_curves.load(folder)["curves"]["facts"]["n"] == 3 > first["curves"]["facts"]["n"]


def test_figures_of_two_models_are_never_mixed(embedded, folder):
    other = replace(embedded, fingerprint="other")
    with pytest.raises(ValueError, match="another model"):
        list(shipped_curves.measure(other, ["facts"], folder, n=1))
    trained = checkpoint.load("embedded", device="cpu")
    with pytest.raises(ValueError, match="other trained memory"):
        list(shipped_curves.measure(trained, ["facts"], folder, n=1))
    settings = shipped_curves.USUAL.with_fusion(slots=7)
    with pytest.raises(ValueError, match="other settings"):
        list(shipped_curves.measure(embedded, ["facts"], folder, n=1, settings=settings))


def test_a_damaged_file_is_one_sentence(tmp_path):
    assert shipped_curves.load(tmp_path) is None
    (tmp_path / shipped_curves.FILE).write_text("{")
    with pytest.raises(ValueError, match="measure them again"):
        shipped_curves.load(tmp_path)


def test_the_command_names_a_curve_it_does_not_know(tmp_path, capsys):
    assert main(["recall", "curves", "--out", str(tmp_path), "--only", "fact"]) == 2
    assert "No curve fact. Choose of distance" in capsys.readouterr().err


def test_sums_are_the_shares(embedded):
    few = replace(CURVES["facts"], points=lambda own: CURVES["facts"].points(own)[:2])
    lines = [line for step in recall_runs.measure(embedded, few, "am", None, n=1)
             for line in step.lines]
    shares = episode_lines.shares(lines)
    rows = episode_lines.summed(lines)
    assert sum(len(row["series"]) for row in rows) == len(shares)
    for row in rows:
        for series, (hits, n) in row["series"].items():
            share = shares[row["point"], series]
            assert (share.hits, share.n) == (hits, n)


def test_a_kept_run_writes_what_a_new_run_writes(embedded):
    settings, runs = settings_for("am"), PlainRuns(1)
    states = [blank(embedded), blank(embedded)]
    for text in ("I live in Rome.", "My name is Ann."):
        states = [telling.tell(embedded, state, text, settings, now=lambda: 0.0, heard=runs).state
                  for state in states]
    alone = blank(embedded)
    for text in ("I live in Rome.", "My name is Ann."):
        alone = telling.tell(embedded, alone, text, settings, now=lambda: 0.0).state
    for state in states:
        assert np.array_equal(state.bank.keys, alone.bank.keys)
        assert list(state.bank.slots.text) == list(alone.bank.slots.text)
