"""A recording is shared: what fails half-way leaves it as it was."""

import numpy as np
import pytest
import torch

from model.run import recording as recordings
from model.run import sampling
from model.run import trace as traces


@pytest.fixture
def recording(tiny):
    trace = traces.run(tiny, np.array([1, 2, 3]))
    return recordings.begun(tiny, trace, sampling.SamplingSettings(), seed=3)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, RuntimeError, KeyboardInterrupt])
def test_a_step_that_fails_between_two_layers_leaves_no_trace(tiny, recording, monkeypatch, error):
    whole, calls = type(recording.cache).update, []
    keys = [x.keys.clone() for x in recording.cache.layers]
    state = recording.random.clone()

    def update(cache, k, v, layer, *args, **kwargs):
        calls.append(layer)
        if calls.count(1) == 2:  # the second step, after its first layer
            raise error("no room")
        return whole(cache, k, v, layer, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(type(recording.cache), "update", update)
        with pytest.raises(error):
            recordings.longer(tiny, recording, 4)
    assert len(recording.steps) == 1
    assert torch.equal(recording.random, state)
    for before, layer in zip(keys, recording.cache.layers):
        assert torch.equal(before, layer.keys) and layer.values.shape == before.shape
    longer = recordings.longer(tiny, recording, 4)
    assert [s.n_entries for s in longer.steps] == [3, 4, 5, 6]
    assert max(s.error for s in longer.steps[1:]) < 1e-3


def test_a_longer_recording_leaves_the_shorter_one_as_it_was(tiny, recording):
    keys = [x.keys.clone() for x in recording.cache.layers]
    three = recordings.longer(tiny, recording, 3)
    held = [x.keys.clone() for x in three.cache.layers]
    five = recordings.longer(tiny, three, 5)
    assert [len(x.steps) for x in (recording, three, five)] == [1, 3, 5]
    assert five.steps[:3] == three.steps and three.steps[:1] == recording.steps
    for one, before in ((recording, keys), (three, held)):
        assert all(torch.equal(x.keys, k) for x, k in zip(one.cache.layers, before))
    assert recordings.longer(tiny, five, 4) is five


def test_steps_taken_one_by_one_are_those_taken_at_once(tiny, recording):
    at_once, one_by_one = recordings.longer(tiny, recording, 6), recording
    other = recordings.begun(
        tiny, traces.run(tiny, np.array([1, 2, 3])), sampling.SamplingSettings(), seed=3)
    for n in range(2, 7):
        one_by_one = recordings.longer(tiny, other if n == 2 else one_by_one, n)
    assert [s.token for s in at_once.steps] == [s.token for s in one_by_one.steps]
    assert torch.equal(at_once.random, one_by_one.random)
