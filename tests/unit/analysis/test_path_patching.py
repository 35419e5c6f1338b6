"""A patched path = the run with hooks in which one head alone hears another."""

import numpy as np
import pytest
import torch

from model.analysis import attention, path_patching
from model.run import trace
from tests.unit.analysis.test_patching import CLEAN, CORRUPT, Hooks, bent, stock, to_logits


@pytest.fixture(scope="module")
def plain():
    return bent()


@pytest.fixture(scope="module")
def runs(plain):
    return trace.run(plain, CLEAN), trace.run(plain, CORRUPT)


@torch.inference_mode()
def with_hooks(loaded, sender, receiver, inputs):
    """c_attn of the receiver's block puts out other numbers for the receiver's head."""
    model, hooks, (layer, head) = loaded.model, Hooks(loaded.model), receiver
    cut = slice(8 * sender[1], 8 * sender[1] + 8)
    z_clean, z_corrupt = (hooks.values(ids, "head", sender[0])[..., cut] for ids in (CLEAN, CORRUPT))
    written = (z_clean - z_corrupt) @ model.transformer.h[sender[0]].attn.c_proj.weight[cut]
    block = model.transformer.h[layer]
    heard = block.attn.c_attn(block.ln_1(hooks.values(CORRUPT, "stream", layer) + written))

    def hear(_, __, out):
        out = out.clone()
        for i, name in enumerate("qkv"):
            if name in inputs:
                own = slice(32 * i + 8 * head, 32 * i + 8 * head + 8)
                out[..., own] = heard[..., own]
        return out

    handle = block.attn.c_attn.register_forward_hook(hear)
    logits = model(torch.tensor(CORRUPT)[None]).logits[0, -1]
    handle.remove()
    return logits


@pytest.mark.parametrize("inputs", ["qkv", "q", "k", "v", "kv"])
def test_a_path_is_the_run_with_hooks(plain, runs, inputs):
    clean, corrupt = runs
    for sender, receiver in (((0, 1), (2, 3)), ((0, 0), (1, 2)), ((1, 3), (2, 0))):
        found = path_patching.direct_path(plain, corrupt, clean, sender, receiver, inputs)
        expected = with_hooks(plain, sender, receiver, inputs)
        torch.testing.assert_close(to_logits(plain, found.last), expected, atol=1e-4, rtol=0)
        before = attention.weights(plain, corrupt, *receiver)
        np.testing.assert_allclose(found.before, before, atol=1e-6)
        assert np.allclose(found.after, before, atol=1e-6) == (inputs == "v")


def test_a_head_that_says_the_same_changes_nothing(plain, runs):
    _, corrupt = runs
    every = path_patching.every_path(plain, corrupt, corrupt, (0, 1))
    for end in every.ends.streams[1:].flatten(0, 1):
        torch.testing.assert_close(to_logits(plain, end), stock(plain, CORRUPT), atol=1e-4, rtol=0)
    assert not every.moved[1:].any()
    found = path_patching.direct_path(plain, corrupt, corrupt, (0, 1), (2, 3))
    torch.testing.assert_close(to_logits(plain, found.last), stock(plain, CORRUPT), atol=1e-4, rtol=0)


@pytest.mark.parametrize("inputs", ["qkv", "k"])
def test_every_path_is_each_path_alone(plain, runs, inputs):
    clean, corrupt = runs
    found = path_patching.every_path(plain, corrupt, clean, (0, 1), inputs)
    assert torch.isnan(found.ends.streams[0]).all() and np.isnan(found.moved[0]).all()
    for receiver in ((1, 0), (1, 3), (2, 0), (2, 3)):
        expected = with_hooks(plain, (0, 1), receiver, inputs)
        torch.testing.assert_close(
            to_logits(plain, found.ends.streams[receiver]), expected, atol=1e-4, rtol=0)
        alone = path_patching.direct_path(plain, corrupt, clean, (0, 1), receiver, inputs)
        distance = np.abs(alone.after[-1] - alone.before[-1]).sum() / 2
        np.testing.assert_allclose(found.moved[receiver], distance, atol=1e-6)


@pytest.mark.parametrize("pair, inputs, words", [
    (((1, 0), (1, 1)), "qkv", "Layer 1 does not hear layer 1"),
    (((2, 0), (0, 1)), "qkv", "Layer 0 does not hear layer 2"),
    (((0, 4), (1, 1)), "qkv", "There is no head 4"),
    (((0, 0), (3, 1)), "qkv", "There is no layer 3"),
    (((0, 0), (1, 1)), "qx", "No inputs 'qx'"),
])
def test_a_path_that_does_not_exist_is_said(plain, runs, pair, inputs, words):
    clean, corrupt = runs
    with pytest.raises(ValueError, match=words):
        path_patching.direct_path(plain, corrupt, clean, *pair, inputs)
