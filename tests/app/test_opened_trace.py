"""A trace file in the app: Attention and Residual stream from the file, without the model's weights."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from components.frame import model_picker
from model.analysis import attention
from model.loading import checkpoint
from model.memory import telling
from model.memory.settings import Settings
from model.memory.state import blank
from model.run import tap, tokens, trace
from model.run.checkpoint import Checkpoint, Placement
from model.takeaway import memory_reads, trace_file
from tests.app import tree
from tests.conftest import byte_tokenizer, random_gpt2
from tests.waiting import PATIENCE_S

PROMPT = "one two one two"


@pytest.fixture(scope="module")
def other():
    """A model that is not loaded in the app."""
    model = random_gpt2()
    tap.attach(model)
    place = Placement(torch.device("cpu"), torch.float32, "", "")
    return Checkpoint("someone/tiny", Path(), model, byte_tokenizer(), place, "tiny-0")


@pytest.fixture(scope="module")
def run(other):
    return trace.run(other, tokens.encode(other.tokenizer, PROMPT))


def opened(content: bytes, page: str, name="mine.safetensors", **link) -> AppTest:
    app = AppTest.from_file("../../app.py", default_timeout=PATIENCE_S)
    for key, value in link.items():
        app.query_params[key] = value
    app.run()
    app.file_uploader(key="trace_upload").upload(name, content, "application/octet-stream")
    return app.run().switch_page(f"pages/{page}.py").run()


def test_attention_comes_from_the_file(other, run):
    app = opened(trace_file.as_bytes(other, run, PROMPT), "attention", layer="1", head="2")
    assert not app.exception and not [one.value for one in app.error]
    assert any("someone/tiny" in one.value.replace("\\", "") for one in app.info)
    sent = tree.sent(app, "attention_map")
    assert sent["tokens"] == tokens.display(other.tokenizer, run.ids)
    rows, columns = np.tril_indices(len(run))
    np.testing.assert_array_equal(sent["weights"], attention.weights(other, run, 1, 2)[rows, columns])


def test_the_stream_comes_from_the_file_and_what_needs_weights_says_so(other, run):
    app = opened(trace_file.as_bytes(other, run, PROMPT), "residual")
    assert not app.exception
    (problem,) = app.error
    assert "needs the model's weights" in problem.value


@pytest.mark.parametrize("where", ["start", "memory", "cache", "tokens", "training"])
def test_other_pages_say_that_they_cannot(other, run, where):
    app = opened(trace_file.as_bytes(other, run, PROMPT), where)
    assert not app.exception and not app.error
    assert any("cannot be drawn from a trace file" in one.value for one in app.warning)


def told_file() -> tuple:
    """A conversation, longer than a link carries, and a question to it."""
    whole = checkpoint.load("embedded")
    settings = Settings(modules=frozenset({"am", "edm", "early", "late"}))
    state = telling.tell(whole, blank(whole), "My name is James Theory. I live in New York.", settings).state
    ids = tokens.encode(whole.tokenizer, "Where do I live? I live in")
    reads = memory_reads.of(whole, state, ids, settings)
    content = trace_file.as_bytes(whole, trace.run(whole, ids), "Where do I live? I live in", state, reads)
    return content, state, reads


def test_the_memory_of_a_file_is_shown_without_the_models_weights(monkeypatch):
    """The slots, the read weights and both next tokens, with a model that is not the file's."""
    content, state, reads = told_file()
    other = dataclasses.replace(checkpoint.load("embedded"), fingerprint="another")
    monkeypatch.setattr(model_picker, "current", lambda: other)
    app = opened(content, "memory")
    assert not app.exception and not app.error and not app.warning
    assert any("whose weights are not loaded" in one.value for one in app.info)
    drawn = tree.sent(app, "memory_map")
    np.testing.assert_allclose(drawn["weights"].reshape(reads.union.shape), reads.union)
    slots = tree.sent(app, "memory_slots")
    assert slots["text"] == state.bank.slots.text.tolist() and max(slots["now"]) > 0
    assert "·New" in tree.html(app)
    assert any("I live in New York" in one.value for one in app.markdown)


def test_of_the_chosen_model_everything_of_a_page_works():
    whole = checkpoint.load("embedded")
    run = trace.run(whole, tokens.encode(whole.tokenizer, PROMPT))
    app = opened(trace_file.as_bytes(whole, run, PROMPT), "residual")
    assert not app.exception and not app.error
    assert any(PROMPT in one.value for one in app.info)


def test_a_broken_file_is_one_sentence_and_the_page_stands(other, run):
    app = opened(trace_file.as_bytes(other, run, PROMPT)[:-50], "attention")
    assert not app.exception
    (problem,) = app.error
    assert "only a part of one" in problem.value.replace("\\", "")
    assert len(tree.sent(app, "attention_map")["tokens"]) > 8, "the prompt box's own picture"


def test_without_the_file_the_prompt_box_is_back(other, run):
    app = opened(trace_file.as_bytes(other, run, PROMPT), "attention")
    app.file_uploader(key="trace_upload").clear()
    app.run()
    assert not app.exception and not app.info
