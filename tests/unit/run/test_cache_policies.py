"""Eviction: every policy by hand on ten tokens; dropping = masking; a full budget = no policy."""

import numpy as np
import pytest
import torch

from model.run import cache_budget, generate, trace
from model.run.cache_budget import WithBudget, counted_on, in_the_cache
from model.run.cache_policies import POLICIES, Entries
from tests.unit.run.test_generate import PROMPT, cached, steps

DROPPING = {name: policy for name, policy in POLICIES.items() if name != "stop"}
RECEIVED = [9.0, 1.0, 5.0, 0.5, 7.0, 0.1, 0.2, 3.0, 2.0, 1.0]
LATEST = [0.3, 0.01, 0.05, 0.2, 0.02, 0.1, 0.04, 0.03, 0.15, 0.1]


def ten(heads=1) -> Entries:
    def shape(x):
        return torch.tensor(x).expand(1, heads, 10).clone()

    return Entries(shape(list(range(10))), shape(RECEIVED), shape(LATEST))


def kept(name, room, entries=None, seed=0):
    generator = torch.Generator().manual_seed(seed)
    found = POLICIES[name](entries or ten(), room, generator)
    return found[0, 0].tolist()


@pytest.mark.parametrize(
    "name, room, expected",
    [
        ("slide", 4, [6, 7, 8, 9]),
        ("slide", 1, [9]),
        ("slide", 0, []),
        ("sinks", 6, [0, 1, 2, 3, 8, 9]),
        ("sinks", 3, [0, 1, 2]),
        ("sinks", 0, []),
        ("heavy", 6, [0, 2, 4, 7, 8, 9]),  # newest three; of the others the three largest sums
        ("heavy", 5, [0, 2, 4, 8, 9]),
        ("heavy", 1, [0]),
        ("heavy", 0, []),
        ("least", 9, [0, 2, 3, 4, 5, 6, 7, 8, 9]),  # 1 got least from the newest query
        ("least", 3, [0, 3, 8]),
        ("least", 0, []),
    ],
)
def test_by_hand_on_ten_tokens(name, room, expected):
    assert kept(name, room) == expected


def test_stop_drops_nothing():
    with pytest.raises(ValueError, match="all 10 entries of the cache are taken"):
        kept("stop", 9)


def test_heads_decide_alone_or_together_as_the_papers_say():
    entries = ten(heads=2)
    entries.received[0, 1] = entries.received[0, 1].flip(0)
    entries.latest[0, 1] = torch.tensor([0.0] * 9 + [1.0])
    heavy = POLICIES["heavy"](entries, 2, None)[0].tolist()
    assert heavy == [[0, 9], [5, 9]]  # sums reversed: of 0 to 8 entry 5 (was 7.0 at 4) is largest
    least = POLICIES["least"](entries, 2, None)[0].tolist()
    assert least == [[0, 9], [0, 9]]  # means of both heads: 9 → 0.55, 0 → 0.15


def test_random_is_a_subset_of_the_size_asked_for_repeatable_and_even():
    assert kept("random", 4, seed=1) == kept("random", 4, seed=1) != kept("random", 4, seed=2)
    counts = np.zeros(10)
    generator = torch.Generator().manual_seed(0)
    for _ in range(2000):
        chosen = POLICIES["random"](ten(), 3, generator)[0, 0].tolist()
        assert len(set(chosen)) == 3 and chosen == sorted(chosen)
        counts[chosen] += 1
    np.testing.assert_allclose(counts / 2000, 0.3, atol=0.05)


# -- dropping, in the model ------------------------------------------------------------------------


def budgeted(tiny, names, budget, place=counted_on):
    return WithBudget(tiny, [POLICIES[n] for n in names], budget, place=place, seed=0)


IDS = np.random.default_rng(3).integers(0, 256, 40)


@pytest.mark.parametrize("name", DROPPING)
@pytest.mark.parametrize("budget", [40, 41, 10_000])
def test_a_budget_as_large_as_the_text_changes_nothing(tiny, name, budget):
    free = steps(cached(tiny), PROMPT, 20)
    bound = steps(budgeted(tiny, [name], budget), PROMPT, 20)
    assert [s.token for s in free] == [s.token for s in bound]
    *_, found = cache_budget.with_policies(
        tiny, IDS, {name: POLICIES[name]}, budget, place=counted_on, seed=0
    )
    full = cache_budget.full_context(tiny, IDS)
    np.testing.assert_allclose(found[name].surprisal, full.surprisal, atol=1e-4)
    assert found[name].bits_per_byte == pytest.approx(full.bits_per_byte, abs=1e-5)
    np.testing.assert_array_equal(found[name].held, np.tri(40))


@pytest.mark.parametrize("name", DROPPING)
@pytest.mark.parametrize("budget", [1, 2, 3, 8])
def test_never_more_than_the_budget_and_always_the_newest(tiny, name, budget):
    reader = budgeted(tiny, [name], budget)
    reader.read(IDS[:budget])
    for t in range(budget, 20):
        reader.read(IDS[t : t + 1])
        assert reader.cache.shape == (1, 4, budget, 8)
        assert reader.cache.n_bytes == 3 * 2 * 4 * budget * 8 * 4
        assert (reader.entries.place[..., -1] == t).all()
        assert (reader.entries.place.diff(dim=-1) > 0).all()
        assert reader.held(40)[0].sum() == pytest.approx(budget)


def masked_logits(eager, ids, visible, positions):
    """Plain attention with a mask (T,T) that hides keys from queries: logits (T,V)."""
    mask = torch.zeros(visible.shape).masked_fill(~torch.tensor(visible), torch.finfo().min)
    with torch.inference_mode():
        return eager(
            torch.tensor(ids)[None], attention_mask=mask[None, None],
            position_ids=torch.tensor(positions)[None], use_cache=False,
        ).logits[0]


@pytest.mark.parametrize("place", [counted_on, in_the_cache])
@pytest.mark.parametrize("name, budget", [("slide", 6), ("sinks", 7), ("slide", 1)])
def test_dropping_entries_equals_masking_them(tiny, eager, name, budget, place):
    ids, window = IDS[:30], tiny.model.config.n_positions
    i, j = np.indices((30, 30))
    recent = (j <= i) & (j > i - budget)
    visible = recent if name == "slide" else (
        (j <= i) & ((i < budget) | (j < 4) | (j > i - (budget - 4)))
    )
    positions = [place(t, min(t, budget - 1) if t >= budget else t, window) for t in range(30)]
    expected = masked_logits(eager, ids, visible, positions)
    reader = budgeted(tiny, [name], budget, place)
    logits = [reader.prefill(ids[:budget], budget)]
    logits += [reader.decode(int(token)) for token in ids[budget:]]
    torch.testing.assert_close(torch.cat(logits), expected, atol=1e-4, rtol=1e-4)


def test_what_a_policy_sees_is_the_attention_of_the_eager_model(tiny, eager):
    reader = budgeted(tiny, ["slide"], 40)
    reader.read(IDS[:10])
    for token in IDS[10:20]:
        reader.read([token])
    with torch.inference_mode():
        maps = eager(torch.tensor(IDS[:20])[None], output_attentions=True).attentions
    weights = torch.stack(maps, dim=1)  # (1,L,H,T,T)
    torch.testing.assert_close(reader.entries.received, weights.sum(-2), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(reader.entries.latest, weights[..., -1, :], atol=1e-4, rtol=1e-4)


def test_policies_read_side_by_side_are_as_alone(tiny):
    names = ["slide", "sinks", "heavy", "least"]
    together = budgeted(tiny, names, 7)
    alone = [budgeted(tiny, [name], 7) for name in names]
    for reader in (together, *alone):
        reader.prefill(IDS[:7], 1)
    for token in IDS[7:25]:
        rows = together.decode(int(token))
        for row, reader in zip(rows, alone):
            torch.testing.assert_close(row, reader.decode(int(token))[0], atol=1e-4, rtol=1e-4)
    assert not torch.allclose(rows[0], rows[1], atol=1e-3)


def test_a_prompt_longer_than_the_budget_is_read_and_generation_goes_beyond_the_window(tiny):
    reader = budgeted(tiny, ["sinks"], 16)
    taken = steps(reader, IDS, 60)
    assert len(taken) == 60 and not taken[-1].end and reader.n_read == 99
    assert taken[-1].reading.n_entries == 16


def test_stop_ends_at_the_budget_and_refuses_a_longer_prompt(tiny):
    taken = steps(budgeted(tiny, ["stop"], 10), PROMPT, 50)
    assert len(taken) == 4 and "budget of 10 entries is full" in taken[-1].end
    with pytest.raises(ValueError, match="this policy drops none"):
        steps(budgeted(tiny, ["stop"], 5), PROMPT, 3)
    window = steps(budgeted(tiny, ["stop"], 10_000), PROMPT, 100)
    assert [s.token for s in window] == [s.token for s in steps(cached(tiny), PROMPT, 100)]


@pytest.mark.parametrize("budget", [0, -3])
def test_a_budget_of_nothing_is_refused(tiny, budget):
    with pytest.raises(ValueError, match="at least 1 entry"):
        budgeted(tiny, ["slide"], budget)


# -- positions -------------------------------------------------------------------------------------


def test_positions_count_on_and_stop_at_the_last_row():
    assert [counted_on(t, 5, 8) for t in (0, 6, 7, 8, 100)] == [0, 6, 7, 7, 7]
    assert [in_the_cache(t, n, 8) for t, n in ((0, 0), (3, 3), (90, 4), (90, 9))] == [0, 3, 4, 7]


# -- the price -------------------------------------------------------------------------------------


def test_full_context_is_the_cross_entropy_of_the_stock_model(tiny, stock):
    with torch.inference_mode():
        logits = stock(torch.tensor(IDS)[None]).logits[0, :-1]
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor(IDS[1:]), reduction="sum")
    price = cache_budget.full_context(tiny, IDS)
    assert price.n_bytes == 39  # every token of this tokenizer is one byte
    assert price.bits_per_byte == pytest.approx(float(loss) / np.log(2) / 39, rel=1e-5)


@pytest.mark.parametrize("budget", [1, 5, 38, 39, 40, 64, 999])
def test_re_encoding_reads_every_window_from_position_0(tiny, budget):
    *_, price = cache_budget.re_encoded(tiny, IDS, budget, most=20)
    for t in (1, 2, 5, 20, 39):
        window = IDS[max(0, t - budget) : t]
        logits = generate.recompute(tiny, window)[0]
        expected = -float(logits.double().log_softmax(-1)[IDS[t]]) / np.log(2)
        assert price.surprisal[t - 1] == pytest.approx(expected, abs=1e-4)
    n_windows = max(0, 39 - budget)
    assert price.n_run == min(budget, 40) + n_windows * budget
    np.testing.assert_array_equal(price.held.sum(1), np.minimum(np.arange(1, 41), budget))


def test_slide_equals_re_encoding_where_nothing_is_dropped_and_not_where_something_is(tiny):
    def difference(budget):
        *_, prices = cache_budget.with_policies(
            tiny, IDS, {"slide": POLICIES["slide"]}, budget, place=counted_on, seed=0
        )
        *_, exact = cache_budget.re_encoded(tiny, IDS, budget)
        return np.abs(prices["slide"].surprisal - exact.surprisal)

    assert difference(39).max() < 1e-4
    stale = difference(10)
    assert stale[:10].max() < 1e-4 and stale[10:].max() > 1e-2


def test_a_text_beyond_the_window_is_priced_without_a_full_context(tiny):
    long = np.random.default_rng(1).integers(0, 256, 80)
    *_, prices = cache_budget.with_policies(tiny, long, DROPPING, 64, place=counted_on, seed=0)
    assert all(np.isfinite(p.surprisal).all() and len(p.surprisal) == 79 for p in prices.values())
    with pytest.raises(ValueError, match="the model's window"):
        cache_budget.full_context(tiny, long)


@pytest.mark.parametrize("ids", [[], [5]])
def test_one_token_has_no_price(tiny, ids):
    with pytest.raises(ValueError, match="at least 2 tokens"):
        list(cache_budget.with_policies(tiny, ids, DROPPING, 4, place=counted_on, seed=0))
    with pytest.raises(ValueError, match="at least 2 tokens"):
        cache_budget.full_context(tiny, ids)


def test_two_tokens_have_one(tiny):
    *_, prices = cache_budget.with_policies(tiny, [5, 9], DROPPING, 1, place=counted_on, seed=0)
    expected = trace.run(tiny, [5]).next_logits.double().log_softmax(-1)[9] / -np.log(2)
    assert prices["slide"].surprisal[0] == pytest.approx(float(expected), abs=1e-5)
