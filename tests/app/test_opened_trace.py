"""A trace file in the app: Attention and Residual stream from the file, without the model's weights."""

from pathlib import Path

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from model.analysis import attention
from model.loading import checkpoint
from model.run import tap, tokens, trace
from model.run.checkpoint import Checkpoint, Placement
from model.takeaway import trace_file
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
