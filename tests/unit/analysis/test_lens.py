"""The lens is the model's own head on every row; its last row is the model's answer."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from model.analysis import ablation, attribution, neurons
from model.analysis import lens as lenses
from model.run import trace

IDS = np.random.default_rng(4).integers(0, 256, 50)


@pytest.fixture(scope="module")
def run(tiny):
    return trace.run(tiny, IDS)


@pytest.fixture(scope="module")
def plain(tiny, run):
    """All logits at once, (L+1,T,V) float64, with nothing clever."""
    with torch.inference_mode():
        body = tiny.model.transformer
        rows = [tiny.model.lm_head(body.ln_f(run.layer_stream(2 * i))) for i in range(4)]
    return torch.stack(rows).double().numpy()


@pytest.mark.parametrize("rows", [7, 64])
def test_every_cell_equals_the_plain_computation(tiny, run, plain, rows, monkeypatch):
    monkeypatch.setattr(lenses, "ROWS", rows)
    lens = lenses.lens(tiny, run)
    p = np.exp(plain - plain.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    assert np.array_equal(lens.ids, plain.argmax(-1))
    np.testing.assert_allclose(lens.probability, p.max(-1), rtol=1e-5)
    final = plain[-1].argmax(-1)
    check(lens.final_probability, lens.final_rank, plain, p, final, slice(0, 50))
    check(lens.came_probability, lens.came_rank, plain, p, IDS[1:], slice(0, 49))


def check(probability, rank, plain, p, target, columns):
    n = len(target)
    at = np.arange(n)
    expected = plain[:, at, target]
    ranks = (plain[:, :n] > expected[..., None]).sum(-1) + 1
    assert np.array_equal(rank[:, columns], ranks)
    np.testing.assert_allclose(probability[:, columns], p[:, at, target], rtol=1e-4)


def test_the_last_row_is_the_models_answer(tiny, stock, run):
    lens = lenses.lens(tiny, run)
    with torch.inference_mode():
        probability = stock(torch.as_tensor(IDS)[None]).logits[0].softmax(-1)
    assert np.array_equal(lens.ids[-1], probability.argmax(-1))
    np.testing.assert_allclose(lens.probability[-1], probability.amax(-1), atol=1e-6)
    assert (lens.final_rank[-1] == 1).all()
    np.testing.assert_array_equal(lens.final_probability[-1], lens.probability[-1])


def test_nothing_came_after_the_last_token(tiny, run):
    lens = lenses.lens(tiny, run)
    assert np.isnan(lens.came_probability[:, -1]).all() and (lens.came_rank[:, -1] == 0).all()
    assert not np.isnan(lens.came_probability[:, :-1]).any() and lens.came_rank[:, :-1].min() > 0


def test_a_window_is_a_part_of_the_whole(tiny, run):
    whole, part = lenses.lens(tiny, run), lenses.lens(tiny, run, 16, 32)
    assert part.start == 16 and part.ids.shape == (4, 16)
    assert np.array_equal(part.ids, whole.ids[:, 16:32])
    assert np.array_equal(part.came_rank, whole.came_rank[:, 16:32])
    np.testing.assert_allclose(part.came_probability, whole.came_probability[:, 16:32], rtol=1e-4)


def test_one_token(tiny):
    lens = lenses.lens(tiny, trace.run(tiny, [3]))
    assert lens.ids.shape == (4, 1) and np.isnan(lens.came_probability).all()


def test_top_tokens_of_a_cell(tiny, run, plain):
    top = lenses.top_tokens(tiny, run, 2, 11, 20)
    assert np.array_equal(top.ids, plain[2, 11].argsort()[::-1][:20])
    np.testing.assert_allclose(top.logit, np.sort(plain[2, 11])[::-1][:20], rtol=1e-5)
    assert top.probability.sum() + top.rest == pytest.approx(1)
    last = lenses.top_tokens(tiny, run, 3, 49, 1)
    assert last.ids[0] == int(run.next_logits.argmax())


def test_a_stream_that_is_not_finite_is_named(tiny):
    run = trace.run(tiny, IDS[:5])
    with torch.inference_mode():
        run.rows[0].stream[4][2, 0] = float("inf")
    with pytest.raises(ValueError, match="after the MLP of layer 1"):
        lenses.lens(tiny, run)
    with pytest.raises(ValueError, match="after the MLP of layer 1"):
        lenses.top_tokens(tiny, run, 2, 2, 5)


@pytest.fixture(scope="module")
def damaged(tiny):
    """The tiny model with one token's row NaN, a token that the prompt does not have; its trace."""
    absent = min(set(range(256)) - set(IDS.tolist()))
    model = copy.deepcopy(tiny.model)
    model.transformer.wte.weight[absent] = float("nan")
    checkpoint = SimpleNamespace(**vars(tiny) | {"model": model})
    return checkpoint, trace.run(checkpoint, IDS)


@pytest.mark.parametrize("read", [
    lambda *run: lenses.lens(*run),
    lambda *run: lenses.top_tokens(*run, 1, 9, 5),
    lambda *run: list(ablation.each_alone(*run, 9, "zero")),
    lambda *run: attribution.attribute(*run, 9, 3),
    lambda *run: neurons.describe(*run, 1, 9, [0, 5]),
], ids=["lens", "top_tokens", "each_alone", "attribute", "describe"])
def test_a_logit_that_is_not_finite_is_no_number(damaged, read):
    with pytest.raises(ValueError, match="(?s)finite.*NaN"):
        read(*damaged)


def test_the_best_words_of_a_token_are_the_lens_s_column(tiny, run):
    ids, probability = lenses.best_words(tiny, run, 13)
    whole = lenses.lens(tiny, run)
    np.testing.assert_array_equal(ids, whole.ids[:, 13])
    np.testing.assert_allclose(probability, whole.probability[:, 13], rtol=1e-5)
