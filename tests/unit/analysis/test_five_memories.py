"""The numbers of the start page are the model's."""

import numpy as np
import pytest
import torch

from model.analysis import five_memories
from model.run import predict, trace


def test_parts_add_up_to_the_model(tiny):
    counted = five_memories.count(tiny, None)
    assert sum(counted.parts.values()) == counted.n_parameters == tiny.model.num_parameters()
    assert counted.parts["token embedding"] == 257 * 32
    assert counted.parts["unembedding"] == 0  # tied to the token embedding
    assert counted.parameter_bytes == 4 * counted.n_parameters


def test_the_working_memory_is_the_caches(tiny):
    counted = five_memories.count(tiny, trace.run(tiny, np.arange(10)))
    with torch.inference_mode():
        cache = tiny.model(torch.arange(10)[None], use_cache=True).past_key_values
    live = sum(x.numel() * x.element_size() for y in cache.layers for x in (y.keys, y.values))
    assert counted.cache_bytes == live == 10 * counted.cache_bytes_per_token


def test_the_empty_prompt_counts_nothing(tiny):
    counted = five_memories.count(tiny, None)
    assert (counted.n_tokens, counted.cache_bytes) == (0, 0)
    assert counted.position_similarity[0] == pytest.approx(1)


def test_the_present_position_resembles_itself_most(tiny):
    counted = five_memories.count(tiny, trace.run(tiny, np.arange(10)))
    assert counted.position_similarity.argmax() == 9


def test_top_tokens_are_the_softmax_over_all(tiny):
    logits = trace.run(tiny, np.arange(10)).next_logits
    top = predict.top_tokens(tiny, logits, 5)
    expected = torch.softmax(logits.double(), -1)
    assert top.ids[0] == int(logits.argmax())
    np.testing.assert_allclose(top.probability, expected[torch.as_tensor(top.ids)], rtol=1e-12)
    assert top.probability.sum() + top.rest == pytest.approx(1)


def test_a_nan_logit_is_never_a_silent_prediction(tiny):
    with pytest.raises(ValueError, match="finite"):
        predict.top_tokens(tiny, torch.tensor([0.0, float("nan")]), 1)
