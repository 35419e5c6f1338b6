"""Rollout is the product of the layers, by attention and by contribution."""

import numpy as np
import pytest

from model.analysis import attention, flow, rollout
from model.memory import asking, telling
from model.memory.state import blank
from model.run import tokens, trace
from tests.unit.analysis.test_patching import CLEAN, bent
from tests.unit.memory.test_added import QUESTION, SETTINGS, TOLD, remembering


@pytest.fixture(scope="module")
def plain():
    return bent()


def test_attention_rollout_is_the_product_of_mean_weights_and_the_residual(plain):
    run = trace.run(plain, CLEAN)
    found, expected = rollout.attention_rollout(plain, run), np.eye(len(CLEAN))
    for layer in range(3):
        weights = attention.layer_weights(plain, run, layer).mean(0)
        expected = (weights + np.eye(len(CLEAN))) / 2 @ expected
        np.testing.assert_allclose(found[layer], expected, atol=1e-5)


def test_contribution_rollout_is_the_flow_followed_from_every_token(plain):
    run = trace.run(plain, CLEAN)
    found = rollout.contribution_rollout(plain, run)
    for position in range(len(CLEAN)):
        back = flow.follow(plain, run, position, drawn=0, followed=0)
        np.testing.assert_allclose(found[-1, position], back.shares[0], atol=1e-5)


def test_with_slots_rows_sum_to_one_too(tiny):
    loaded = remembering(tiny)
    state = telling.tell(loaded, blank(loaded), TOLD, SETTINGS).state
    run = asking.ask(loaded, state, tokens.encode(loaded.tokenizer, QUESTION), SETTINGS).trace
    for found in (rollout.attention_rollout(loaded, run), rollout.contribution_rollout(loaded, run)):
        assert found.shape == (3, len(run), len(run) + len(run.reading.kept))
        np.testing.assert_allclose(found.sum(-1), 1, atol=1e-5)
        assert not np.triu(found[-1][:, : len(run)], 1).any() and found[-1][:, len(run) :].any()
