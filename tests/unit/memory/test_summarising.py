"""Summarising: a weighted mean by hand, every origin kept, the budget held, files old and new."""

import json
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from components.memory import told_rows, words
from model.memory import asking, eviction, fusion, held, slots, summarising, telling
from model.memory.settings import from_saved
from model.memory.state import blank, describe, load_state, save_state
from model.memory.variants import modules_of
from model.recall import causal
from model.recall.reads import Place
from model.run import tokens

PROMPTS = ("My name is Ann. I live in Rome.", "It rains.", "He left. She saw him go.", "I am here.")


def settings(**others):
    chosen = {"budget": 24, "slots": 16, "policy": "summarise", "modules": modules_of("gpt2-m")}
    return from_saved(chosen | others)


def told(able, *texts, state=None, **others):
    state = blank(able) if state is None else state
    for text in texts:
        state = telling.tell(able, state, text, settings(**others), now=lambda: 1.0).state
    return state


def places(table) -> list:
    return sorted(place for every in table.places for place in every)


def table(n_sentences=6, size=3, salience=None, sentences_a_prompt=2):
    """Slots of so many sentences of so many tokens."""
    out = slots.empty()
    for s in range(n_sentences):
        score = [1.0] * size if salience is None else salience[s * size : (s + 1) * size]
        out = out.append(slots.written(
            1 + s // sentences_a_prompt, range(s * size, (s + 1) * size), range(size), [s + 1] * size,
            [f"w{s}.{i}" for i in range(size)], [f"sentence {s}"] * size, float(s), score,
        ))
    return out


def folded(full: slots.Slots, rows: torch.Tensor, budget: int):
    group, weight = summarising.groups(full, budget), summarising.weights(full)
    return summarising.folded(full, group), summarising.means(rows, group, weight)


# -- the mean ------------------------------------------------------------------------------------


def test_two_sentences_by_hand():
    full = table(3, 2, salience=[1, 3, 0, 0, 5, 5])
    rows = torch.tensor([[1.0, 0], [5.0, 4.0], [2.0, 2.0], [4.0, 0], [7.0, 7.0], [8.0, 8.0]])
    left, means = folded(full, rows, 4)  # one summary, three others: two sentences leave
    assert left.text.tolist() == ["w0.1 +3", "w2.0", "w2.1"]
    torch.testing.assert_close(means[0], torch.tensor([4.0, 3.0]), atol=1e-5, rtol=0)  # (1·1+3·5)/4
    assert torch.equal(means[1:], rows[4:])
    assert left.salience.tolist() == [1.0, 5.0, 5.0]


def test_without_any_salience_all_weigh_alike():
    rows = torch.tensor([[0.0], [3.0], [6.0], [1.0], [1.0]])
    left, means = folded(table(1, 5, salience=[-2, 0, -9, 0, 0]), rows, 3)
    assert left.n_tokens.tolist() == [3, 1, 1]
    torch.testing.assert_close(means[0], torch.tensor([3.0]))


def test_folding_again_and_again_is_one_weighted_mean_of_all():
    rng = np.random.default_rng(0)
    score, values = rng.random(120) * 9, torch.tensor(rng.normal(size=(120, 4)))
    every, budget = table(40, 3, score), 20
    full, rows = slots.empty(), values[:0]
    for s in range(40):
        full = full.append(every.select(np.arange(3 * s, 3 * s + 3)))
        full, rows = folded(full, torch.cat([rows, values[3 * s : 3 * s + 3]]), budget)
        assert len(full) <= budget
    assert places(full) == places(every)
    for row, own in zip(rows, full.places):
        inside = [i for i, place in enumerate(every.places) if place[0] in own]
        expected = np.average(values[inside].numpy(), axis=0, weights=score[inside])
        np.testing.assert_allclose(row.numpy(), expected, atol=1e-9)


def test_a_slot_that_stays_is_the_same_bit_for_bit():
    full, rows = table(), torch.randn(18, 5, dtype=torch.float16)
    left, means = folded(full, rows, 12)
    alone = np.flatnonzero(left.n_tokens == 1)
    assert len(alone) > 0
    for i in alone:
        assert torch.equal(means[i], rows[full.text.tolist().index(left.text[i])])


# -- who is folded with whom -----------------------------------------------------------------------


@pytest.mark.parametrize("budget", [0, 1, 2, 7, 8, 9, 17])
def test_the_budget_holds_and_no_token_is_lost(budget):
    full = table()
    left, _ = folded(full, torch.randn(18, 2), budget)
    assert len(left) <= budget
    assert places(left) == (places(full) if budget else [])


def test_within_the_budget_nothing_changes():
    assert summarising.groups(table(), 18).tolist() == list(range(18))


def test_at_most_one_slot_of_eight_is_a_summary():
    left, _ = folded(table(40), torch.randn(120, 2), 32)
    assert (left.n_tokens > 1).sum() == 4 == summarising.n_summaries(32)
    newest = left.select(left.n_tokens == 1)
    assert newest.block.min() == 32 and newest.block.max() == 40  # nine whole sentences


def test_sentences_of_one_prompt_are_folded_before_those_of_two():
    left, _ = folded(table(6, 4, sentences_a_prompt=2), torch.randn(24, 2), 16)  # two summaries
    several = left.select(left.n_tokens > 1)
    prompts = [{origin.prompt for origin in every} for every in several.origins]
    assert prompts == [{1}, {2}]


def test_a_sentence_that_is_too_long_alone_is_cut_at_its_start():
    left, _ = folded(table(1, 20), torch.randn(20, 2), 8)
    assert left.n_tokens.tolist() == [13] + [1] * 7
    assert left.position.tolist()[1:] == list(range(13, 20))


def test_pinned_slots_stay_untouched_while_they_fit():
    full = table().pin(0, True)
    left, _ = folded(full, torch.randn(18, 2), 8)
    assert left.text.tolist()[:3] == ["w0.0", "w0.1", "w0.2"] and len(left) <= 8
    assert left.pinned.tolist() == [True] * 3 + [False] * (len(left) - 3)
    assert places(left) == places(full)


def test_a_pinned_summary_is_not_folded_again():
    once, _ = folded(table(), torch.randn(18, 2), 8)
    once = once.pin(0, True)
    twice, _ = folded(once.append(table(8).select(slice(18, 24))), torch.randn(14, 2), 8)
    assert twice.origins[0] == once.origins[0] and twice.pinned[0]


def test_where_pinned_slots_fill_the_budget_the_rest_leaves():
    full = table()
    full = replace(full, pinned=full.block <= 2)
    left, _ = folded(full, torch.randn(18, 2), 6)
    assert left.pinned.all() and len(left) == 6
    smaller, _ = folded(full, torch.randn(18, 2), 4)  # more pinned ones than slots: they fold too
    assert len(smaller) <= 4 and places(smaller) == places(full)


def test_reads_are_summed_and_a_prompt_counts_once():
    full = table(2, 2).read(np.array([0.5, 0.25, 0, 0])).read(np.array([0.125, 0, 0, 0]))
    left, _ = folded(full, torch.randn(4, 1), 3)
    assert left.total_read.tolist() == [0.875, 0, 0]
    assert left.last_read.tolist() == [0.125, 0, 0] and left.n_reads.tolist() == [2, 0, 0]


def test_ten_thousand_tokens_take_a_moment():
    start, full = time.thread_time(), slots.empty()
    rows = torch.zeros(0, 8)
    every = table(2000, 5)
    for s in range(0, 2000, 10):
        full = full.append(every.select(np.arange(5 * s, 5 * s + 50)))
        full, rows = folded(full, torch.cat([rows, torch.randn(50, 8)]), 512)
    at_once, _ = folded(every, torch.randn(10_000, 8), 512)
    assert len(full) <= 512 and len(at_once) <= 512 and full.n_tokens.sum() == 10_000
    assert time.thread_time() - start < 20


# -- both stores -----------------------------------------------------------------------------------


@pytest.mark.parametrize("budget", [0, 1, 10])
def test_both_stores_are_bounded_and_can_be_asked(able, budget):
    state = told(able, *PROMPTS, budget=budget, slots=budget)
    assert len(state.bank) <= budget and len(state.external) <= budget
    n_told = sum(len(tokens.encode(able.tokenizer, text)) for text in PROMPTS)
    assert state.n_evicted == n_told - len(state.bank)
    assert state.external.n_evicted == n_told - len(state.external)
    ids = tokens.encode(able.tokenizer, "Where do I live?")
    asked = asking.ask(able, state, ids, settings())
    assert asked.trace.next_logits.isfinite().all()
    assert len(asking.after_reading(able, state, asked).bank) == len(state.bank)


def test_the_bank_holds_the_weighted_mean_of_its_keys(able):
    everything = told(able, *PROMPTS, budget=512, slots=512, score="surprisal")
    state = told(able, *PROMPTS, score="surprisal")
    whole, few = everything.bank, state.bank
    at = {place: i for i, (place,) in enumerate(whole.slots.places)}
    for slot, own in enumerate(few.slots.places):
        inside = [at[place] for place in own]
        weight = np.maximum(whole.slots.salience[inside], summarising.LEAST)
        for x, y in ((few.keys, whole.keys), (few.values, whole.values)):
            mean = np.average(y[:, :, inside].numpy(), axis=2, weights=weight)
            np.testing.assert_allclose(x[:, :, slot].numpy(), mean, atol=1e-5)


def test_a_token_is_found_in_the_other_store_through_its_summary(able):
    state = told(able, *PROMPTS, slots=512)
    single = state.external.slots
    weight = np.where((single.prompt == 1) & (single.position == 0), 0.5, 0.0)
    found = slots.by_place(single, weight, state.bank.slots)
    holds = [(1, 0) in own for own in state.bank.slots.places]
    assert found.tolist() == np.where(holds, 0.5, 0.0).tolist() and sum(holds) == 1
    back = slots.by_place(state.bank.slots, found, single)
    own = state.bank.slots.places[holds.index(True)]
    assert [b > 0 for b in back] == [place[0] in own for place in single.places]


def test_forgetting_a_token_takes_its_summary_along(able):
    state = told(able, *PROMPTS)
    left = causal.without(state, [Place(1, 0)])
    for table_left, full in ((left.bank.slots, state.bank.slots),
                             (left.external.slots, state.external.slots)):
        assert (1, 0) in places(full) and (1, 0) not in places(table_left)
    assert 1 not in {p for p, _ in places(causal.without_prompt(state, 1).bank.slots)}
    head = Place(int(state.bank.slots.prompt[0]), int(state.bank.slots.position[0]))
    assert len(causal.only(state, [head]).bank) == 1
    with pytest.raises(ValueError, match="is in a summary"):
        causal.edit(able, state, head, "x", settings())


# -- files ------------------------------------------------------------------------------------------


def test_a_file_keeps_every_origin(able, tmp_path):
    state = told(able, *PROMPTS)
    save_state(state, tmp_path / "a.memory")
    back = load_state(tmp_path / "a.memory", able)
    for one, other in ((back.bank, state.bank), (back.external, state.external)):
        assert slots.to_columns(one.slots) == slots.to_columns(other.slots)
        assert torch.equal(one.keys, other.keys)
    more = [told(able, "And so on.", state=each) for each in (state, back)]
    assert slots.to_columns(more[0].bank.slots) == slots.to_columns(more[1].bank.slots)
    json.dumps(describe(tmp_path / "a.memory"))


def test_a_table_from_before_there_were_summaries_has_none():
    columns = slots.to_columns(table())
    del columns["origins"]
    assert slots.from_columns(columns).places == table().places


@pytest.mark.parametrize("damage", [3, [[1]], [[1, [1], [2], ["a"], [0.5]]], [["x", [1], [2], ["a"], [1], "b"]],
                                    [[1, [1, 2], [2], ["a"], [1], "b"]], [[1, [], [], [], [], "b"]]])
def test_a_damaged_origin_is_said(damage):
    columns = slots.to_columns(table())
    columns["origins"][2] = damage
    with pytest.raises(ValueError, match="damaged"):
        slots.from_columns(columns)


# -- what is shown ------------------------------------------------------------------------------------


def test_the_words_of_a_summary_are_told_and_shown():
    left, _ = folded(table(), torch.randn(18, 2), 8)
    assert words.summary_title(left, 0) == f"A summary of {left.n_tokens[0]} tokens from " + (
        f"{len(left.origins[0])} sentences")
    shown = words.origins(left, 0)
    assert "w0.0w0.1w0.2" in shown and "prompt 1" in shown and "0 to 2" in shown
    rows = told_rows.rows(("a b c d e f",), left, np.array([0]), str.split)
    assert [word["s"] for word in rows[0]["words"]] == [0] * 6


def test_every_list_of_policies_has_it():
    assert eviction.NAMES[-1] == "summarise"
    full = fusion.Bank(torch.randn(1, 1, 18, 2), torch.randn(1, 1, 18, 2), table())
    assert len(fusion.evict(full, 9, "summarise", None)) <= 9
    edm = held.Held(torch.randn(18, 2), torch.randn(18, 2), torch.randn(18), table())
    assert held.evict(edm, 9, "summarise", None).n_evicted >= 9
