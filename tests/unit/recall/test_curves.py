"""Curves: made from seeds, resumed without a trace, each line opened again as the same probe."""

import json
import random

import numpy as np
import pytest

from model.loading import checkpoint
from model.memory.heard import PlainRun
from model.memory.settings import FusionSettings, Settings
from model.recall import episode_lines, probe
from model.recall.curves import CURVES, contradicted, told
from model.recall.episode_lines import read_lines, shares
from model.recall.plain_runs import PlainRuns
from model.recall.runs import measure
from model.recall.share import wilson
from model.recall.trial import Curve, CurvePoint, Question, Trial


@pytest.fixture(scope="module")
def embedded():
    return checkpoint.load("embedded", device="cpu")


def short(rng, tokenizer, stops=(0, 70)):
    name = rng.choice(["Ann", "Bob", "Eve"])
    return Trial((f"I am {name}.",), (Question("I am", f" {name}."),), stops)


def untold(rng, tokenizer):
    return Trial(("I am Ann.",), (Question("I am", " Ann."), Question("Who?", None)))


SHORT = Curve("short", "", "", lambda s: [CurvePoint("", 0, s, short)])
SMALL = Settings(fusion=FusionSettings(slots=40))


def lines_of(loaded, curve, path=None, variant="am", **given):
    return [line for step in measure(loaded, curve, variant, path, **given) for line in step.lines]


def test_a_run_that_was_cancelled_goes_on_to_the_same_lines(tiny, tmp_path):
    whole, cut = tmp_path / "whole.jsonl", tmp_path / "cut.jsonl"
    lines = lines_of(tiny, SHORT, whole, n=2, settings=SMALL)
    assert lines == read_lines(whole) and len(lines) == 4
    for step in measure(tiny, SHORT, "am", cut, n=2, settings=SMALL):
        if step.n_done == 1:
            break
    assert len(read_lines(cut)) == 2
    lines_of(tiny, SHORT, cut, n=2, settings=SMALL)
    assert _without_other(cut) == _without_other(whole)


def _without_other(path):
    """Lines, less what they say of the episode before: after a restart there is none at first."""
    lines = read_lines(path)
    for line in lines:
        line.pop("other_seed")
        line["answers"] = [
            {k: v for k, v in a.items() if not k.endswith("_other")} for a in line["answers"]
        ]
    return lines


def test_a_last_line_torn_by_a_crash_is_left_out_and_written_again(tiny, tmp_path):
    path = tmp_path / "torn.jsonl"
    first = lines_of(tiny, SHORT, path, n=2, settings=SMALL)
    path.write_bytes(path.read_bytes()[:-30])
    assert read_lines(path) == first[:2]
    lines_of(tiny, SHORT, path, n=2, settings=SMALL)
    again = read_lines(path)
    assert [(line["seed"], line["stop"]) for line in again] == [(0, 0), (0, 70), (1, 0), (1, 70)]


def test_a_damaged_line_is_named(tmp_path):
    path = tmp_path / "bad.jsonl"
    path.write_text('[]\n[{"b"\n')
    with pytest.raises(ValueError, match="Line 2"):
        read_lines(path)


def test_stops_are_one_stream(tiny):
    """What is asked at a stop leaves no trace: the next stop is as if nothing had been asked."""
    both = lines_of(tiny, SHORT, n=1, settings=SMALL)
    late = Curve("short", "", "", lambda s: [
        CurvePoint("", 0, s, lambda rng, tok: short(rng, tok, (70,)))])
    alone = lines_of(tiny, late, n=1, settings=SMALL)
    assert both[1]["answers"] == alone[0]["answers"]
    assert both[1]["distance"] == alone[0]["distance"] >= 70


def test_progress_grows_to_one(tiny):
    found = [step.share for step in measure(tiny, SHORT, "am", None, n=2, settings=SMALL)]
    assert found == sorted(found) and found[-1] == 1


def test_memory_stays_within_its_slots_however_far(tiny):
    far = Curve("far", "", "", lambda s: [
        CurvePoint("", 0, s, lambda rng, tok: short(rng, tok, (300, 1_000)))])
    lines = lines_of(tiny, far, n=1, settings=SMALL)
    per_slot = 2 * 3 * 4 * 8 * 4  # keys and values, layers, heads, width, bytes
    assert len(lines) == 2 and all(0 < line["bytes"] <= 40 * per_slot for line in lines)


def test_without_memory_is_memory_off(tiny):
    unasked = Curve("never", "", "", lambda s: [CurvePoint("", 0, s, untold)])
    for line in lines_of(tiny, unasked, variant="gpt2", n=1):
        asked, never = line["answers"]
        assert asked["p"] == asked["p_off"] and never["false"] == never["false_off"]
        assert line["bytes"] == 0


def test_variants_measured_together_are_as_measured_alone(tiny, tmp_path):
    """What is told is shared; who has no such module does not see it."""
    path = tmp_path / "both.jsonl"
    both = lines_of(tiny, SHORT, path, variant=("am", "gpt2"), n=2, settings=SMALL)
    for name in ("gpt2+am", "gpt2"):
        alone = lines_of(tiny, SHORT, variant=name, n=2, settings=SMALL)
        assert [line for line in both if line["variant"] == name] == alone
    assert lines_of(tiny, SHORT, path, variant="am", n=2, settings=SMALL) == [
        line for line in both if line["variant"] == "gpt2+am"]


def test_shares_are_hits_of_n_with_wilsons_interval():
    lines = [
        {"point": "a", "stop": 0, "n_stops": 1, "answers": [
            {"exact": True, "exact_off": False}, {"exact": False, "exact_off": False}]},
        {"point": "a", "stop": 0, "n_stops": 1, "answers": [{"false": True}]},
        {"point": "", "stop": 1000, "n_stops": 2, "answers": [{"exact": True, "first": False}]},
    ]
    found = shares(lines)
    assert (found["a", "recalled"].hits, found["a", "recalled"].n) == (1, 2)
    assert found["a", "recalled"].interval == wilson(1, 2)
    assert found["a", "memory off"].value == 0 and found["a", "false recall"].value == 1
    assert found["1,000", "recalled"].n == 1 and found["1,000", "first value"].hits == 0


def test_every_curve_makes_the_same_episode_of_a_seed_and_another_of_another(embedded):
    for curve in CURVES.values():
        for point in curve.points(probe.settings_for("gpt2-m")):
            one, same, other = (
                point.make(random.Random(seed), embedded.tokenizer) for seed in (1, 1, 2))
            assert one == same != other
            assert all(q.answer is None or q.answer[0] == " " for q in one.questions)


def test_what_was_never_told_is_in_no_episode_and_the_rest_is(embedded):
    for seed in range(20):
        trial = told(4)(random.Random(seed), embedded.tokenizer)
        text = " ".join(trial.tell)
        answers = [q.answer for q in trial.questions]
        assert answers.count(None) == 4 and len(answers) == 8
        never = told(4, asked=0, never=4)(random.Random(seed), embedded.tokenizer)
        assert [q.answer for q in never.questions] == [None] * 4 and never.tell == trial.tell
        assert all(a.strip(" .") in text for a in answers if a)
        again = contradicted(50)(random.Random(seed), embedded.tokenizer)
        asked = again.questions[0]
        assert asked.first != asked.answer
        assert asked.first.strip(" .") in again.tell[0]
        assert asked.answer.strip(" .") in again.tell[-1]


def test_each_line_opens_as_the_probe_that_made_it(embedded):
    """Told anew, waiting as long, the same answer has the same probability."""
    curve = Curve("distance", "", "", lambda s: [CurvePoint("", 0, s, told(2, stops=(0, 100)))])
    lines = lines_of(embedded, curve, n=1)
    for line in lines:
        given = episode_lines.probe_of(embedded, curve, line, 0)
        plan, settings = probe.prepare(embedded, given), episode_lines.settings_of(curve, line)
        one = probe.outcome(embedded, plan, probe.told(embedded, plan, settings), settings, "")
        first = line["answers"][0]
        assert one.scored.joint == pytest.approx(first["p"], rel=1e-4)
        assert one.exact == first["exact"] and list(one.scored.rank) == first["rank"]
    assert json.loads(json.dumps(lines)) == lines


def test_the_embedded_model_recalls_through_memory_and_not_without(embedded):
    curve = Curve("facts", "", "", lambda s: [CurvePoint("2 facts", 2, s, told(2))])
    found = shares(lines_of(embedded, curve, n=4))
    assert found["2 facts", "recalled"].value >= 0.75
    assert found["2 facts", "in context"].value >= 0.75
    assert found["2 facts", "memory off"].value <= 0.25
    assert found["2 facts", "another's memory"].value <= 0.25


def test_episodes_of_another_memory_or_other_settings_are_measured_again(tiny, tmp_path):
    path = tmp_path / "episodes.jsonl"
    first = [step for step in measure(tiny, SHORT, "am", path, n=1)]
    assert first[-1].is_new
    assert not [step for step in measure(tiny, SHORT, "am", path, n=1)][-1].is_new
    other = [step for step in measure(tiny, SHORT, "am", path, n=1, settings=Settings(fusion=FusionSettings(slots=7)))]
    assert other[-1].is_new and {line["made_with"] for line in other[-1].lines} != {
        line["made_with"] for line in first[-1].lines}


def test_plain_runs_are_kept_by_their_tokens(embedded):
    runs, texts = PlainRuns(40), [np.arange(10, 10 + n) for n in (20, 12, 15)]
    for ids in texts:
        runs[ids.tobytes()] = PlainRun(embedded, ids)
    assert [key in runs for key in (ids.tobytes() for ids in texts)] == [False, True, True]
    assert runs.n_tokens == sum(len(run.trace) for run in runs.values()) <= 40
    assert runs[texts[1].tobytes()].trace.ids[-1] == texts[1][-1]  # the latest used stays
    runs[texts[0].tobytes()] = PlainRun(embedded, texts[0])
    assert texts[1].tobytes() in runs and texts[2].tobytes() not in runs
    runs[texts[0].tobytes()] = PlainRun(embedded, texts[0])  # once more: it counts once
    assert runs.n_tokens == sum(len(run.trace) for run in runs.values())
