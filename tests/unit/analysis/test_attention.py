"""Attention derived from a trace is the model's own attention."""

import numpy as np
import pytest
import torch

from model.analysis import attention
from model.run import trace

IDS = np.random.default_rng(2).integers(0, 8, 30)  # few symbols, so that tokens repeat


@pytest.fixture(scope="module")
def full(tiny):
    return trace.run(tiny, IDS)


@pytest.fixture(scope="module")
def eager_weights(eager):
    with torch.inference_mode():
        out = eager(torch.as_tensor(IDS)[None], output_attentions=True)
    return torch.stack(out.attentions)[:, 0].numpy()  # (L,H,T,T)


def test_weights_equal_eager_attention(tiny, full, eager_weights):
    for layer in range(3):
        for head in range(4):
            mine = attention.weights(tiny, full, layer, head)
            np.testing.assert_allclose(mine, eager_weights[layer, head], atol=1e-5)


def test_rows_sum_to_one_and_the_future_is_zero(tiny, full):
    w = attention.weights(tiny, full, 1, 2)
    np.testing.assert_allclose(w.sum(-1), 1, atol=1e-6)
    assert not np.triu(w, 1).any()


def test_weights_are_not_flat(tiny, full):
    """Otherwise the identities above would hold for any mask and any scale."""
    assert attention.weights(tiny, full, 1, 2)[-1].max() > 3 / len(IDS)


@pytest.mark.parametrize("option", ["scale_attn_by_inverse_layer_idx", "scale_attn_weights"])
def test_scaling_options_of_the_config_are_followed(option):
    from types import SimpleNamespace

    from model.run import tap
    from tests.conftest import random_gpt2

    sizes = {option: option != "scale_attn_weights"}
    model, plain = random_gpt2(**sizes), random_gpt2(attention="eager", **sizes)
    tap.attach(model)
    checkpoint = SimpleNamespace(model=model)
    run = trace.run(checkpoint, IDS)
    with torch.inference_mode():
        expected = plain(torch.as_tensor(IDS)[None], output_attentions=True).attentions[2][0, 1]
    np.testing.assert_allclose(attention.weights(checkpoint, run, 2, 1), expected, atol=1e-5)


@pytest.mark.parametrize("n_max, cell", [(64, 1), (10, 3), (7, 5), (1, 30)])
def test_pooling_keeps_the_largest_weight_of_each_square(tiny, full, eager_weights, n_max, cell):
    survey = attention.survey(tiny, full, n_max)
    assert survey.cell == cell
    n = -(-30 // cell)
    assert survey.pooled.shape == (3, 4, n, n)
    for i in range(n):
        for j in range(n):
            square = eager_weights[
                :, :, i * cell : (i + 1) * cell, j * cell : (j + 1) * cell
            ].max((2, 3))
            np.testing.assert_allclose(survey.pooled[:, :, i, j], square, atol=1e-5)


def test_facts_by_definition(tiny, full, eager_weights):
    facts = attention.survey(tiny, full).facts
    w = eager_weights
    rows = np.arange(30)
    np.testing.assert_allclose(facts["previous"], w[:, :, rows[1:], rows[:-1]].mean(-1), atol=1e-5)
    np.testing.assert_allclose(facts["itself"], w[:, :, rows, rows].mean(-1), atol=1e-5)
    np.testing.assert_allclose(facts["first"], w[:, :, 1:, 0].mean(-1), atol=1e-5)
    bits = -(w * np.log2(np.where(w > 0, w, 1))).sum(-1).mean(-1)
    np.testing.assert_allclose(facts["entropy"], bits, atol=1e-5)


@pytest.mark.parametrize("n_max", [64, 10])
def test_bands_give_what_one_piece_gives(tiny, full, monkeypatch, n_max):
    whole = attention.survey(tiny, full, n_max)
    monkeypatch.setattr(attention, "BAND", 8)
    banded = attention.survey(tiny, full, n_max)
    np.testing.assert_allclose(banded.pooled, whole.pooled, atol=1e-6)
    for name in attention.FACTS:
        np.testing.assert_allclose(banded.facts[name], whole.facts[name], atol=1e-5)


def test_induction_by_hand(tiny):
    """A B C A B: the second A (3) should read B (1), the second B (4) should read C (2)."""
    run = trace.run(tiny, [1, 2, 3, 1, 2])
    w = np.stack([[attention.weights(tiny, run, i, h) for h in range(4)] for i in range(3)])
    expected = (w[:, :, 3, 1] + w[:, :, 4, 2]) / 2
    np.testing.assert_allclose(attention.survey(tiny, run).facts["induction"], expected, atol=1e-6)


def test_facts_that_do_not_exist_are_nan(tiny):
    facts = attention.survey(tiny, trace.run(tiny, [5])).facts
    assert np.isnan(facts["induction"]).all() and np.isnan(facts["previous"]).all()
    np.testing.assert_allclose(facts["itself"], 1)
    np.testing.assert_allclose(facts["entropy"], 0, atol=1e-6)


def test_steps_follow_each_other(tiny, full, eager_weights):
    s = attention.steps(tiny, full, 2, 3, query=17)
    np.testing.assert_allclose(s.scores, s.k @ s.q, atol=1e-4)
    np.testing.assert_allclose(s.scaled, s.scores / np.sqrt(8), atol=1e-5)
    assert s.visible.sum() == 18
    np.testing.assert_allclose(s.weights, eager_weights[2, 3, 17], atol=1e-5)
    np.testing.assert_allclose(s.mixed, s.weights @ s.v, atol=1e-5)


def test_heads_through_the_output_projection_are_what_attention_added(tiny, full):
    for layer in range(3):
        assert attention.steps(tiny, full, layer, 0, query=29).residual_error < 1e-5
        heads = [attention.steps(tiny, full, layer, h, query=29).projected for h in range(4)]
        bias = tiny.model.transformer.h[layer].attn.c_proj.bias.numpy()
        added = full.attention_added(layer)[29].numpy()
        np.testing.assert_allclose(np.sum(heads, 0) + bias, added, atol=1e-5)


def test_the_cells_arithmetic_gives_the_weight(tiny, full, eager_weights):
    c = attention.cell(tiny, full, 1, 1, query=20, key=7)
    np.testing.assert_allclose(c.products.sum(), c.score, atol=1e-4)
    np.testing.assert_allclose(c.score * c.scaling, c.scaled, atol=1e-5)
    np.testing.assert_allclose(np.exp(c.scaled - c.largest) / c.denominator, c.weight, rtol=1e-5)
    np.testing.assert_allclose(c.weight, eager_weights[1, 1, 20, 7], atol=1e-5)


@pytest.mark.parametrize(
    "call",
    [
        lambda c, t: attention.weights(c, t, 3, 0),
        lambda c, t: attention.weights(c, t, 0, 4),
        lambda c, t: attention.steps(c, t, 0, 0, 30),
        lambda c, t: attention.cell(c, t, 0, 0, 3, 4),
    ],
)
def test_what_does_not_exist_is_said(tiny, full, call):
    with pytest.raises(ValueError, match="no head|no token|future"):
        call(tiny, full)


@pytest.mark.parametrize("dtype, close", [(torch.bfloat16, 0.2), (torch.float16, 0.02)])
def test_half_numbers_are_derived_in_float32(dtype, close):
    from types import SimpleNamespace

    from model.run import tap
    from tests.conftest import random_gpt2

    model = random_gpt2().to(dtype)
    tap.attach(model)
    checkpoint = SimpleNamespace(model=model)
    run = trace.run(checkpoint, IDS)
    step = attention.steps(checkpoint, run, 1, 2, query=20)
    np.testing.assert_allclose(
        step.weights, attention.weights(checkpoint, run, 1, 2)[20], atol=1e-6
    )
    cell = attention.cell(checkpoint, run, 1, 2, query=20, key=7)
    assert cell.weight == pytest.approx(float(step.weights[7]), abs=1e-6)
    assert 0 < step.residual_error < close  # what the model itself rounded away
    facts = attention.survey(checkpoint, run).facts
    assert all(np.isfinite(values).all() for values in facts.values())
