"""Positions: the formulas against their papers' and transformers' code, what-ifs by hand."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model.analysis import attention, embeddings, position_table, positions, surprisal, what_if
from model.run import trace

IDS = np.array([40, 7, 99, 40, 12, 200, 7, 55], dtype=np.int64)


def vectors(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


# -- formulas -------------------------------------------------------------------------------------


def test_sinusoids_by_hand():
    table = positions.sinusoidal(5, 6)
    slow = 3 / 10_000 ** (4 / 6)
    assert np.allclose(table[3], [np.sin(3), np.cos(3), np.sin(3 / 10_000 ** (2 / 6)),
                                  np.cos(3 / 10_000 ** (2 / 6)), np.sin(slow), np.cos(slow)])
    assert np.allclose(np.linalg.norm(table, axis=1), np.sqrt(3))
    assert positions.sinusoidal(2, 5).shape == (2, 5)


def test_rope_is_gptjs():
    from transformers.models.gptj.modeling_gptj import (
        apply_rotary_pos_emb,
        create_sinusoidal_positions,
    )

    x = torch.tensor(vectors(1, 9, 2, 16))  # (B,T,H,D)
    sin, cos = create_sinusoidal_positions(9, 16).double().chunk(2, -1)
    theirs = apply_rotary_pos_emb(x, sin[None], cos[None])[0].transpose(0, 1)
    ours = positions.rotate(x[0].transpose(0, 1).numpy(), np.arange(9))
    assert np.allclose(ours, theirs, atol=1e-6)


def test_rope_is_llamas_up_to_the_order_of_dimensions():
    from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

    q, k = vectors(7, 8), vectors(7, 8, seed=1)
    angles = np.arange(7)[:, None] * positions.frequencies(8)
    both = torch.tensor(np.concatenate([angles, angles], -1))[None]
    halves = np.r_[0:8:2, 1:8:2]
    qt, kt = (torch.tensor(x[:, halves])[None, None] for x in (q, k))
    theirs = apply_rotary_pos_emb(qt, kt, both.cos(), both.sin())
    ours = positions.rotate(q, np.arange(7)) @ positions.rotate(k, np.arange(7)).T
    assert np.allclose(ours, theirs[0][0, 0] @ theirs[1][0, 0].T)


@settings(max_examples=50)
@given(st.integers(0, 5000), st.integers(0, 5000), st.integers(-5000, 5000), st.integers(0, 99))
def test_rope_depends_only_on_the_difference(m, n, shift, seed):
    q, k = vectors(1, 32, seed=seed), vectors(1, 32, seed=seed + 1000)
    score = positions.rotate(q, np.array([m])) @ positions.rotate(k, np.array([n])).T
    far = positions.rotate(q, np.array([m + shift])), positions.rotate(k, np.array([n + shift]))
    moved = far[0] @ far[1].T
    assert np.isclose(score, moved, atol=1e-8)
    assert np.isclose(np.linalg.norm(positions.rotate(q, np.array([m]))), np.linalg.norm(q))


def test_rope_by_distance_is_the_rotated_product():
    q, k = vectors(12), vectors(12, seed=1)
    turned = positions.rotate(np.tile(k, (20, 1)), np.arange(20))
    expected = [positions.rotate(q[None], np.array([19]))[0] @ turned[19 - d] for d in range(20)]
    assert np.allclose(positions.rope_by_distance(q, k, 20), expected)
    assert np.isclose(positions.rope_by_distance(q, k, 1)[0], q @ k)


def test_an_odd_head_has_no_pairs():
    with pytest.raises(ValueError, match="even number of dimensions, got 7"):
        positions.rotate(vectors(2, 7), np.arange(2))


@pytest.mark.parametrize("n_heads", [1, 2, 3, 8, 12, 16, 20, 25])
def test_alibi_slopes_are_blooms(n_heads):
    from transformers.models.bloom.modeling_bloom import build_alibi_tensor

    theirs = build_alibi_tensor(torch.ones(1, 2), n_heads, torch.float64)[:, 0, 1]
    assert np.allclose(positions.alibi_slopes(n_heads), theirs)


def test_alibi_by_hand():
    assert np.allclose(positions.alibi_slopes(8), 0.5 ** np.arange(1, 9))
    bias = positions.alibi_bias(4, 0.5)
    assert bias[3].tolist() == [-1.5, -1.0, -0.5, 0.0]
    weights = positions.causal_weights(bias)  # same word everywhere: only distance is left
    assert np.isclose(weights[3, 1] / weights[3, 3], np.exp(-1))
    assert weights[0].tolist() == [1, 0, 0, 0]


def test_mean_by_distance_by_hand():
    weights = np.array([[1, 0, 0], [0.5, 0.5, 0], [0.25, 0.5, 0.25]])
    assert np.allclose(positions.mean_by_distance(weights), [1.75 / 3, 0.5, 0.25])


# -- tables ---------------------------------------------------------------------------------------


def test_pooling_by_hand():
    square = np.arange(9.0).reshape(3, 3)
    assert position_table.pooled_mean(square, 2).tolist() == [[2, 3.5], [6.5, 8]]
    assert position_table.pooled_mean(square, 1).tolist() == square.tolist()


def test_components_rebuild_the_differences():
    table = vectors(9, 6)
    points, shares = position_table.principal(table, 6)
    centred = table - table.mean(0)
    assert np.isclose(shares.sum(), 1) and (np.diff(shares) <= 0).all()
    assert np.allclose(points @ points.T, centred @ centred.T)
    assert (points[np.abs(points).argmax(0), range(6)] > 0).all()
    assert position_table.principal(np.ones((3, 4)), 2)[1].tolist() == [0, 0]


def test_sinusoids_are_as_alike_as_they_are_near():
    found = position_table.measure(positions.sinusoidal(40, 16))
    for d in (0, 1, 7):
        assert np.allclose(found.cosine.diagonal(d), found.cosine[0, d])  # distance alone decides


def test_the_scaled_formula_is_as_long_as_the_learned_table():
    learned = vectors(30, 8) * 0.2
    formula = position_table.sinusoidal_like(learned)
    mean = np.linalg.norm(learned, axis=1).mean()
    assert np.allclose(np.linalg.norm(formula, axis=1), mean)


def test_layer_norm_caps_what_a_position_can_add():
    word, position = vectors(64), vectors(64, seed=1)
    found = position_table.scale_position(word, position, np.array([0.0, 1.0, 1e4]))
    assert np.allclose(found.length_after, 8, atol=1e-3)  # √C whatever comes in
    assert found.length_before[2] > 1e4
    assert np.isclose(found.to_word[0], 1) and np.isclose(found.to_position[2], 1, atol=1e-6)
    x = torch.nn.functional.layer_norm(torch.tensor(word + position), (64,)).numpy()
    assert np.isclose(found.length_after[1], np.linalg.norm(x))


# -- runs -----------------------------------------------------------------------------------------


def zeroed(stock, table):
    """A copy of the model whose wpe really holds another table."""
    model = copy.deepcopy(stock)
    model.transformer.wpe.weight.zero_()
    model.transformer.wpe.weight[: len(table)] = torch.as_tensor(table, dtype=torch.float32)
    return model


def test_own_positions_are_the_trace(tiny):
    found, expected = what_if.run(tiny, IDS), trace.run(tiny, IDS)
    assert torch.equal(found.next_logits, expected.next_logits)
    assert all(torch.equal(found.q[i], expected.layer_q(i)) for i in range(3))


def test_without_positions_is_a_model_with_an_empty_table(tiny, stock):
    expected = zeroed(stock, np.zeros((64, 32)))(torch.tensor(IDS)[None]).logits[0, -1]
    assert torch.allclose(what_if.without_positions(tiny, IDS).next_logits, expected, atol=1e-4)


def test_with_sinusoids_is_a_model_with_that_table(tiny, stock):
    table = position_table.sinusoidal_like(embeddings.position_table(tiny)[: len(IDS)])
    expected = zeroed(stock, table)(torch.tensor(IDS)[None]).logits[0, -1]
    assert torch.allclose(what_if.with_sinusoids(tiny, IDS).next_logits, expected, atol=1e-4)


@pytest.mark.parametrize("layer", [0, 2])
def test_the_maps_are_what_they_say(tiny, layer):
    real, bare = trace.run(tiny, IDS), what_if.without_positions(tiny, IDS)
    found = what_if.maps(tiny, real, bare, what_if.with_sinusoids(tiny, IDS), layer, 1)
    assert tuple(found) == what_if.SCHEMES
    assert np.array_equal(found["learned"], attention.weights(tiny, real, layer, 1))
    q, k = bare.q[layer][1].double(), bare.k[layer][1].double()
    for i in (0, 5):  # one row by hand: the bias is −slope × distance, in logits
        scores = (q[i] @ k[: i + 1].T * 8**-0.5).numpy()
        biased = scores - positions.alibi_slopes(4)[1] * (i - np.arange(i + 1))
        for name, row in (("none", scores), ("alibi", biased)):
            expected = np.exp(row) / np.exp(row).sum()
            assert np.allclose(found[name][i, : i + 1], expected, atol=1e-6)
        by_distance = [positions.rope_by_distance(q[i].numpy(), k[j].numpy(), i - j + 1)[-1]
                       for j in range(i + 1)]
        turned = np.exp(np.array(by_distance) * 8**-0.5)
        assert np.allclose(found["rope"][i, : i + 1], turned / turned.sum(), atol=1e-6)
    assert all(np.allclose(x.sum(-1), 1, atol=1e-5) for x in found.values())


def test_without_positions_equal_words_are_read_equally_in_the_first_layer(tiny):
    bare = what_if.without_positions(tiny, IDS)
    real = trace.run(tiny, IDS)
    found = what_if.maps(tiny, real, bare, bare, 0, 2)
    assert np.allclose(found["none"][7, 0], found["none"][7, 3], rtol=1e-4)  # the same word
    assert abs(found["learned"][7, 0] / found["learned"][7, 3] - 1) > 1e-3


def test_the_mask_alone_is_blind_to_order_in_one_layer_and_not_in_two(tiny):
    order = what_if.shuffled(len(IDS), 0)
    last = np.arange(len(IDS))
    plain = what_if.last_of(tiny, IDS, what_if.Order(last, last, placed=False))
    mixed = what_if.last_of(tiny, IDS, what_if.Order(order, last, placed=False))
    moved = what_if.compare(plain, mixed).moved  # stations: 0 input, 2 after block 0, 4 …
    assert moved[:3].max() < 1e-5
    assert moved[4:].min() > 1e-3


def test_words_that_keep_their_positions_change_nothing_in_the_first_block(tiny):
    mixed, last = what_if.shuffled(len(IDS), 3), np.arange(len(IDS))
    plain = what_if.last_of(tiny, IDS, what_if.Order(last, last))
    moved = what_if.compare(plain, what_if.last_of(tiny, IDS, what_if.Order(mixed, mixed))).moved
    assert moved[:3].max() < 1e-5 < moved[4:].min()


def test_compare_by_hand():
    stream = np.ones((3, 4))
    before = what_if.Last(stream, torch.log(torch.tensor([0.5, 0.25, 0.25])))
    after = what_if.Last(stream * 3, torch.log(torch.tensor([0.25, 0.25, 0.5])))
    found = what_if.compare(before, after, n_top=1)
    assert found.ids.tolist() == [0, 2]
    assert np.isclose(found.kl_bits, 0.5 * 1 + 0 - 0.25 * 1)
    assert np.allclose(found.moved, 2)
    assert what_if.compare(before, before).kl_bits == 0


@pytest.mark.parametrize("seed", range(5))
def test_shuffling_keeps_the_last_and_always_changes_something(seed):
    for n in (3, 4, 20):
        order = what_if.shuffled(n, seed)
        assert sorted(order) == list(range(n)) and order[-1] == n - 1
        assert order.tolist() != list(range(n))
    with pytest.raises(ValueError, match="3 tokens or more"):
        what_if.shuffled(2, seed)


def test_unshifted_bits_are_the_surprisal(tiny):
    reading = surprisal.read(tiny, trace.run(tiny, IDS))
    assert np.isclose(what_if.bits_when_shifted(tiny, IDS, 0), reading.total.bits_per_token)
    shifted = what_if.bits_when_shifted(tiny, IDS, 56)
    assert np.isfinite(shifted) and shifted != what_if.bits_when_shifted(tiny, IDS, 0)


def test_a_shift_out_of_the_window_is_one_sentence(tiny):
    with pytest.raises(ValueError, match="got 57 to 64.*shift these 8 tokens by at most 56"):
        what_if.run(tiny, IDS, np.arange(8) + 57)
    with pytest.raises(ValueError, match="empty prompt"):
        what_if.run(tiny, IDS[:0])
    with pytest.raises(ValueError, match="2 tokens or more"):
        what_if.bits_when_shifted(tiny, IDS[:1], 0)


def test_shifts_end_where_the_window_ends():
    assert what_if.shifts(8, 64, 5).tolist() == [0, 14, 28, 42, 56]
    assert what_if.shifts(64, 64, 5).tolist() == [0]
    assert what_if.shifts(62, 64, 9).tolist() == [0, 1, 2]
