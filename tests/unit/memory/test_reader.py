"""Generating through memory: each step equals asking the memory for the whole text so far."""

import numpy as np
import pytest
import torch

from model.memory import telling
from model.memory.reader import WithMemory
from model.memory.settings import FusionSettings, Settings
from model.memory.state import blank
from model.run import generate, tokens, trace
from model.run.cache import KVCache
from model.run.sampling import SamplingSettings as Greedy

QUESTION = "Where do I live?"


def told(checkpoint, text="My name is Ann. I live in Rome."):
    return telling.tell(checkpoint, blank(checkpoint), text, Settings()).state


def generated(reader, checkpoint, n=6):
    ids = tokens.encode(checkpoint.tokenizer, QUESTION)
    return list(generate.generate(
        reader, ids, n, settings=Greedy(temperature=0), generator=torch.Generator()
    ))


@pytest.mark.parametrize("positions", ["parallel", "restart", "replay"])
def test_cached_through_memory_equals_uncached_through_memory(tiny, positions):
    reader = WithMemory(tiny, told(tiny), Settings(fusion=FusionSettings(needed=0.0, positions=positions)))
    steps = generated(reader, tiny)
    text = np.r_[256, tokens.encode(tiny.tokenizer, QUESTION)]
    for step in steps:
        whole = trace.run(tiny, text, reading=reader.recalled.trace.reading)
        torch.testing.assert_close(step.reading.logits, whole.next_logits, atol=2e-5, rtol=0)
        text = np.r_[text, step.token]


def test_an_empty_memory_generates_what_gpt2_generates(tiny):
    steps = generated(WithMemory(tiny, blank(tiny), Settings()), tiny)
    ids = np.r_[256, tokens.encode(tiny.tokenizer, QUESTION)]
    plain = list(generate.generate(
        generate.WithCache(tiny, KVCache(3)), ids, 6,
        settings=Greedy(temperature=0), generator=torch.Generator(),
    ))
    assert [s.token for s in steps] == [s.token for s in plain]


def test_memory_is_read_at_every_step(tiny):
    reader = WithMemory(tiny, told(tiny), Settings(fusion=FusionSettings(needed=0.0)))
    with_memory = generated(reader, tiny)[-1].reading.logits
    text = np.r_[256, tokens.encode(tiny.tokenizer, QUESTION), [s.token for s in generated(
        WithMemory(tiny, told(tiny), Settings(fusion=FusionSettings(needed=0.0))), tiny)[:-1]]]
    assert (trace.run(tiny, text).next_logits - with_memory).abs().max() > 0.01


def test_the_window_ends_sooner_behind_stored_prompts(tiny):
    state = told(tiny, "x" * 30)
    reader = WithMemory(tiny, state, Settings(fusion=FusionSettings(needed=0.0)))
    steps = generated(reader, tiny, 60)
    assert "window" in steps[-1].end
    assert reader.cache.n_entries + reader.recalled.trace.reading.start == 64


def test_a_prompt_that_does_not_fit_behind_the_memory_is_said(tiny):
    reader = WithMemory(tiny, told(tiny, "x" * 30), Settings(fusion=FusionSettings(needed=0.0)))
    with pytest.raises(ValueError, match="and 1 to 33 fit"):
        reader.read(np.zeros(40, dtype=np.int64))
