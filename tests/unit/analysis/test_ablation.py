"""Switching parts off equals taking them out of a copy of the model, and touches nobody else."""

import copy
import threading

import numpy as np
import pytest
import torch

from model.analysis import ablation
from model.analysis.ablation import Off
from model.run import trace

IDS = np.random.default_rng(6).integers(0, 256, 24)


@pytest.fixture(scope="module")
def run(tiny):
    return trace.run(tiny, IDS)


def last_logits(model, ids=IDS):
    with torch.inference_mode():
        return model(torch.as_tensor(ids)[None], logits_to_keep=1).logits[0, -1]


def close(a, b):
    torch.testing.assert_close(a, b, atol=2e-5, rtol=0)


def moved(a, b):
    assert float((a - b).abs().max()) > 1e-3


def test_nothing_off_is_the_untouched_model_bit_for_bit(tiny, stock, run):
    assert torch.equal(ablation.logits(tiny, run, Off(), 23), last_logits(stock))
    assert torch.equal(ablation.logits(tiny, run, Off(), 9), last_logits(stock, IDS[:10]))
    assert torch.equal(ablation.logits(tiny, run, Off(), 23), run.next_logits)


@pytest.mark.parametrize("heads", [{(0, 0)}, {(1, 3)}, {(0, 1), (0, 2), (2, 3)}])
def test_a_head_off_is_a_copy_with_its_output_rows_zeroed(tiny, stock, run, heads):
    other = copy.deepcopy(stock)
    for layer, head in heads:
        other.transformer.h[layer].attn.c_proj.weight[8 * head : 8 * head + 8] = 0
    got = ablation.logits(tiny, run, Off(heads=frozenset(heads)), 23)
    close(got, last_logits(other))
    moved(got, run.next_logits)


def test_an_mlp_off_is_a_copy_that_writes_nothing(tiny, stock, run):
    other = copy.deepcopy(stock)
    other.transformer.h[1].mlp.c_proj.weight[:] = 0
    other.transformer.h[1].mlp.c_proj.bias[:] = 0
    got = ablation.logits(tiny, run, Off(mlps=frozenset({1})), 23)
    close(got, last_logits(other))
    moved(got, run.next_logits)


@pytest.mark.parametrize("layers", [{0}, {1}, {0, 2}])
def test_a_layer_off_is_a_copy_without_the_block(tiny, stock, run, layers):
    other = copy.deepcopy(stock)
    other.transformer.h = torch.nn.ModuleList(
        block for i, block in enumerate(other.transformer.h) if i not in layers
    )
    got = ablation.logits(tiny, run, Off(layers=frozenset(layers)), 23)
    close(got, last_logits(other))


def test_all_layers_off_leave_the_embeddings(tiny, run):
    got = ablation.logits(tiny, run, Off(layers=frozenset({0, 1, 2})), 23)
    with torch.inference_mode():
        expected = trace.final_logits(tiny.model, run.layer_stream(0)[23])
    close(got, expected)


def test_all_heads_the_mlp_and_no_bias_are_the_whole_layer(tiny, run):
    """Every part of a layer off = the layer off, up to the attention's output bias."""
    other = copy.deepcopy(tiny)
    other.model.transformer.h[1].attn.c_proj.bias[:] = 0
    parts = Off(heads=frozenset((1, h) for h in range(4)), mlps=frozenset({1}))
    close(
        ablation.logits(other, run, parts, 23),
        ablation.logits(tiny, run, Off(layers=frozenset({1})), 23),
    )


def test_a_head_at_its_mean_is_a_copy_whose_bias_holds_the_mean(tiny, stock, eager, run):
    with torch.inference_mode():
        maps = eager(torch.as_tensor(IDS)[None], output_attentions=True).attentions[1][0]
        mean = (maps[2] @ run.layer_v(1)[2]).mean(0)  # (D,) of head 2
    other = copy.deepcopy(stock).transformer
    projection = other.h[1].attn.c_proj
    projection.bias += mean @ projection.weight[16:24]
    projection.weight[16:24] = 0
    with torch.inference_mode():
        expected = stock.lm_head(other(torch.as_tensor(IDS)[None]).last_hidden_state[0, -1])
    off = Off(heads=frozenset({(1, 2)}), fill="mean")
    close(ablation.logits(tiny, run, off, 23), expected)


def test_an_mlp_and_a_layer_at_their_means(tiny, stock, run):
    other = copy.deepcopy(stock)
    other.transformer.h[0].mlp.c_proj.weight[:] = 0
    other.transformer.h[0].mlp.c_proj.bias[:] = run.mlp_added(0).mean(0)
    block = other.transformer.h[2]
    for projection in (block.mlp.c_proj, block.attn.c_proj):
        projection.weight[:] = 0
        projection.bias[:] = 0
    block.mlp.c_proj.bias[:] = (run.layer_stream(6) - run.layer_stream(4)).mean(0)
    off = Off(mlps=frozenset({0}), layers=frozenset({2}), fill="mean")
    close(ablation.logits(tiny, run, off, 23), last_logits(other))


def test_the_mean_of_one_token_is_itself(tiny):
    one = trace.run(tiny, [9])
    off = Off(heads=frozenset({(0, 0)}), mlps=frozenset({1}), layers=frozenset({2}), fill="mean")
    close(ablation.logits(tiny, one, off, 0), one.next_logits)


def test_two_threads_do_not_see_each_other(tiny, run):
    """Each thread ablates another part while a third runs the untouched model."""
    jobs = {
        "none": Off(),
        "mlp": Off(mlps=frozenset({0})),
        "rest": Off(heads=frozenset({(2, 1)}), layers=frozenset({1})),
    }
    expected = {name: ablation.logits(tiny, run, off, 23) for name, off in jobs.items()}
    wrong = []

    def work(name):
        for _ in range(40):
            if not torch.equal(ablation.logits(tiny, run, jobs[name], 23), expected[name]):
                wrong.append(name)

    threads = [threading.Thread(target=work, args=(name,)) for name in jobs]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert not wrong
    moved(expected["none"], expected["mlp"])
    assert torch.equal(last_logits(tiny.model), expected["none"])


@pytest.mark.parametrize("fill", ["zero", "mean"])
def test_each_part_alone_equals_one_run_without_it(tiny, run, fill):
    base = ablation.logits(tiny, run, Off(), 15).double().log_softmax(-1)

    def without(**parts):
        parts = {name: frozenset({part}) for name, part in parts.items()}
        after = ablation.logits(tiny, run, Off(**parts, fill=fill), 15)
        return ablation.kl(base, after.double().log_softmax(-1))

    found = dict(ablation.each_alone(tiny, run, 15, fill))
    assert list(found) == [0, 1, 2]
    for layer, effects in found.items():
        expected = [without(heads=(layer, h)) for h in range(4)]
        expected += [without(mlps=layer), without(layers=layer)]
        np.testing.assert_allclose(effects, expected, atol=1e-6, rtol=1e-3)


def test_kl_and_changes_by_hand(tiny):
    before = torch.log(torch.tensor([0.5, 0.25, 0.25]))
    after = torch.log(torch.tensor([0.25, 0.25, 0.5])) + 3.0
    change = ablation.compare(tiny, before, after, k=2)
    assert change.kl_nats == pytest.approx(0.25 * np.log(2))
    assert change.ids.tolist() == [0, 2]
    np.testing.assert_allclose(change.probability_before, [0.5, 0.25], rtol=1e-6)
    np.testing.assert_allclose(change.probability_after, [0.25, 0.5], rtol=1e-6)
    np.testing.assert_allclose(
        change.logit_after - change.logit_before, 3 + np.log([0.5, 2]), rtol=1e-5
    )


def test_the_same_distribution_changes_nothing(tiny, run):
    assert ablation.compare(tiny, run.next_logits, run.next_logits).kl_nats == 0


@pytest.mark.parametrize(
    "off, says",
    [(Off(heads=frozenset({(3, 0)})), r"layers \[3\] .*0 to 2"),
     (Off(heads=frozenset({(0, 4)})), r"heads \[4\].*0 to 3"),
     (Off(mlps=frozenset({-1})), r"layers \[-1\]"), (Off(layers=frozenset({3})), r"layers \[3\]"),
     (Off(fill="random"), "fill 'random'")],
)
def test_parts_that_are_not_there_are_refused(tiny, run, off, says):
    with pytest.raises(ValueError, match=says):
        ablation.logits(tiny, run, off, 23)


def test_nan_is_named(tiny):
    good, bad = torch.zeros(5), torch.tensor([0, 0, float("nan"), 0, 0])
    with pytest.raises(ValueError, match="ablated run"):
        ablation.compare(tiny, good, bad)
    with pytest.raises(ValueError, match="original run"):
        ablation.compare(tiny, bad, good)
