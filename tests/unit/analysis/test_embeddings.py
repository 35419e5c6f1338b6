"""Vectors of tokens and positions: exact neighbours, angles, projections, and their corners."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model.analysis import embeddings
from model.run import trace

RNG = np.random.default_rng(0)
TABLE = RNG.standard_normal((500, 16)).astype(np.float32)


def test_the_inputs_are_what_the_first_block_gets(tiny):
    ids = np.array([3, 200, 3, 256])
    found = embeddings.inputs(tiny, ids)
    assert np.array_equal(found.total, trace.run(tiny, ids).stream[0].numpy())
    assert np.array_equal(found.token[0], found.token[2])


def test_the_tables_cannot_be_written(tiny):
    with pytest.raises(ValueError, match="read-only"):
        embeddings.token_table(tiny)[0] = 0
    assert embeddings.position_table(tiny).shape == (64, 32)


@pytest.mark.parametrize("k", [1, 10, 500, 900])
def test_neighbours_are_those_of_a_full_sort(k):
    units = embeddings.unit(TABLE)
    found = embeddings.nearest(units, TABLE[7], k)
    wide = TABLE.astype(np.float64)
    cosine = wide @ wide[7] / np.linalg.norm(wide, axis=1) / np.linalg.norm(wide[7])
    assert found.ids.tolist() == np.argsort(-cosine, kind="stable")[:k].tolist()
    assert np.allclose(found.cosine, np.sort(cosine)[::-1][:k], atol=1e-6)
    assert found.ids[0] == 7 and found.cosine[0] == pytest.approx(1)


def test_of_equal_neighbours_the_lower_id_is_first():
    units = embeddings.unit(np.array([[0, 1], [1, 0], [2, 0], [1, 0], [-1, 0]], np.float32))
    found = embeddings.nearest(units, np.array([3, 0], np.float32), 2)
    assert found.ids.tolist() == [1, 2]
    assert embeddings.nearest(units, units[1], 5).cosine.tolist() == [1, 1, 1, 0, -1]


def test_a_vector_without_direction_is_said():
    units = embeddings.unit(TABLE)
    with pytest.raises(ValueError, match="has no direction: its length is 0"):
        embeddings.nearest(units, np.zeros(16, np.float32), 3)
    with pytest.raises(ValueError, match="has no direction: its length is nan"):
        embeddings.nearest(units, np.full(16, np.nan, np.float32), 3)


def test_damaged_weights_are_said():
    broken = TABLE.copy()
    broken[3, 3] = np.inf
    with pytest.raises(ValueError, match="the weights are damaged"):
        embeddings.unit(broken)


def test_a_zero_vector_has_no_likeness():
    found = embeddings.cosines(np.array([[0, 0], [3, 4]], np.float32))
    assert found.tolist() == [[0, 0], [0, 1]]


def test_arithmetic_by_hand():
    units = np.eye(4, dtype=np.float32)
    assert embeddings.plus_minus(units, 0, 1, 2).tolist() == [1, -1, 1, 0]
    assert embeddings.plus_minus(units, 0, 0, 2).tolist() == [0, 0, 1, 0]  # a − a + c = c
    assert embeddings.nearest(units, embeddings.plus_minus(units, 3, 1, 1), 1).ids == [3]


def test_arithmetic_finds_a_planted_analogy():
    """king − man + woman = queen where vectors are made so: royal + male and so on."""
    royal, male, female, noise = np.eye(12, dtype=np.float32)[:4]
    table = np.stack([royal + male, male, female, royal + female, noise])
    units = embeddings.unit(table)
    found = embeddings.nearest(units, embeddings.plus_minus(units, 0, 1, 2), 5)
    assert next(i for i in found.ids if i not in (0, 1, 2)) == 3


@settings(deadline=None)
@given(n=st.integers(2, 30), width=st.integers(2, 12), seed=st.integers(0, 99))
def test_a_projection_keeps_what_it_says(n, width, seed):
    vectors = np.random.default_rng(seed).standard_normal((n, width))
    found = embeddings.project(vectors)
    spread = ((vectors - vectors.mean(0)) ** 2).sum()
    assert np.allclose((found.points**2).sum(0) / spread, found.explained)
    assert found.explained[0] >= found.explained[1] >= 0 and found.explained.sum() <= 1 + 1e-9
    variances = np.sort(np.linalg.eigvalsh(np.cov(vectors.T, bias=True)))[::-1] * n
    assert np.allclose((found.points**2).sum(0), variances[:2])


def test_a_projection_has_one_sign():
    vectors = RNG.standard_normal((9, 5))
    first = embeddings.project(vectors)
    for order in (slice(None, None, -1), RNG.permutation(9)):
        assert np.allclose(embeddings.project(vectors[order]).points, first.points[order])
    assert np.allclose(embeddings.project(vectors + 100).points, first.points)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_projection_of_equal_points_is_their_middle(n):
    found = embeddings.project(np.ones((n, 4)))
    assert found.points.shape == (n, 2)
    assert not found.points.any() and not found.explained.any()


def test_two_points_lie_on_one_axis():
    found = embeddings.project(np.array([[0.0, 0, 0], [3, 4, 0]]))
    assert np.allclose(found.explained, [1, 0])
    assert np.allclose(found.points, [[-2.5, 0], [2.5, 0]])


def test_position_effect_by_hand():
    table = SimpleNamespace(weight=_tensor([[3.0, 4], [0, 1]]))
    places = SimpleNamespace(weight=_tensor([[0.0, 0], [-3, -4], [4, -3]]))
    model = SimpleNamespace(transformer=SimpleNamespace(wte=table, wpe=places))
    found = embeddings.position_effect(SimpleNamespace(model=model), 0, 2)
    assert found.token_norm == 5 and found.position_norm.tolist() == [0, 5, 5]
    assert np.allclose(found.total_norm, [5, 0, np.sqrt(50)])
    assert np.allclose(found.to_token, [1, 0, np.sqrt(0.5)])  # a sum of zero is like nothing
    assert np.allclose(found.to_here, [np.sqrt(0.5), 0, 1])


def test_position_effect_agrees_with_the_inputs(tiny):
    found = embeddings.position_effect(tiny, 9, 2)
    total = embeddings.inputs(tiny, np.array([9, 9, 9])).total
    assert np.allclose(found.total_norm[:3], np.linalg.norm(total, axis=1))
    assert np.allclose(found.to_here[:3], embeddings.cosines(total)[2], atol=1e-6)


def _tensor(values):
    return torch.nn.Parameter(torch.tensor(values))
