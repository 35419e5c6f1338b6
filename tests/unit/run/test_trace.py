"""Identities that make a trace trustworthy: it is the model's own run, whole or from a prefix."""

import threading

import numpy as np
import pytest
import torch

from model.run import trace, turn

IDS = np.random.default_rng(1).integers(0, 256, 40)


@pytest.fixture(scope="module")
def full(tiny):
    return trace.run(tiny, IDS)


def stock_logits(model, ids):
    with torch.inference_mode():
        return model(torch.as_tensor(ids)[None]).logits[0]


def test_logits_equal_the_stock_models(tiny, stock, full):
    expected = stock_logits(stock, IDS)
    with torch.inference_mode():
        last = stock(torch.as_tensor(IDS)[None], logits_to_keep=1).logits[0, -1]
    assert torch.equal(full.next_logits, last)
    torch.testing.assert_close(trace.logits(tiny, full), expected, atol=1e-6, rtol=0)


def test_a_tapped_model_without_a_tap_is_the_stock_model(tiny, stock):
    assert torch.equal(stock_logits(tiny.model, IDS), stock_logits(stock, IDS))


def test_embeddings_start_the_stream(tiny, full):
    body = tiny.model.transformer
    start = body.wte.weight[torch.as_tensor(IDS)] + body.wpe.weight[: len(IDS)]
    assert torch.equal(full.layer_stream(0), start)


def test_attention_and_mlp_sum_to_the_next_residual(tiny, full):
    for i, block in enumerate(tiny.model.transformer.h):
        mlp = block.mlp(block.ln_2(full.layer_stream(2 * i + 1)))
        total = full.layer_stream(2 * i) + full.attention_added(i) + mlp
        torch.testing.assert_close(total, full.layer_stream(2 * i + 2), atol=1e-5, rtol=0)


def test_qkv_are_c_attn_of_the_normed_stream(tiny, full):
    for i, block in enumerate(tiny.model.transformer.h):
        qkv = block.attn.c_attn(block.ln_1(full.layer_stream(2 * i)))
        mine = [x.transpose(0, 1).flatten(1) for x in (full.q[i], full.k[i], full.v[i])]
        torch.testing.assert_close(torch.cat(mine, -1), qkv, atol=1e-5, rtol=0)


@pytest.mark.parametrize("n_old", [1, 17, 39])
def test_a_trace_from_a_prefix_equals_one_from_scratch(tiny, full, n_old):
    grown = trace.run(tiny, IDS, prefix=trace.run(tiny, IDS[:n_old]))
    assert grown.n_run == len(IDS) - n_old
    assert_same(grown, full)


def test_a_shorter_prompt_runs_nothing(tiny, full):
    cut = trace.run(tiny, IDS[:11], prefix=full)
    assert cut.n_run == 0
    assert_same(cut, trace.run(tiny, IDS[:11]))


def test_a_prefix_that_differs_in_the_middle_is_used_up_to_there(tiny, full):
    other = IDS.copy()
    other[25] = (other[25] + 1) % 256
    grown = trace.run(tiny, other, prefix=full)
    assert grown.n_run == 15
    assert_same(grown, trace.run(tiny, other))


def test_typing_token_by_token_equals_one_run(tiny, full):
    grown = None
    for n in range(1, len(IDS) + 1):
        grown = trace.run(tiny, IDS[:n], prefix=grown)
        assert grown.n_run == 1
        assert len(grown.rows) <= 8
    assert_same(grown, full)


def test_prefix_rows_are_shared_not_copied(tiny, full):
    grown = trace.run(tiny, IDS[:30], prefix=full)
    assert grown.rows[0].k[0].data_ptr() == full.rows[0].k[0].data_ptr()


def test_two_threads_do_not_see_each_other(tiny, full):
    other = trace.run(tiny, IDS[::-1])
    seen = {}

    def work(name, ids):
        seen[name] = [trace.run(tiny, ids) for _ in range(20)][-1]

    threads = [
        threading.Thread(target=work, args=pair)
        for pair in (("there", IDS), ("back", IDS[::-1]))
    ]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert_same(seen["there"], full)
    assert_same(seen["back"], other)


def test_a_run_that_nobody_waits_for_ends(tiny, nobody_waits):
    with turn.opened(nobody_waits), pytest.raises(turn.Overtaken):
        trace.run(tiny, IDS)


@pytest.mark.parametrize("ids, says", [
    ([], "empty.* 1 to 64 fit"), ([[1, 2]], r"shape \(1, 2\), and 1 to 64 fit"),
    ([0] * 65, r"shape \(65,\), and 1 to 64 fit"),
    ([257], "257 to 257, and the model has 0 to 256"), ([-1], "-1 to -1, .* 0 to 256"),
])
def test_bad_ids_say_what_is_wrong_and_what_fits(tiny, ids, says):
    with pytest.raises(ValueError, match=says):
        trace.run(tiny, ids)


def test_cache_bytes_count_every_key_and_value(full):
    assert full.cache_bytes == 2 * 3 * 40 * 32 * 4  # K and V, layers, tokens, width, float32


def assert_same(a, b):
    assert np.array_equal(a.ids, b.ids)
    for part in ("q", "k", "v", "stream", "next_logits"):
        torch.testing.assert_close(getattr(a, part), getattr(b, part), atol=2e-5, rtol=0)
