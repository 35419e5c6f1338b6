"""The stream's lengths, directions and LayerNorms are the model's own."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from model.analysis import residual
from model.run import trace

IDS = np.random.default_rng(3).integers(0, 256, 17)


@pytest.fixture(scope="module")
def run(tiny):
    return trace.run(tiny, IDS)


@pytest.fixture(scope="module")
def damaged(tiny):
    """NaN in the MLP of layer 1."""
    model = copy.deepcopy(tiny.model)
    model.transformer.h[1].mlp.c_proj.bias[3] = float("nan")
    return SimpleNamespace(model=model, tokenizer=tiny.tokenizer, fingerprint="damaged")


def test_norms_are_those_of_the_models_hidden_states(stock, run):
    with torch.inference_mode():
        states = stock(torch.as_tensor(IDS)[None], output_hidden_states=True).hidden_states
    expected = torch.stack(states[:-1])[:, 0].norm(dim=-1)  # the last one has passed ln_f
    stream = residual.measure(run)
    np.testing.assert_allclose(stream.norm[:-1:2], expected, rtol=1e-5)
    assert stream.norm.shape == (7, 17) and stream.added.shape == stream.cosine.shape == (6, 17)


def test_norm_added_and_cosine_close_the_triangle(run):
    stream = residual.measure(run)
    a, b, cosine = stream.norm[:-1], stream.added, stream.cosine
    np.testing.assert_allclose(
        np.sqrt(a**2 + b**2 + 2 * a * b * cosine), stream.norm[1:], rtol=1e-5
    )


def test_added_and_cosine_by_hand(tiny):
    rows = [torch.tensor([[3.0, 4.0]]), torch.tensor([[3.0, 0.0]]), torch.tensor([[6.0, 0.0]])]
    fake = SimpleNamespace(n_layers=1, layer_stream=lambda i: rows[i])
    stream = residual.measure(fake)
    np.testing.assert_allclose(stream.norm[:, 0], [5, 3, 6])
    np.testing.assert_allclose(stream.added[:, 0], [4, 3])
    np.testing.assert_allclose(stream.cosine[:, 0], [-0.8, 1])


@pytest.mark.parametrize("station", range(7))
def test_norm_steps_end_at_the_modules_output(tiny, run, station):
    steps = residual.norm_steps(tiny, run, station, 9)
    with torch.inference_mode():
        module = residual.norm_at(tiny.model, station)
        expected = module(run.layer_stream(station))[9]
    np.testing.assert_allclose(steps.output, expected, atol=1e-6)
    assert steps.error < 1e-6
    assert abs(steps.normed.mean()) < 1e-12
    np.testing.assert_allclose(steps.x, steps.mean + steps.centred)
    np.testing.assert_allclose(steps.output, steps.normed * steps.gamma + steps.beta)


def test_norms_are_numbered_like_the_stations_they_read(tiny):
    body = tiny.model.transformer
    found = [residual.norm_at(tiny.model, i) for i in range(7)]
    expected = [n for block in body.h for n in (block.ln_1, block.ln_2)] + [body.ln_f]
    assert all(a is b for a, b in zip(found, expected, strict=True))


def test_one_token_is_enough(tiny):
    one = trace.run(tiny, [7])
    assert residual.measure(one).norm.shape == (7, 1)
    assert residual.stream_at(one, 0).shape == (7, 32)


def test_damaged_weights_are_named(damaged):
    run = trace.run(damaged, IDS)
    for call in (
        lambda: residual.measure(run),
        lambda: residual.stream_at(run, 3),
        lambda: residual.norm_steps(damaged, run, 4, 3),
    ):
        with pytest.raises(ValueError, match="after the MLP of layer 1"):
            call()
    assert residual.norm_steps(damaged, run, 3, 3).error < 1e-6  # before the damage


@pytest.mark.parametrize("position", [-1, 17])
def test_a_position_outside_the_prompt_is_refused(run, position):
    with pytest.raises(ValueError, match="positions 0 to 16"):
        residual.stream_at(run, position)
