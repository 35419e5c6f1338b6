"""A recording is shared: what fails half-way leaves it as it was; stores are bounded."""

import numpy as np
import pytest
import torch

from components.cache import run
from model.run import sampling
from model.run import trace as traces


@pytest.fixture
def recording(tiny):
    trace = traces.run(tiny, np.array([1, 2, 3]))
    return run._begin(tiny, trace, sampling.Settings(), seed=3)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, RuntimeError, KeyboardInterrupt])
def test_a_step_that_fails_between_two_layers_leaves_no_trace(recording, monkeypatch, error):
    whole, calls = type(recording.cache).update, []
    keys = [x.keys.clone() for x in recording.cache.layers]
    state = recording.generator.get_state()

    def update(cache, k, v, layer, *args, **kwargs):
        calls.append(layer)
        if calls.count(1) == 2:  # the second step, after its first layer
            raise error("no room")
        return whole(cache, k, v, layer, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(type(recording.cache), "update", update)
        with pytest.raises(error):
            recording.extend(4)
    assert len(recording.steps) == 1
    assert torch.equal(recording.generator.get_state(), state)
    for before, layer in zip(keys, recording.cache.layers):
        assert torch.equal(before, layer.keys) and layer.values.shape == before.shape
    recording.extend(4)
    assert [s.n_entries for s in recording.steps] == [3, 4, 5, 6]
    assert max(s.error for s in recording.steps[1:]) < 1e-3


def test_a_store_is_bounded_in_bytes_and_keeps_the_newest():
    made = []

    def get(store, size):
        return store.get(size, lambda: made.append(size) or size)

    store = run.Store(6, 10, lambda size: size)
    for size in (4, 5, 3, 5, 30, 4):
        get(store, size)
    assert made == [4, 5, 3, 30, 4]
    assert get(store, 4) == 4 and len(made) == 5
