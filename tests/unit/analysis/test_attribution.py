"""The parts add up to the model's own logit, and each part is what it says it is."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from model.analysis import attribution, neurons
from model.analysis.residual import exit_at
from model.run import tap, trace
from tests.conftest import byte_tokenizer, random_gpt2

IDS = np.random.default_rng(5).integers(0, 256, 30)


@pytest.fixture(scope="module")
def bent():
    """A tapped model whose LayerNorms do something: γ and β are far from 1 and 0."""
    model = random_gpt2(seed=2)
    for name, weight in model.named_parameters():
        if ".ln_" in name:
            weight.normal_(0.7, 0.4)
    tap.attach(model)
    return SimpleNamespace(model=model, tokenizer=byte_tokenizer(), fingerprint="bent")


@pytest.fixture(scope="module")
def run(bent):
    return trace.run(bent, IDS)


@pytest.mark.parametrize("position", [0, 1, 13, 29])
@pytest.mark.parametrize("token", [0, 101, 256])
def test_the_parts_add_up_to_the_logit(bent, run, position, token):
    parts = attribution.attribute(bent, run, position, token)
    with torch.inference_mode():
        logit = bent.model(torch.as_tensor(IDS)[None]).logits[0, position, token]
    assert parts.logit == pytest.approx(float(logit), abs=1e-5)
    assert parts.total == pytest.approx(parts.logit, abs=1e-3)
    assert parts.heads.shape == (3, 4) and parts.mlp.shape == parts.attention_bias.shape == (3,)


def test_against_another_token_is_the_difference(bent, run):
    a, b = (attribution.attribute(bent, run, 20, t) for t in (7, 9))
    both = attribution.attribute(bent, run, 20, 7, against=9)
    for name in ("token", "position", "heads", "attention_bias", "mlp", "final_bias", "logit"):
        np.testing.assert_allclose(
            getattr(both, name), getattr(a, name) - getattr(b, name), atol=1e-6
        )
    assert both.total == pytest.approx(both.logit, abs=1e-3)


def test_a_part_is_what_the_logit_loses_without_it_at_a_frozen_sigma(bent, run):
    """Subtract a part from the last stream vector and divide by the old σ: an independent way."""
    parts = attribution.attribute(bent, run, 12, 55)
    body, last = bent.model.transformer, run.layer_stream(-1)[12].double()
    sigma = (last.var(correction=0) + body.ln_f.eps).sqrt()

    def logit(x):
        normed = (x - x.mean()) / sigma * body.ln_f.weight.double() + body.ln_f.bias.double()
        return float(normed @ bent.model.lm_head.weight[55].double())

    without = {
        "token": body.wte.weight[int(IDS[12])],
        "position": body.wpe.weight[12],
        "mlp": run.mlp_added(1)[12],
        "attention_bias": body.h[2].attn.c_proj.bias,
    }
    for name, part in without.items():
        share = getattr(parts, name)
        share = share[{"mlp": 1, "attention_bias": 2}[name]] if np.ndim(share) else share
        assert logit(last) - logit(last - part.double()) == pytest.approx(share, abs=1e-6)
    assert parts.sigma == pytest.approx(float(sigma))


def test_heads_and_bias_are_what_attention_added(bent, run):
    for layer, block in enumerate(bent.model.transformer.h):
        writes = attribution.head_writes(bent, run, layer, 25)
        total = writes.sum(0) + block.attn.c_proj.bias.double()
        torch.testing.assert_close(
            total, run.attention_added(layer)[25].double(), atol=1e-5, rtol=0
        )


def test_one_token_reads_only_itself(bent):
    one = trace.run(bent, [65])
    parts = attribution.attribute(bent, one, 0, 66)
    assert parts.total == pytest.approx(float(one.next_logits[66]), abs=1e-3)


@pytest.mark.parametrize("token", [-1, 257])
def test_a_token_outside_the_vocabulary_is_refused(bent, run, token):
    with pytest.raises(ValueError, match="ids 0 to 256"):
        attribution.attribute(bent, run, 3, token)
    with pytest.raises(ValueError, match="ids 0 to 256"):
        attribution.attribute(bent, run, 3, 5, against=token)


def test_nan_is_named(bent):
    run = trace.run(bent, IDS[:4])
    with torch.inference_mode():
        run.rows[0].stream[3][1, 5] = float("nan")
    with pytest.raises(ValueError, match="after the attention of layer 1"):
        attribution.attribute(bent, run, 1, 5)


# -- neurons --------------------------------------------------------------------------------------


def test_activations_are_the_mlps_own(bent, run):
    got = neurons.activations(bent, run, 1, 8)
    block = bent.model.transformer.h[1]
    seen = []
    hook = block.mlp.c_proj.register_forward_pre_hook(lambda m, x: seen.append(x[0]))
    with torch.inference_mode():
        bent.model(torch.as_tensor(IDS)[None])
    hook.remove()
    np.testing.assert_allclose(got.post, seen[0][0, 8], atol=1e-6)
    x = got.pre.astype(np.float64)
    gelu = 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    np.testing.assert_allclose(got.post, gelu, atol=1e-6)
    assert got.name == "gelu_new" and got.error < 1e-5
    expected = np.abs(got.post) * block.mlp.c_proj.weight.norm(dim=-1).numpy()
    np.testing.assert_allclose(got.written, expected, rtol=1e-5)


def test_neurons_and_bias_make_the_mlps_share_of_a_logit(bent, run):
    block = bent.model.transformer.h[2]
    post = torch.as_tensor(neurons.activations(bent, run, 2, 8).post).double()
    writes = torch.cat([post[:, None] * block.mlp.c_proj.weight.double(),
                        block.mlp.c_proj.bias.double()[None]])
    way_out = exit_at(bent.model, run.layer_stream(-1)[8].double())
    shares = way_out.project(writes) @ bent.model.lm_head.weight[77].double()
    whole = attribution.attribute(bent, run, 8, 77).mlp[2]
    assert float(shares.sum()) == pytest.approx(whole, abs=1e-5)


def test_a_neuron_promotes_and_suppresses_the_extremes(bent, run):
    (found,) = neurons.describe(bent, run, 0, 8, [5], k=3)
    block = bent.model.transformer.h[0]
    write = found.post * block.mlp.c_proj.weight[5].double()
    effects = neurons.logit_effects(bent, run, 8, write[None])[0]
    assert abs(float(effects.mean())) < 1e-6
    order = effects.argsort(descending=True)
    np.testing.assert_allclose([x for _, x in found.promotes], effects[order[:3]], rtol=1e-4)
    np.testing.assert_allclose(
        [x for _, x in found.suppresses], effects[order.flip(0)[:3]], rtol=1e-4
    )
    assert found.index == 5 and found.promotes[0][1] > 0 > found.suppresses[0][1]


def test_neurons_that_are_not_there_are_refused(bent, run):
    with pytest.raises(ValueError, match="neurons 0 to 127"):
        neurons.describe(bent, run, 0, 8, [128])
    assert neurons.describe(bent, run, 0, 8, []) == []


def test_the_configs_activation_function_is_used():
    model = random_gpt2(activation_function="relu")
    tap.attach(model)
    relu = SimpleNamespace(model=model, tokenizer=byte_tokenizer())
    got = neurons.activations(relu, trace.run(relu, IDS), 0, 3)
    np.testing.assert_array_equal(got.post, np.maximum(got.pre, 0))
    assert got.name == "relu" and got.error < 1e-5
