"""Two runs side by side: nothing parts a run from itself; distances and divergences by hand."""

import numpy as np
import pytest
import torch

from model.analysis import attention, comparison
from model.analysis.comparison import Side
from model.memory import asking, telling
from model.memory.state import blank
from model.run import tap, tokens, trace
from tests.conftest import random_gpt2
from tests.unit.analysis.test_patching import CLEAN, CORRUPT, Hooks, bent
from tests.unit.memory.test_added import QUESTION, SETTINGS, TOLD, remembering


@pytest.fixture(scope="module")
def plain():
    return bent()


@pytest.fixture(scope="module")
def sides(plain):
    return Side(plain, trace.run(plain, CLEAN)), Side(plain, trace.run(plain, CORRUPT))


def test_a_run_is_not_apart_from_itself(sides):
    pairs = comparison.paired(sides[0].trace, sides[0].trace, "subsequence")
    assert pairs.tolist() == [[i, i] for i in range(len(CLEAN))]
    found = comparison.apart(sides[0], sides[0], pairs)
    assert not found.distance.any() and not found.heads.any() and not found.mlp.any()
    np.testing.assert_allclose(found.cosine, 1, atol=1e-6)
    np.testing.assert_allclose(comparison.js_nats(sides[0], sides[0], pairs), 0, atol=1e-12)
    assert not comparison.weight_difference(*sides[:1] * 2, pairs, 1, 2).any()


def test_distances_are_those_of_the_streams_and_of_what_was_written(plain, sides):
    a, b = sides
    pairs = np.array([[4, 3], [9, 10]])
    found = comparison.apart(a, b, pairs)
    assert found.distance.shape == found.cosine.shape == (7, 2)
    assert found.heads.shape == (3, 4, 2) and found.mlp.shape == (3, 2)
    hooks = Hooks(plain.model)
    x, y = (hooks.values(ids, "stream", 2)[0, place] for ids, place in ((CLEAN, 4), (CORRUPT, 3)))
    expected = (x - y).norm() / (x.norm() + y.norm()) * 2
    np.testing.assert_allclose(found.distance[4, 0], expected, atol=1e-5)
    np.testing.assert_allclose(found.cosine[4, 0], torch.cosine_similarity(x, y, dim=0), atol=1e-5)
    z = [hooks.values(ids, "head", 1)[0, place, 16:24] for ids, place in ((CLEAN, 9), (CORRUPT, 10))]
    written = (z[1] - z[0]) @ plain.model.transformer.h[1].attn.c_proj.weight[16:24]
    np.testing.assert_allclose(found.heads[1, 2, 1], written.norm(), atol=1e-5)
    m = [hooks.values(ids, "mlp", 2)[0, place] for ids, place in ((CLEAN, 9), (CORRUPT, 10))]
    np.testing.assert_allclose(found.mlp[2, 1], (m[1] - m[0]).norm(), atol=1e-4)


def test_weights_are_compared_between_pairs_only(plain, sides):
    pairs = np.array([[1, 2], [4, 4], [6, 9]])
    found = comparison.weight_difference(*sides, pairs, 2, 1)
    a, b = (attention.weights(plain, side.trace, 2, 1) for side in sides)
    np.testing.assert_allclose(found[2, 1], b[9, 4] - a[6, 4], atol=1e-6)
    assert found.shape == (3, 3) and not np.triu(found, 1).any()


def test_heads_are_apart_by_what_their_rows_do_not_share(plain, sides):
    pairs = np.array([[1, 2], [4, 4], [6, 9]])
    found = comparison.maps_apart(*sides, pairs)
    assert found.shape == (3, 4) and (found >= 0).all() and (found <= 1).all()
    a, b = (attention.weights(plain, side.trace, 2, 1).astype(np.float64) for side in sides)
    shared = [np.minimum(a[i][[1, 4, 6]], b[j][[2, 4, 9]]).sum() for i, j in pairs]
    np.testing.assert_allclose(found[2, 1], 1 - np.mean(shared), atol=1e-6)
    whole = np.stack([np.arange(len(CLEAN))] * 2, 1)
    assert comparison.maps_apart(*sides[:1] * 2, whole).max() < 1e-6


def test_lenses_are_apart_by_what_each_layer_would_say(plain, sides):
    pairs = np.array([[3, 3], [10, 10]])
    found = comparison.lens_apart(*sides, pairs)
    np.testing.assert_array_equal(found[-1], comparison.js_nats(*sides, pairs))
    streams = [side.trace.layer_stream(2)[10] for side in sides]
    p, q = (trace.final_logits(plain.model, x).detach().double().softmax(-1).numpy() for x in streams)
    m = (p + q) / 2
    np.testing.assert_allclose(found[1, 1], (p @ np.log(p / m) + q @ np.log(q / m)) / 2, atol=1e-9)


def test_neighbours_are_the_nearest_rows_of_the_embedding(plain, sides):
    found = comparison.neighbours(sides[0], 4, 2)
    assert found.ids.shape == found.cosine.shape == (4, 2)
    stream = sides[0].trace.layer_stream(4)[4].double()
    cosine = torch.cosine_similarity(plain.model.transformer.wte.weight.double(), stream[None])
    best = cosine.topk(2)
    assert found.ids[2].tolist() == best.indices.tolist()
    np.testing.assert_allclose(found.cosine[2], best.values.detach(), atol=1e-5)


def test_jensen_shannon_by_hand():
    p, q = (torch.tensor(x, dtype=torch.float64).log() for x in ([0.5, 0.5, 0.0], [0.0, 0.5, 0.5]))
    expected = 0.5 * np.log(2)  # half of each lies where the other has nothing
    with np.errstate(invalid="ignore"):
        found = comparison.jensen_shannon(p.clamp(min=-700), q.clamp(min=-700))
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_divergences_are_of_the_pairs_next_tokens(plain, sides):
    pairs = np.array([[3, 3], [10, 10]])
    found = comparison.js_nats(*sides, pairs)
    p, q = (trace.logits(plain, side.trace)[10].double().softmax(-1).numpy() for side in sides)
    m = (p + q) / 2
    np.testing.assert_allclose(found[1], (p @ np.log(p / m) + q @ np.log(q / m)) / 2, atol=1e-9)
    assert (found >= 0).all() and (found <= np.log(2)).all()
    difference = comparison.logit_difference(*sides)
    np.testing.assert_allclose(difference, sides[1].trace.next_logits - sides[0].trace.next_logits)


def test_a_run_with_memory_beside_one_without(tiny):
    loaded = remembering(tiny)
    state = telling.tell(loaded, blank(loaded), TOLD, SETTINGS).state
    read = asking.ask(loaded, state, tokens.encode(loaded.tokenizer, QUESTION), SETTINGS).trace
    without = trace.run(loaded, read.ids)
    sides = Side(loaded, without), Side(loaded, read)
    pairs = comparison.paired(without, read, "position")
    found = comparison.apart(*sides, pairs)
    attention_parts = read.attention_added(1) - without.attention_added(1)
    one = comparison._written(sides[1], 1).sum(0) - comparison._written(sides[0], 1).sum(0)
    torch.testing.assert_close(one, attention_parts, atol=1e-3, rtol=1e-4)
    assert np.isfinite(found.distance).all() and found.distance[0].any()
    assert comparison.js_nats(*sides, pairs)[-1] > 0


def test_what_cannot_be_compared_is_said(plain, sides):
    other = trace.run(plain, np.array([254]))
    with pytest.raises(ValueError, match="No token of one prompt"):
        comparison.paired(sides[0].trace, other, "subsequence")
    with pytest.raises(ValueError, match="Unknown alignment 'length'"):
        comparison.paired(sides[0].trace, other, "length")
    wide = type(plain)(**{**vars(plain), "model": random_gpt2(n_embd=64)})
    tap.attach(wide.model)
    pairs = np.array([[0, 0]])
    with pytest.raises(ValueError, match="Models of different shapes"):
        comparison.apart(sides[0], Side(wide, trace.run(wide, CLEAN)), pairs)
    assert comparison.js_nats(sides[0], Side(wide, trace.run(wide, CLEAN)), pairs)[0] > 0
