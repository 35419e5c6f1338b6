"""Generation: cached = uncached, ours = transformers', and every way it can end."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from model.analysis import cost, step_times
from model.run import generate, tap, trace
from model.run.cache import FIRST_RESERVE, KVCache
from model.run.sampling import SamplingSettings
from tests.conftest import byte_tokenizer, random_gpt2

GREEDY = SamplingSettings(temperature=0)
PROMPT = np.array([72, 101, 108, 108, 111, 44, 32])


def steps(reader, ids, n, settings=GREEDY, seed=0, end_tokens=()):
    generator = torch.Generator().manual_seed(seed)
    return list(generate.generate(
        reader, ids, n, settings=settings, generator=generator, end_tokens=end_tokens
    ))


def cached(checkpoint):
    return generate.WithCache(checkpoint, KVCache(checkpoint.model.config.n_layer))


@pytest.mark.parametrize("settings", [GREEDY, SamplingSettings(1.3, 20, 0.9)])
def test_with_cache_equals_without_token_by_token(tiny, settings):
    with_cache = steps(cached(tiny), PROMPT, 50, settings)
    without = steps(generate.WithoutCache(tiny), PROMPT, 50, settings)
    assert [s.token for s in with_cache] == [s.token for s in without]
    assert len(with_cache) == 50
    for a, b in zip(with_cache, without):
        torch.testing.assert_close(a.reading.logits, b.reading.logits, atol=1e-4, rtol=0)
        assert a.probability == pytest.approx(b.probability, abs=1e-5)


def test_greedy_equals_transformers_generate(tiny, stock):
    theirs = stock.generate(
        torch.tensor(PROMPT)[None], max_new_tokens=40, do_sample=False, eos_token_id=None,
        pad_token_id=0,
    )[0, len(PROMPT):]
    assert [s.token for s in steps(cached(tiny), PROMPT, 40)] == theirs.tolist()


def test_prefill_and_decode_are_told_apart_and_the_cache_grows_by_one(tiny):
    read = [s.reading for s in steps(cached(tiny), PROMPT, 4)]
    assert [r.phase for r in read] == ["prefill", "decode", "decode", "decode"]
    assert [r.n_read for r in read] == [7, 1, 1, 1]
    assert [r.n_entries for r in read] == [7, 8, 9, 10]
    assert np.diff([r.cache_bytes for r in read]).tolist() == [3 * 2 * 32 * 4] * 3
    without = [s.reading for s in steps(generate.WithoutCache(tiny), PROMPT, 3)]
    assert [(r.phase, r.n_read, r.cache_bytes) for r in without] == [
        ("recompute", 7, 0), ("recompute", 8, 0), ("recompute", 9, 0)
    ]


def test_the_live_cache_holds_the_keys_and_values_of_a_trace(tiny):
    reader = cached(tiny)
    drawn = [s.token for s in steps(reader, PROMPT, 5)]
    expected = trace.run(tiny, [*PROMPT, *drawn[:-1]])
    for i, layer in enumerate(reader.cache.layers):
        torch.testing.assert_close(layer.keys[0], expected.layer_k(i), atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(layer.values[0], expected.layer_v(i), atol=1e-4, rtol=1e-4)


def test_the_rows_of_all_steps_are_the_rows_of_a_trace(tiny):
    taken = steps(cached(tiny), PROMPT, 5)
    ids = [*PROMPT, *(s.token for s in taken[:-1])]
    rows = tuple(s.reading.rows for s in taken)
    grown = trace.Trace(np.array(ids), rows, taken[-1].reading.logits, 0)
    expected = trace.run(tiny, ids)
    torch.testing.assert_close(grown.stream, expected.stream, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(grown.q, expected.q, atol=1e-4, rtol=1e-4)


def test_the_caller_owns_the_cache_and_can_go_on_with_it(tiny):
    whole = [s.token for s in steps(cached(tiny), PROMPT, 12)]
    reader = cached(tiny)
    first = [s.token for s in steps(reader, PROMPT, 5)]
    rest = [s.token for s in steps(reader, [first[-1]], 7)]
    assert first + rest == whole


def test_a_seed_gives_the_same_text_and_another_seed_another(tiny):
    def once(seed):
        return [s.token for s in steps(cached(tiny), PROMPT, 20, SamplingSettings(), seed)]

    assert once(1) == once(1) != once(2)


def test_it_stops_where_the_window_ends_and_says_so(tiny):
    taken = steps(cached(tiny), PROMPT, 1000)
    assert len(taken) == 64 - 7 + 1  # 64 positions read, one more token drawn
    assert "64 positions is full" in taken[-1].end and not taken[-2].end
    assert taken[-1].reading.n_entries == 64
    again = steps(generate.WithoutCache(tiny), PROMPT, 1000)
    assert [s.token for s in again] == [s.token for s in taken] and again[-1].end == taken[-1].end


def test_a_prompt_that_fills_the_window_gets_one_token(tiny):
    ids = np.arange(64)
    (only,) = steps(cached(tiny), ids, 5)
    assert "full" in only.end
    with pytest.raises(ValueError, match="65 tokens, and at most 64 tokens fit the model's window"):
        steps(cached(tiny), np.arange(65), 1)
    with pytest.raises(ValueError, match="at most 64 tokens"):
        steps(generate.WithoutCache(tiny), np.arange(65), 1)


def test_it_stops_at_the_end_of_text_token_and_not_when_the_prompt_holds_one(tiny):
    free = [s.token for s in steps(cached(tiny), PROMPT, 10)]
    end = free[4]
    taken = steps(cached(tiny), PROMPT, 10, end_tokens={end})
    assert [s.token for s in taken] == free[: free.index(end) + 1]
    assert taken[-1].end == generate.END_OF_TEXT
    with_end = np.array([72, 256, 105])  # 256 is <|endoftext|>
    assert len(steps(cached(tiny), with_end, 3)) == 3


def test_no_tokens_wanted_no_prompt_and_a_negative_number(tiny):
    assert steps(cached(tiny), PROMPT, 0) == []
    with pytest.raises(ValueError, match="no prompt to continue. Type"):
        steps(cached(tiny), [], 3)
    with pytest.raises(ValueError, match="0 or more tokens"):
        steps(cached(tiny), PROMPT, -1)


def broken(value, where):
    model = random_gpt2()
    where(model).fill_(value)
    tap.attach(model)
    return SimpleNamespace(model=model, tokenizer=byte_tokenizer(), fingerprint="broken")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_broken_tensor_is_named_and_nothing_is_drawn(value):
    damaged = broken(value, lambda m: m.transformer.h[1].mlp.c_proj.bias[3:4])
    with pytest.raises(ValueError, match="residual stream of block 2, before its attention"):
        steps(cached(damaged), PROMPT, 3)
    with pytest.raises(ValueError, match="logits"):
        steps(generate.WithoutCache(damaged), PROMPT, 3)
    final = broken(value, lambda m: m.transformer.ln_f.bias[:1])
    with pytest.raises(ValueError, match="the logits"):
        steps(cached(final), PROMPT, 3)


def test_recompute_neither_reads_nor_keeps_a_cache(tiny, stock):
    ids = np.arange(20)
    with torch.inference_mode():
        expected = stock(torch.tensor(ids)[None]).logits[0]
    anew = generate.recompute(tiny, ids, 5)
    torch.testing.assert_close(anew, expected[-5:], atol=1e-5, rtol=1e-5)


# -- the cache -----------------------------------------------------------------------------------


def test_the_reserve_grows_without_changing_what_is_held():
    cache, parts = KVCache(2), []
    for n in (3, FIRST_RESERVE, 1, 200):
        parts.append(torch.randn(2, 2, 4, n, 8))
        for layer in range(2):
            held = cache.update(parts[-1][0], parts[-1][1], layer)
    whole = torch.cat(parts, dim=3)
    assert torch.equal(held[0], whole[0]) and torch.equal(held[1], whole[1])
    assert cache.shape == (2, 4, 268, 8) and cache.n_entries == 268
    assert cache.n_bytes == 2 * 2 * 2 * 4 * 268 * 8 * 4
    assert cache.n_bytes <= cache.reserved_bytes < 2 * cache.n_bytes


def test_kept_entries_are_those_asked_for_head_by_head():
    cache = KVCache(2)
    k, v = torch.randn(2, 1, 3, 5, 4)
    for layer in range(2):
        cache.update(k + layer, v + layer, layer)
    kept = torch.tensor([[[0, 2], [1, 4], [3, 4]], [[0, 1], [0, 1], [2, 3]]])[None]  # (1,2,3,2)
    cache.keep(kept)
    assert cache.shape == (1, 3, 2, 4)
    assert torch.equal(cache.layers[0].keys[0, 1], k[0, 1, [1, 4]])
    assert torch.equal(cache.layers[1].values[0, 2], v[0, 2, [2, 3]] + 1)
    cache.update(k[:, :, :1], v[:, :, :1], 0)  # and it goes on growing from there
    assert torch.equal(cache.layers[0].keys[0, 1], k[0, 1, [1, 4, 0]])


def test_an_empty_cache_has_no_bytes():
    assert (KVCache(3).n_bytes, KVCache(3).reserved_bytes, KVCache(3).shape) == (0, 0, (0, 0, 0, 0))


# -- what a step costs -----------------------------------------------------------------------------


class Counter:
    """Multiply–adds of a pass from the shapes that really went through it."""

    def __init__(self, model):
        self.dense, self.attention = 0, 0
        modules = [x for b in model.transformer.h for x in (b.attn.c_attn, b.attn.c_proj,
                                                            b.mlp.c_fc, b.mlp.c_proj)]
        self.hooks = [m.register_forward_hook(self._see) for m in [*modules, model.lm_head]]

    def _see(self, module, inputs, output):
        self.dense += inputs[0][..., 0].numel() * module.weight.numel()

    def see_attention(self, query, key, value):
        (_, H, t, D), S = query.shape, key.shape[2]
        seen = torch.ones(t, S).tril(S - t).sum()
        self.attention += int(2 * H * D * seen)  # q·k and weights·v


@pytest.mark.parametrize("n_new, n_before", [(1, 0), (1, 30), (12, 0)])
def test_counted_work_equals_a_count_from_the_shapes(tiny, n_new, n_before):
    cache = KVCache(3)
    if n_before:
        generate.WithCache(tiny, cache).read(np.arange(n_before))
    counter = Counter(tiny.model)
    with torch.inference_mode():
        tiny.model(
            torch.arange(n_new)[None], past_key_values=cache, use_cache=True, logits_to_keep=1,
            tap=counter,
        )
    for hook in counter.hooks:
        hook.remove()
    work = cost.work(tiny.model.config, n_new, n_before)
    assert work.attention == counter.attention
    assert work.total == counter.attention + counter.dense


def test_a_step_grows_linearly_with_the_cache_and_quadratically_without():
    config = random_gpt2().config
    with_cache = [cost.with_cache(config, t).total for t in (10, 20, 30)]
    without = [cost.without_cache(config, t).total for t in (10, 20, 30, 40)]
    assert np.diff(with_cache, n=2).tolist() == [0] and np.diff(with_cache)[0] > 0
    assert (np.diff(without, n=2) > 0).all() and np.diff(without, n=3).tolist() == [0]
    assert cost.with_cache(config, 1) == cost.without_cache(config, 1)


def test_measured_both_ways_agree_and_nothing_stays_behind(tiny):
    timings = list(step_times.measure(tiny, np.arange(40), [2, 20, 40], repeats=2))
    assert [t.t for t in timings] == [2, 20, 40]
    assert all(t.with_ms > 0 and t.without_ms > 0 and t.error < 1e-4 for t in timings)


def test_the_pace_of_steps_is_found_again():
    assert cost.pace([10, 200, 3000], [2, 40, 600]) == cost.Pace(0.0, pytest.approx(5))
    with_start = cost.pace([10, 200, 3000], [7, 45, 605])
    assert with_start == cost.Pace(pytest.approx(5), pytest.approx(5))
    assert with_start.ms(np.array([10, 3000])) == pytest.approx([7, 605])
    assert cost.pace([10, 200, 3000], [3, 3, 3]).ms(np.array([1, 9000])) == pytest.approx([3, 3])
    assert step_times.lengths(64, 4) == [2, 23, 43, 64]


def test_the_fitted_line_runs_through_the_dots_where_starting_a_step_costs_most():
    work = np.array([1e6, 2e7, 9e7, 4e8])
    dots = 4 + work / 5e6
    assert cost.pace(work, dots).ms(work) == pytest.approx(dots)
    faster = np.array([9.0, 4, 4, 3])  # a longer step that is quicker: a start, and no slope
    assert cost.pace(work, faster).per_ms == float("inf")
    assert cost.pace(work, work / 5e6 - 0.1).start_ms == 0
