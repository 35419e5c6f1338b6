"""A trace file: what is read back is what was written; what is broken is one sentence."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from model.analysis import attention, residual
from model.loading import checkpoint
from model.memory import telling
from model.memory.settings import Settings
from model.memory.state import blank, load_state
from model.run import tokens, trace
from model.takeaway import memory_reads, trace_file, weightless
from model.takeaway.trace_file import TraceFileError, from_bytes

PROMPT = "My name is James Theory. I live in"


@pytest.fixture(scope="module")
def whole():
    return checkpoint.load("embedded")


@pytest.fixture(scope="module")
def run(whole):
    return trace.run(whole, tokens.encode(whole.tokenizer, PROMPT))


@pytest.fixture(scope="module")
def content(whole, run):
    return trace_file.as_bytes(whole, run, PROMPT)


def changed(content: bytes, header=None, **tensors) -> bytes:
    """The file with other tensors (None: without it) and, if given, a changed header."""
    length = int.from_bytes(content[:8], "little")
    told = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["mnemoscope"])
    found = {name: x for name, x in (load(content) | tensors).items() if x is not None}
    told = told if header is None else header(told)
    return save(found, metadata={"mnemoscope": json.dumps(told)})


def test_everything_comes_back_bit_for_bit(whole, run, content):
    found = from_bytes(content, "a file", whole)
    for part in ("q", "k", "v", "stream", "next_logits"):
        assert torch.equal(getattr(found.trace, part), getattr(run, part)), part
    np.testing.assert_array_equal(found.trace.ids, run.ids)
    assert found.prompt == PROMPT and found.tokens == tokens.display(whole.tokenizer, run.ids)
    assert found.model == "embedded" and found.fingerprint == whole.fingerprint
    assert found.versions["torch"] == torch.__version__ and found.memory == b""
    assert b"pickle" not in content


def test_without_weights_attention_and_the_stream_are_the_models_own(whole, run, content):
    found = from_bytes(content, "a file")
    model = weightless.checkpoint(found)
    for layer, head in ((0, 0), (3, 6)):
        np.testing.assert_array_equal(
            attention.weights(model, found.trace, layer, head), attention.weights(whole, run, layer, head))
    one, other = attention.survey(model, found.trace, 96), attention.survey(whole, run, 96)
    np.testing.assert_array_equal(one.pooled, other.pooled)
    one, other = residual.measure(found.trace), residual.measure(run)
    for name in vars(other):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize("work", [
    lambda model, run: attention.steps(model, run, 0, 0, 3),
    lambda model, run: trace.logits(model, run),
    lambda model, run: trace.run(model, run.ids),
    lambda model, run: tokens.encode(model.tokenizer, "x"),
    lambda model, run: tokens.display(model.tokenizer, run.ids),
])
def test_what_needs_weights_says_so(content, work):
    found = from_bytes(content, "a file")
    with pytest.raises(ValueError, match="needs the model's weights or its tokenizer"):
        work(weightless.checkpoint(found), found.trace)


def test_it_scales_as_the_config_says(content):
    config = from_bytes(content, "a file").config
    assert trace_file.scale(config, 2) == pytest.approx(32**-0.5)
    assert trace_file.scale(config | {"scale_attn_by_inverse_layer_idx": True}, 2) == pytest.approx(
        32**-0.5 / 3)


def test_the_strongest_weight_is_the_models_own(whole, run, content):
    layer, head, key, weight = trace_file.strongest(from_bytes(content, "a file"))
    every = np.stack([attention.layer_weights(whole, run, i) for i in range(run.n_layers)])[:, :, -1]
    assert weight == pytest.approx(float(every.max()), rel=1e-5)
    assert every[layer, head, key] == pytest.approx(weight, rel=1e-5)


def test_what_was_told_travels_along(whole, run, tmp_path: Path):
    told = telling.tell(whole, blank(whole), "I live in Rome.", Settings()).state
    found = from_bytes(trace_file.as_bytes(whole, run, PROMPT, told), "a file")
    path = tmp_path / "memory"
    path.write_bytes(found.memory)
    back = load_state(path, whole)
    assert back.prompts == ("I live in Rome.",) and torch.equal(back.bank.keys, told.bank.keys)


def test_what_was_read_travels_along_and_opens_without_weights(whole):
    """The read weights, the slots and both next tokens are those of the run with memory."""
    settings = Settings(modules=frozenset({"am", "edm", "early", "late"}))
    told = telling.tell(whole, blank(whole), "My name is James Theory. I live in New York.", settings).state
    ids = tokens.encode(whole.tokenizer, "Where do I live? I live in")
    run, reads = trace.run(whole, ids), memory_reads.of(whole, told, ids, settings)
    found = from_bytes(trace_file.as_bytes(whole, run, PROMPT, told, reads), "a file")
    assert found.held.prompts == list(told.prompts)
    assert found.held.bank.text.tolist() == told.bank.slots.text.tolist()
    assert found.held.external.text.tolist() == told.external.slots.text.tolist()
    np.testing.assert_array_equal(found.reads.union, reads.union)
    np.testing.assert_array_equal(found.reads.external, reads.external)
    np.testing.assert_allclose(found.reads.union.sum(1), 1, atol=1e-5)
    assert found.reads.told == reads.told and found.reads.told.texts[0] == "·New"
    for part, other in {"read_union": reads.union[:3], "read_external": reads.external[..., :2]}.items():
        broken = changed(trace_file.as_bytes(whole, run, PROMPT, told, reads), **{part: torch.tensor(other)})
        with pytest.raises(TraceFileError, match="its reads of memory are not of the memory"):
            from_bytes(broken, "a file")


@pytest.mark.parametrize("broken, words", [
    (lambda c: b"", "no trace file, or only a part"),
    (lambda c: c[:-100], "no trace file, or only a part"),
    (lambda c: c[: len(c) // 2], "no trace file, or only a part"),
    (lambda c: c[:7], "no trace file, or only a part"),
    (lambda c: b"\x80\x04K\x01." * 50, "no trace file, or only a part"),
    (lambda c: save({"q": torch.zeros(1)}), "no trace file, or only a part"),
    (lambda c: changed(c, lambda t: []), "it is no trace file"),
    (lambda c: changed(c, lambda t: t | {"kind": "x"}), "it is no trace file"),
    (lambda c: changed(c, lambda t: t | {"version": 9}), "of version 9, this program reads version 1"),
    (lambda c: changed(c, lambda t: t | {"tokens": 3}), "its header is incomplete"),
    (lambda c: changed(c, lambda t: t | {"config": {}}), "its header is incomplete"),
    (lambda c: changed(c, lambda t: t | {"config": t["config"] | {"n_layer": 10**9}}), "incomplete"),
    (lambda c: changed(c, lambda t: t | {"tokens": t["tokens"][:3]}), r"has q of shape \(6, 8, "),
    (lambda c: changed(c, k=torch.zeros(6, 8, 2, 32)), r"has k of shape \(6, 8, 2, 32\)"),
    (lambda c: changed(c, stream=None), "has stream of shape none"),
    (lambda c: changed(c, next_logits=torch.full((4096,), torch.nan)), "not finite"),
    (lambda c: changed(c, ids=load(c)["ids"] + 10**6), "its ids are not ids of its model"),
    (lambda c: changed(c, memory_file=torch.zeros(2, 2)), "its memory is no file"),
])
def test_a_broken_file_is_one_sentence(content, broken, words):
    with pytest.raises(TraceFileError, match=words) as problem:
        from_bytes(broken(content), "a file")
    assert "\n" not in str(problem.value) and len(str(problem.value)) < 300


def test_a_trace_of_another_model_is_refused(whole, content):
    with pytest.raises(TraceFileError, match="Wrong model: a file is a trace of embedded"):
        from_bytes(content, "a file", replace(whole, fingerprint="other", name="other"))


def test_a_trace_that_would_not_open_is_not_written(whole, run):
    broken = run.next_logits.clone()
    broken[0] = torch.nan
    with pytest.raises(ValueError, match="Not finite: next_logits"):
        trace_file.as_bytes(whole, replace(run, next_logits=broken), PROMPT)
