"""Standard tasks: what is generated is what it says, and is scored as the field does."""

import random

import pytest

from model.loading import checkpoint
from model.recall import probe, standard_tasks
from model.recall.episode_lines import shares
from model.recall.runs import measure
from model.recall.scorers import contained, first_integer, only_label
from model.recall.standard_tasks import TASKS
from model.recall.trial import Curve, Question
from model.run import tokens


@pytest.fixture(scope="module")
def embedded():
    return checkpoint.load("embedded", device="cpu")


def trials(loaded, task, n=5):
    settings = probe.settings_for("am")
    for point in TASKS[task].points(settings):
        for seed in range(n):
            yield point, point.make(random.Random(seed), loaded.tokenizer)


def test_a_passkey_is_told_once_and_asked(embedded):
    for point, trial in trials(embedded, "passkey"):
        text, key = " ".join(trial.tell), trial.questions[0].answer.strip(" .")
        assert text.count(f"The pass key is {key}.") == 1 and len(key) == 4
        n = len(tokens.encode(embedded.tokenizer, text))
        assert point.x <= n <= point.x + 60


def test_a_needle_lies_at_its_depth(embedded):
    for point, trial in trials(embedded, "needle", 2):
        text, key = " ".join(trial.tell), trial.questions[0].answer.strip(" .")
        at, needle = text.index(key) / len(text), 60 / len(text)
        assert abs(at - point.y) < needle + 0.15
        assert text.count(key) == 1
    firsts = [t for p, t in trials(embedded, "needle", 1) if p.y == 0]
    assert all(t.tell[0].startswith("The number of") for t in firsts)


def test_keys_and_values_of_mqar_are_single_tokens_and_different(embedded):
    for point, trial in trials(embedded, "mqar", 2):
        ids = tokens.encode(embedded.tokenizer, trial.tell[0])
        assert len(ids) == 2 * point.x == len(set(ids))
        for asked in trial.questions:
            key, value = (tokens.encode(embedded.tokenizer, t) for t in (asked.ask, asked.answer))
            at = ids.tolist().index(key[0])
            assert len(key) == len(value) == 1 and at % 2 == 0 and ids[at + 1] == value[0]


def test_a_tokenizer_of_bytes_has_no_words_for_mqar(tiny):
    with pytest.raises(ValueError, match="one token each"):
        standard_tasks._mqar(random.Random(0), tiny.tokenizer, 4)


def test_the_room_asked_for_is_the_latest(embedded):
    for _, trial in trials(embedded, "babi", 10):
        asked = trial.questions[0]
        who = asked.ask.removeprefix("Where is ").split("?")[0]
        last = [sentence for sentence in trial.tell if sentence.startswith(f"{who} ")][-1]
        assert last.endswith(f"{asked.answer.strip()}")


def test_scores_by_hand():
    key = Question("What is the pass key?", " 4821.")
    assert first_integer(" 4821.", key) and first_integer("It is 4821, not 12", key)
    assert not first_integer(" 12, 4821.", key) and not first_integer("none", key)
    assert contained("I think 4821 it is", key) and not contained("48210", key)
    room = Question("Where is Ann? Ann is in the", " garden.", labels=("garden", "office", "tower"))
    assert only_label(" garden.", room) and only_label(" Garden, yes. The office.", room)
    assert not only_label(" garden or office.", room) and not only_label(" hall.", room)
    named = Question("Ann left the office. Where is she?", " garden.", labels=("garden", "office"))
    assert only_label("she left the office for the garden.", named)


def test_every_task_says_what_it_measures_and_what_is_honest():
    for task in TASKS.values():
        assert "arXiv" in task.what and len(task.honest) > 60


def test_the_embedded_model_links_pairs_of_words_through_memory(embedded):
    small = Curve("mqar", "", "", lambda s: TASKS["mqar"].points(s)[1:2])
    lines = [l for step in measure(embedded, small, "am", None, n=2) for l in step.lines]
    found = shares(lines)
    assert found["8 pairs", "recalled"].value > 0.5
    assert found["8 pairs", "memory off"].value < 0.1
