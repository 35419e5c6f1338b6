"""The training page: what it says of a training is what the trainer's own files say."""

import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from components.frame import whose
from components.kit.units import show_duration
from components.training import episode, run
from model.loading import checkpoint
from model.training import jobs
from model.training.jobs import TrainingRequest
from tests.app import tree
from tests.waiting import PATIENCE_S, until

FAKE = (sys.executable, str(Path(__file__).parents[1] / "fake_trainer.py"))
ASKED = TrainingRequest(model="embedded", variant="gpt2+edm", steps=500_000)
ROWS = [
    {"step": 50, "steps": 100, "seconds": 20, "seconds_left": 20, "stage": "one fact",
     "tokens": 1000, "tokens_per_second": 5432.1, "loss": 3.5, "kl": 0.01,
     "recall": {"gpt2": 0.05, "gpt2+edm": 0.06}, "recall_n": 96, "gates": {"edm": 0.1}},
    {"step": 100, "steps": 100, "seconds": 41, "seconds_left": 0, "stage": "four facts",
     "tokens": 2000, "tokens_per_second": 5000, "loss": 0.4, "kl": 0.02,
     "recall": {"gpt2": 0.04, "gpt2+edm": 0.97}, "recall_n": 96, "gates": {"edm": 1.5},
     "recall_known": {"gpt2": 0.02, "gpt2+edm": 0.99}, "recall_known_n": 48,
     "refused": {"gpt2": 1.0, "gpt2+edm": 0.75}, "refused_n": 48},
]
CARD = {
    "recall": {"one fact": {
        "gpt2": {"hits": 6, "n": 600, "share": 0.01, "low": 0.005, "high": 0.02},
        "gpt2+edm": {"hits": 582, "n": 600, "share": 0.97, "low": 0.95, "high": 0.98},
    }},
    "refused": {"gpt2+edm": {"hits": 570, "n": 600, "share": 0.95, "low": 0.93, "high": 0.97}},
    "stability": {"relative_change": -0.0012, "kl_nats_per_token": 0.0034, "tokens": 13_172},
    "seconds": 75, "seed": 3,
}


@pytest.fixture(autouse=True)
def place(monkeypatch, tmp_path):
    """The stand-in trainer, nothing shipped; nothing left at work."""
    monkeypatch.setattr(jobs, "TRAINER", FAKE)
    monkeypatch.setattr(run, "EMBEDDED", tmp_path / "embedded")
    yield tmp_path
    for job in jobs.all_jobs():
        jobs.delete(job)


def opened(view: str = "curves", **link) -> AppTest:
    app = AppTest.from_file("../../app.py", default_timeout=PATIENCE_S)
    for name, value in {"training_view": view, **link}.items():
        app.query_params[name] = value
    app = app.switch_page("pages/training.py").run()
    assert not app.exception
    return app


def press(app, key: str) -> AppTest:
    app = app.button(key=key).click().run()
    assert not app.exception
    return app


def reaches(job, state: str):
    return until(lambda: (now := jobs.look(jobs.find(job.id))).state == state and now)


def at_work(job):
    return until(lambda: len(jobs.look(job).points) > 1)


def ship(place, rows=ROWS, card=None) -> None:
    (place / "embedded").mkdir()
    (place / "embedded" / "memory_curves.json").write_text(json.dumps(rows))
    (place / "embedded" / "memory_card.json").write_text(json.dumps(CARD if card is None else card))


def lines(app, key: str) -> dict[str, dict]:
    """The named lines of a chart."""
    return {line["name"]: line for line in tree.charts(app)[key]["data"] if "name" in line}


def values(array) -> list:
    """Plotly's spec holds a list as it is."""
    return list(array)


def test_without_any_training_it_says_what_to_do():
    app = opened()
    assert "Train your own" in app.info[0].value and not app.error


def test_what_is_shipped_is_shown_on_the_first_visit(place):
    ship(place)
    app = opened()
    drawn = lines(app, "training_recall")
    base, edm = drawn["GPT-2, frozen, no memory"], drawn["GPT-2 + EDM"]
    assert values(edm["x"]) == [50, 100] and values(edm["y"]) == [0.06, 0.97]
    assert values(base["y"]) == [0.05, 0.04] and base["line"]["dash"] == "dash"
    assert values(tree.charts(app)["training_loss"]["data"][0]["y"]) == [3.5, 0.4]
    assert values(lines(app, "training_gates")["EDM"]["y"]) == [0.0, 0.1, 1.5]
    words = tree.html(app)
    assert "5,000" in words and "100 / 100" in words and "four facts" in words
    dots = lines(app, "training_card")
    assert values(dots["GPT-2 + EDM"]["x"]) == [0.97, 0.95]  # recall, and refusals of what was never told
    assert values(dots["GPT-2 + EDM"]["error_x"]["arrayminus"]) == [pytest.approx(0.02)] * 2
    assert "n = 600" in " ".join(text.value for text in app.markdown)
    assert "−0.12%" in words and "0.0034" in words and "1 min 15 s" in words
    assert not [button for button in app.button if button.key == "training_pause"]


@pytest.mark.parametrize("before", [None, {"base": "x", "steps": 710, "tokens": 9, "seconds": 9}])
def test_a_jump_is_promised_only_where_there_is_one(place, before):
    ship(place, card=CARD | {"went_on_from": before})
    app = opened()
    said = " ".join(text.value for text in app.markdown)
    assert ("Watch for the jump" in said) == (before is None)
    assert values(lines(app, "training_gates")["EDM"]["x"])[0] == (0 if before is None else 50)
    assert ("begins high" in said) == ("went on from an earlier one" in tree.html(app)) == (before is not None)


def test_recall_of_known_values_is_a_curve_of_its_own(place):
    ship(place)
    app = opened()
    app = app.segmented_control(key="training_values").set_value("known").run()
    edm = lines(app, "training_recall")["GPT-2 + EDM"]
    assert values(edm["x"]) == [100] and values(edm["y"]) == [0.99]
    assert "of 48 episodes" in str(edm["customdata"])


def test_what_the_recurrent_memory_learned_stands_below_its_curve(place):
    with_rnn = ROWS[1]["recall_known"] | {"gpt2+rnn": 0.04}
    ship(place, rows=[*ROWS[:1], ROWS[1] | {"recall_known": with_rnn}])
    said = " ".join(text.value for text in opened(training_values="known").markdown)
    assert "At step 100, GPT-2 + RNN recalls 4% of 48 episodes (GPT-2 without memory 2%)." in said
    assert "At most it learns to carry words that it met in training" in said


def test_refusals_of_what_was_never_told_are_a_curve_of_their_own(place):
    ship(place)
    app = opened()
    app = app.segmented_control(key="training_values").set_value("refused").run()
    edm = lines(app, "training_recall")["GPT-2 + EDM"]
    assert values(edm["x"]) == [100] and values(edm["y"]) == [0.75]
    assert "false recall" in " ".join(text.value for text in app.markdown)


@pytest.mark.parametrize("card", [
    {}, {"recall": []}, {"recall": {"one": 3}, "stability": {"tokens": 1}}, {"recall": {"a": {}}},
])
def test_a_card_of_another_make_breaks_nothing(place, card):
    ship(place, card=card)
    app = opened()
    assert not app.error and "training_card" not in tree.charts(app)


def test_a_training_is_started_as_chosen():
    app = opened("new")
    app.segmented_control(key="training_variant").set_value("gpt2+rnn").run()
    app.segmented_control(key="training_cell").set_value("lstm").run()
    app.number_input(key="training_steps").set_value(4_000).run()
    app.number_input(key="training_seed").set_value(7).run()
    assert "--steps 4000" in app.code[0].value and "--cell lstm" in app.code[0].value
    app = press(app, "training_start")
    assert not app.error and app.session_state["training_view"] == "curves"
    (job,) = jobs.all_jobs()
    assert job.request == TrainingRequest("embedded", "gpt2+rnn", 4_000, 7, "lstm")
    assert app.session_state["training"] == job.id and jobs.is_alive(job)


@pytest.mark.parametrize("devices, why", [
    (["cpu"], "it needs a CUDA GPU, and this machine has none"),
    (["cuda", "cpu"], "bitsandbytes"),
])
def test_what_cannot_run_here_says_why(devices, why):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run.placement, "available", lambda: devices)
        patch.setattr(run.importlib.util, "find_spec", lambda name: None)
        assert why in run.four_bit_problem()
    app = opened("new")
    assert app.toggle(key="training_4_bit").disabled
    said = " ".join(caption.value for caption in app.caption)
    assert f"4-bit QLoRA cannot run here: {run.four_bit_problem()}." in said


def test_lora_and_its_rank_are_handed_on():
    app = opened("new")
    assert app.number_input(key="training_rank").disabled and "--lora" not in app.code[0].value
    app.toggle(key="training_lora").set_value(True).run()
    app = app.number_input(key="training_rank").set_value(4).run()
    assert "--lora 4" in app.code[0].value


def test_pause_go_on_stop_and_keep():
    job = jobs.start(ASKED)
    at_work(job)
    app = press(opened(), "training_pause")
    assert jobs.look(job).state == "paused" and "paused" in tree.html(app)
    app = press(app, "training_go_on")
    assert jobs.look(job).state == "running" and jobs.find(job.id).pid == job.pid
    app = press(app, "training_stop")
    reaches(job, "stopped")
    app = app.run()
    assert "what it learned is kept" in tree.html(app)
    assert any(str(job.folder / "memory.safetensors") in text.value for text in app.markdown)


def test_its_numbers_are_the_trainers_own():
    job = jobs.start(ASKED)
    at_work(job)
    jobs.pause(job)

    def shown():  # the trainer may do one more step before it notices
        app, last = opened(), jobs.look(job).points[-1]
        return f"{last.step:,} / {ASKED.steps:,}" in tree.html(app) and (app, last)

    app, last = until(shown)
    page = tree.html(app)
    assert "1,000</div>" in page
    drawn = lines(app, "training_recall")["GPT-2 + EDM"]
    assert values(drawn["y"])[-1] == last.recall["gpt2+edm"]
    assert "left, at the speed" not in page  # nothing is left while it waits


def test_a_killed_trainer_is_told_in_one_sentence_and_goes_on():
    job = jobs.start(ASKED)
    at_work(job)
    os.kill(job.pid, signal.SIGKILL)
    step = reaches(job, "killed").points[-1].step
    app = opened()
    page = tree.html(app)
    assert f"Something outside ended the trainer (a kill, a restart, no memory left) after step {step:,}" in page
    assert "Go on starts from its last checkpoint; nothing before it is lost." in page
    app = press(app, "training_go_on")
    assert not app.error
    until(lambda: jobs.look(jobs.find(job.id)).points[-1].step > step)


def test_a_full_disk_is_one_sentence_and_nothing_is_lost():
    job = jobs.start(replace(ASKED, seed=28))
    reaches(job, "failed")
    page = tree.html(opened())
    assert "The trainer gave up: [Errno 28] No space left on device." in page
    assert "nothing before it is lost" in page


def test_a_second_training_is_refused_in_a_sentence():
    jobs.start(replace(ASKED, seed=9))
    app = press(opened("new"), "training_start")
    assert "another one is under way" in app.error[0].value and len(jobs.all_jobs()) == 1


def test_a_refused_button_says_so():
    first = jobs.start(replace(ASKED, seed=9))
    jobs.pause(first)
    second = jobs.start(replace(ASKED, seed=9))
    app = press(opened(training=first.id), "training_go_on")
    assert "another one is under way" in app.error[0].value
    assert jobs.look(first).state == "paused" and jobs.is_alive(second)


def test_delete_removes_it_from_the_list(place):
    job = jobs.start(replace(ASKED, seed=9))
    app = press(opened(), "training_delete")
    assert not job.folder.exists() and "Train your own" in app.info[0].value


def test_a_training_deleted_elsewhere_is_gone_here(place):
    ship(place)
    job = jobs.start(replace(ASKED, seed=9))
    app = opened(training=job.id)
    jobs.delete(job)
    app = app.run()
    assert not app.exception and app.session_state["training"] == "shipped"


def test_a_visitor_elsewhere_watches_only(monkeypatch):
    job = jobs.start(replace(ASKED, seed=9))
    monkeypatch.setattr(whose, "is_owner", lambda: False)
    assert "No training yet" in opened(training=job.id).info[0].value
    jobs.share(job, True)
    app = opened()
    assert app.session_state["training"] == job.id
    assert "Only the owner" in " ".join(caption.value for caption in app.caption)
    app = opened("new")
    assert "Only the owner" in app.info[0].value
    assert not [b for b in app.button if b.key in ("training_start", "training_delete")]
    assert jobs.is_alive(job)


@pytest.mark.parametrize("lesson", list(run.LESSONS))
@pytest.mark.parametrize("source", list(run.SOURCES))
def test_an_episode_is_drawn_as_the_trainer_draws_them(lesson, source):
    app = opened("lesson")
    app.segmented_control(key="training_lesson").set_value(lesson).run()
    app = app.segmented_control(key="training_source").set_value(source).run()
    assert not app.exception
    page = tree.html(app)
    assert ("never in training" in page) == (source != "training")
    app = press(app, "training_another")
    assert tree.html(app) != page


def test_the_marked_parts_are_the_facts_and_join_to_the_prompts(monkeypatch):
    data = run.Data(checkpoint.load("embedded").tokenizer, None)
    monkeypatch.setattr(run, "_data", lambda: data)
    marked = 0
    for seed in range(40):
        drawn = run.draw("four facts", "values", seed)
        told = episode.spoken(drawn.episode, drawn.prompts)
        for prompt, one in zip(drawn.prompts, told):
            assert "".join(text for text, _ in one.parts) == prompt
            found = {text for text, mark in one.parts if mark == "value"}
            assert found <= {fact.value for fact in drawn.episode.facts}
            assert (one.kind == "told") == bool(found)
            marked += len(found)
    assert marked > 40


def test_nonsense_in_a_link_is_survived():
    app = opened("no such view", training="../../etc")
    assert not app.exception and not app.error
    app = opened(training="<script>alert(1)</script>")
    assert not app.exception and "<script>" not in tree.html(app)


@pytest.mark.parametrize("seconds, words", [
    (0, "0 s"), (59.4, "59 s"), (60, "1 min"), (75, "1 min 15 s"), (600, "10 min"),
    (7199, "120 min"), (9000, "2.5 h"),
])
def test_durations(seconds, words):
    assert show_duration(seconds) == words
