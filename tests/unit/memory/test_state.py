"""A memory on disk is the memory that was saved, whole, or an error that says what is wrong."""

import json
import os
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from model.memory import asking, slots, telling
from model.memory.settings import Settings
from model.memory.state import blank, describe, load_state, save_state
from model.run import tap
from tests import writers
from tests.conftest import byte_tokenizer, random_gpt2


@pytest.fixture
def state(tiny):
    return telling.tell(tiny, blank(tiny), "I am Ann. I live in Rome.", Settings()).state


@pytest.fixture
def path(tmp_path, state):
    save_state(state, tmp_path / "ann.memory")
    return tmp_path / "ann.memory"


def test_saved_is_loaded(tiny, state, path):
    back = load_state(path, tiny)
    assert torch.equal(back.bank.keys, state.bank.keys)
    assert torch.equal(back.bank.values, state.bank.values)
    assert slots.to_columns(back.bank.slots) == slots.to_columns(state.bank.slots)
    assert (back.prompts, back.n_evicted) == (state.prompts, state.n_evicted)
    ids = np.arange(5)
    a, b = (asking.ask(tiny, s, ids, Settings()).trace.next_logits for s in (state, back))
    assert torch.equal(a, b)


def test_nothing_but_the_file_is_left(path):
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    assert describe(path)["prompts"] == ["I am Ann. I live in Rome."]


@pytest.mark.parametrize("size", [0, 7, 100, 2000, -1])
def test_a_truncated_file_says_so(tiny, path, size):
    raw = path.read_bytes()
    path.write_bytes(raw[:size])
    with pytest.raises(ValueError, match="no memory file, or only a part of one"):
        load_state(path, tiny)


def test_another_models_memory_is_refused(path):
    model = random_gpt2(seed=1)
    tap.attach(model)
    other = SimpleNamespace(
        name="other", model=model, tokenizer=byte_tokenizer(), fingerprint="other-1"
    )
    with pytest.raises(ValueError, match="memory of another model"):
        load_state(path, other)


def test_another_width_is_refused(tiny, path):
    model = random_gpt2(n_embd=64)
    wide = SimpleNamespace(name="wide", model=model, fingerprint=tiny.fingerprint)
    with pytest.raises(ValueError, match="has keys of shape"):
        load_state(path, wide)


def test_numbers_that_are_not_finite_are_refused(tiny, path):
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        told = file.metadata()
    tensors = load_file(path)
    tensors["values"][0, 0, 0, 0] = float("nan")
    save_file(tensors, path, metadata=told)
    with pytest.raises(ValueError, match="not finite"):
        load_state(path, tiny)


@pytest.mark.parametrize("wrong", [
    {"external": [1]}, {"external": {"token": 3}}, {"external": {}}, {"external": {},
     "external_evicted": -1}])
def test_a_header_with_a_broken_edm_is_refused(tiny, path, wrong):
    with safe_open(path, "np") as file:
        told = json.loads(file.metadata()["mnemoscope"]) | wrong
    save_file(load_file(path), path, metadata={"mnemoscope": json.dumps(told)})
    with pytest.raises(ValueError, match="in its header, external"):
        load_state(path, tiny)


def test_another_version_is_refused(tiny, path):
    save_file(load_file(path), path, metadata={"mnemoscope": '{"version": 99}'})
    with pytest.raises(ValueError, match="version 99"):
        load_state(path, tiny)


def test_a_read_only_folder_says_so_and_keeps_the_old_file(tiny, state, path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    before = path.read_bytes()
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        save_state(telling.tell(tiny, state, "More.", Settings()).state, path)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_kill_9_at_any_moment_loses_nothing_that_was_saved(tiny, tmp_path):
    rng = np.random.default_rng(0)
    for round_ in range(12):
        path = tmp_path / f"{round_}.memory"
        writer, hears = writers.start(writers.memories, path)
        assert hears.recv() == 1
        time.sleep(rng.uniform(0.0, 0.15))
        writer.kill()  # kill -9
        last = [1, *writers.rest(hears)][-1]
        back = load_state(path, tiny)
        assert back.bank.n_prompts in (last, last + 1)  # the save that was not yet told may be done
        assert torch.equal(back.bank.keys, torch.full((3, 4, 200, 8), float(back.bank.n_prompts)))
