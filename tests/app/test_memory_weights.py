"""The sidebar's memory weights: a choice changes this visitor's memory, and nothing else."""

import sys
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

from components.frame import memory_weights
from model.grafts import modules
from model.loading import checkpoint
from model.training import jobs
from model.training.jobs import TrainingRequest
from tests.waiting import PATIENCE_S, until

FAKE = (sys.executable, str(Path(__file__).parents[1] / "fake_trainer.py"))


@pytest.fixture(scope="module")
def loaded():
    return checkpoint.load("embedded")


@pytest.fixture
def job(monkeypatch):
    """A finished training that left a file which is no memory yet."""
    monkeypatch.setattr(jobs, "TRAINER", FAKE)
    job = jobs.start(TrainingRequest("embedded", "gpt2+edm", 5))
    until(lambda: jobs.look(job).state == "finished")
    return job


def put(job, loaded, base=None, seed=1) -> str:
    """A memory file of random weights in the job's folder; its fingerprint."""
    path = job.folder / modules.FILE
    made = modules.untrained(loaded.model.config, seed=seed)
    with torch.no_grad():
        made.external.output.weight.normal_(std=0.1)
    modules.save_modules(made, path, base or loaded.fingerprint, ("edm",), {})
    return modules.load_modules(path, loaded.model.config, loaded.fingerprint).fingerprint \
        if base is None else ""


def opened(page="pages/training.py", **link) -> AppTest:
    app = AppTest.from_file("../../app.py", default_timeout=PATIENCE_S)
    for name, value in link.items():
        app.query_params[name] = value
    app = app.switch_page(page).run()
    assert not app.exception
    return app


def box(app):
    return next(x for x in app.sidebar.selectbox if x.key == "memory_weights")


def test_a_finished_training_is_put_to_use_and_leaves_again(job, loaded):
    mark = put(job, loaded)
    app = opened(training=job.id)
    assert box(app).value == "shipped" and len(box(app).options) == 3
    app = app.button(key="training_use").click().run()
    assert not app.exception and box(app).value == job.id
    assert app.button(key="training_use").disabled and not app.sidebar.warning
    with_memory = memory_weights._with(loaded, job.id)
    assert with_memory.memory.fingerprint == mark and with_memory.model is loaded.model
    assert memory_weights._with(loaded, job.id) is with_memory  # the same object each time
    assert memory_weights._with(loaded, memory_weights.NONE).memory is None
    app = box(app).set_value("shipped").run()
    assert not app.exception and not app.button(key="training_use").disabled


def test_a_file_written_anew_is_read_anew(job, loaded):
    first = put(job, loaded, seed=1)
    before = memory_weights._with(loaded, job.id).memory.fingerprint
    second = put(job, loaded, seed=2)
    assert before == first != second == memory_weights._with(loaded, job.id).memory.fingerprint


@pytest.mark.parametrize("what", ["no memory", "another base", "gone"])
def test_a_file_that_does_not_fit_is_a_sentence_and_the_model_runs(job, loaded, what):
    put(job, loaded)
    app = opened("pages/memory.py")
    app = box(app).set_value(job.id).run()
    path = job.folder / modules.FILE
    if what == "no memory":
        path.write_bytes(b"not a memory")
    elif what == "another base":
        put(job, loaded, base="some other model")
    else:
        path.unlink()
    app = app.run()
    assert not app.exception and not app.error
    if what == "gone":  # no longer among the choices
        assert not [x for x in app.sidebar.selectbox if x.key == "memory_weights"] or (
            box(app).value == "shipped"
        )
    else:
        assert app.sidebar.warning[0].value.startswith("Not used. ")


def test_every_memory_has_a_conversation_of_its_own(job, loaded):
    """What one memory has written, another cannot read: each has its own, and keeps it."""
    put(job, loaded)
    app = opened("pages/memory.py", prompt="I live in Rome.")
    told = len(app.session_state["memory:conversations"])
    app = box(app).set_value(job.id).run()
    assert not app.exception
    marks = app.session_state["memory:conversations"]
    assert len(marks) == told + 1 and len({mark.split()[0] for mark in marks}) == 1
