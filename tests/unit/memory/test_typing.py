"""While a prompt is typed, an ask takes over the rows of the ask before: same numbers, fewer rows."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from model.memory import asking, telling
from model.memory.settings import from_saved
from model.memory.spread import spread
from model.memory.state import blank
from model.memory.variants import MODULES, modules_of
from model.run import tokens
from model.run.trace import common_prefix, run

TOLD = ("My name is Ann.", "I live in Rome. It rains.", "The dog is called Bo.")
QUESTION = "Where do I live? The dog"
TYPED = [  # letter by letter, letters out of the middle, another middle, another question, on
    *(QUESTION[:n] for n in range(1, len(QUESTION) + 1)),
    "Where do I ? The dog", "Where do I eat? The dog", "Where do I eat? The d", "What", "What rains",
]
SETS = [frozenset({name}) for name in MODULES] + [modules_of("gpt2-m"), frozenset({"edm", "am"})]


@pytest.fixture(scope="module")
def state(able):
    found = blank(able)
    for text in TOLD:
        everything = from_saved({"modules": frozenset(MODULES), "slot_threshold": -99.0})
        found = telling.tell(able, found, text, everything, now=lambda: 1.0).state
    return found


def typed(checkpoint, state, settings, texts=TYPED):
    """(asked behind the ask before, asked for itself) of every text."""
    before = None
    for text in texts:
        ids = tokens.encode(checkpoint.tokenizer, text)
        before = asking.ask(checkpoint, state, ids, settings, before)
        yield before, asking.ask(checkpoint, state, ids, settings)


def runs_of(asked):
    """An ask's runs by what they read: the whole bank; nothing stored in slots; the EDM alone; what
    was retrieved, with the EDM and without. None: no such run is kept."""
    passes, now = asked.passes, asked.passes.trained[-1]
    found = [t for t in passes.kept if t.reading is not None and t.reading is not passes.whole]
    return SimpleNamespace(
        first=passes.run_of(passes.whole, now.graft), without=passes.run_of(None, now.others),
        left_out=passes.run_of(None, now.graft),
        found=next((t for t in found if t.graft is now.graft), None),
        alone=next((t for t in found if t.graft is now.others), None),
    )


def check_same(fast, full):
    assert np.array_equal(fast.kept, full.kept)
    assert fast.relevance == pytest.approx(full.relevance, abs=1e-5)
    assert fast.moved == (None if full.moved is None else pytest.approx(full.moved, abs=1e-5))
    assert np.array_equal(fast.trace.ids, full.trace.ids)
    torch.testing.assert_close(fast.trace.next_logits, full.trace.next_logits, atol=1e-5, rtol=0)
    torch.testing.assert_close(fast.trace.stream, full.trace.stream, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("modules", SETS, ids=["+".join(sorted(x)) for x in SETS])
def test_typing_gives_the_numbers_of_the_full_passes(able, state, modules):
    settings = from_saved({"modules": modules, "needed": 1e-3, "n_retrieved": 1})
    for fast, full in typed(able, state, settings):
        check_same(fast, full)


@pytest.mark.parametrize("positions", ["parallel", "continue", "restart", "replay"])
@pytest.mark.parametrize("unit", ["sentence", "all"])
def test_typing_at_all_positions(able, state, positions, unit):
    settings = from_saved({"modules": frozenset({"am", "edm"}), "needed": 0.0, "unit": unit,
                           "positions": positions, "n_retrieved": 1, "strength": 0.5})
    for fast, full in typed(able, state, settings, TYPED[-12:]):
        check_same(fast, full)


def test_retrieval_that_changes_and_a_veto_that_comes_and_goes(able, state):
    always = from_saved({"modules": modules_of("gpt2-m"), "needed": 1e-9, "n_retrieved": 1})
    asked = [full for _, full in typed(able, state, always)]
    assert len({x.kept.tobytes() for x in asked}) > 1
    settings = always.with_fusion(needed=float(np.median([x.moved for x in asked])))
    kept = []
    for fast, full in typed(able, state, settings):
        check_same(fast, full)
        kept.append(len(fast.kept))
    assert 0 < np.count_nonzero(kept) < len(kept)


@pytest.mark.parametrize("needed", [0.0, 1e-9, 1.0])
def test_a_key_at_the_end_runs_one_row_of_each_pass(able, state, needed):
    settings = from_saved({"modules": modules_of("gpt2-m"), "needed": needed, "unit": "prompt",
                           "n_retrieved": 2, "fits": 0.0})
    ids = tokens.encode(able.tokenizer, QUESTION)
    before = asking.ask(able, state, ids[:-1], settings)
    now = asking.ask(able, state, ids, settings, before)
    assert np.array_equal(before.kept, now.kept)
    assert now.trace.n_run == runs_of(now).first.n_run == 1
    assert needed == 0.0 or runs_of(now).without.n_run == 1


def test_a_run_that_nothing_is_read_of_is_not_made(able, state):
    """Whether what was retrieved moves the prediction is seen without the EDM; if it does not, the
    run that reads it with the EDM is never made."""
    settings = from_saved({"modules": modules_of("gpt2-m"), "needed": 1.0, "unit": "prompt"})
    ids = tokens.encode(able.tokenizer, QUESTION)
    before = asking.ask(able, state, ids[:-1], settings)
    assert before.moved < 1 and not runs_of(before).found and len(before.passes.runs) == 4
    (ahead,), _ = asking.go_on(able, ids, [before])
    every = runs_of(ahead)
    made = (every.first, every.alone, every.without, every.left_out)
    assert {len(t) for t in made} == {len(ids) + 1} and {t.n_run for t in made} == {1}
    always = settings.with_fusion(needed=0.0)
    assert len(asking.ask(able, state, ids, always).passes.runs) == 2


def test_another_memory_or_other_settings_are_asked_anew(able, state):
    settings = from_saved({"modules": frozenset({"am"}), "needed": 0.0})
    ids = tokens.encode(able.tokenizer, QUESTION)
    before = asking.ask(able, state, ids, settings)
    other = replace(state, bank=replace(state.bank))
    assert asking.ask(able, other, ids, settings, before).passes.runs[0].n_run == len(ids) + 1
    strong = settings.with_fusion(strength=1.0)
    again = asking.ask(able, state, ids, strong, before)
    check_same(again, asking.ask(able, state, ids, strong))


def test_the_plain_run_is_that_of_a_blank_memory(able):
    before = None
    for text in TYPED:
        ids = tokens.encode(able.tokenizer, text)
        before = asking.plain(able, ids, before)
        full = asking.ask(able, blank(able), ids, from_saved({})).trace
        torch.testing.assert_close(before.next_logits, full.next_logits, atol=1e-5, rtol=0)
        stock = run(able, np.r_[able.tokenizer.bos_token_id, ids]).next_logits
        assert torch.equal(full.next_logits, stock)


@pytest.mark.parametrize("positions", ["parallel", "continue"])
def test_runs_of_several_asks_made_in_one_batch(able, state, positions):
    every = [from_saved({"modules": modules, "needed": 1e-3, "n_retrieved": 1,
                         "positions": positions}) for modules in SETS]
    before, plain = [], None
    for text in TYPED:
        ids = tokens.encode(able.tokenizer, text)
        before, plain = asking.go_on(able, ids, before, plain)
        plain = asking.plain(able, ids, plain)
        earlier = before or [None] * len(every)
        before = [asking.ask(able, state, ids, own, x) for own, x in zip(every, earlier)]
        for own, fast in zip(every, before):
            check_same(fast, asking.ask(able, state, ids, own))
        full = asking.plain(able, ids)
        torch.testing.assert_close(plain.next_logits, full.next_logits, atol=1e-5, rtol=0)
        torch.testing.assert_close(plain.stream, full.stream, atol=1e-4, rtol=1e-5)


def test_a_batch_leaves_nothing_to_run_where_each_retrieves_the_same(able, state):
    settings = from_saved({"modules": modules_of("gpt2-m"), "needed": 1.0, "unit": "prompt"})
    ids = tokens.encode(able.tokenizer, QUESTION)
    first = asking.ask(able, state, ids[:-1], settings), asking.plain(able, ids[:-1])
    (before,), plain = asking.go_on(able, ids, first[:1], first[1])
    now = asking.ask(able, state, ids, settings, before)
    made, every = runs_of(before), runs_of(now)
    assert now.trace is made.left_out and every.first is made.first
    assert every.without is made.without and asking.plain(able, ids, plain) is plain
    assert plain.n_run == 1 and len(plain) == len(ids) + 1


def test_where_tokens_looked_is_the_same_with_rows_taken_over(able, state):
    settings = from_saved({"modules": modules_of("gpt2-m"), "needed": 1e-3, "n_retrieved": 1})
    before = None
    for fast, full in typed(able, state, settings):
        before, alone = spread(able, fast.trace, before), spread(able, full.trace)
        for own, other in zip((before.mean, before.share, before.external),
                              (alone.mean, alone.share, alone.external)):
            np.testing.assert_allclose(own, other, atol=1e-5)
        np.testing.assert_allclose(before.mean.sum(-1), 1, atol=1e-5)


NEAR = ("My dog is called Rex.", "Tom lives in Rome.")
KEYS = [  # a near miss appears with the key behind "cat", vanishes as "cat" goes, and comes again
    *("What is my cat called? My"[:n] for n in range(10, 26)), "What is my ", "What is my cat ",
    "What is my dog called?", "What is my cat called? My", "What is my cat called? My cat",
]


@pytest.fixture(scope="module")
def with_near_misses(able):
    found = blank(able)
    for text in NEAR:
        everything = from_saved({"modules": frozenset(MODULES), "slot_threshold": -99.0})
        found = telling.tell(able, found, text, everything, now=lambda: 1.0).state
    return found


@pytest.mark.parametrize("modules", SETS, ids=["+".join(sorted(x)) for x in SETS])
def test_a_near_miss_that_comes_and_goes_key_by_key(able, with_near_misses, modules):
    settings = from_saved({"modules": modules, "needed": 1e-9, "n_retrieved": 2, "fits": 0.0})
    left_out, before, plain = [], [], None
    for text in KEYS:
        ids = tokens.encode(able.tokenizer, text)
        before, plain = asking.go_on(able, ids, before, plain)
        before = [asking.ask(able, with_near_misses, ids, settings, *before)]
        plain = asking.plain(able, ids, plain)
        full = asking.ask(able, with_near_misses, ids, settings)
        check_same(before[0], full)
        assert before[0].not_asked.pairs == full.not_asked.pairs
        fast, alone = (spread(able, x.trace) for x in (before[0], full))
        np.testing.assert_allclose(fast.mean, alone.mean, atol=1e-5)
        np.testing.assert_allclose(fast.external, alone.external, atol=1e-5)
        left_out.append(NEAR[0] in full.not_asked.pairs)
    assert np.count_nonzero(np.diff(left_out)) >= 3 or not modules & {"edm", "am"}


@pytest.mark.parametrize("modules", [modules_of("gpt2-m"), frozenset({"edm"}), frozenset({"am"})])
def test_a_near_miss_that_comes_again_runs_only_what_was_typed(able, with_near_misses, modules):
    """The rows with the sentence and without it are both kept: going from one to the other and back
    runs no row twice."""
    settings = from_saved({"modules": modules, "needed": 1e-9, "n_retrieved": 2, "fits": 0.0})
    last, before, previous = {}, None, ()  # last: verdict -> the ids that were asked with it
    for text in ("What is my cat", "What is my cat ", "What is my cat", "What is my cat called",
                 "What is my ca", "What is my cat called?"):
        ids = tokens.encode(able.tokenizer, text)
        before = asking.ask(able, with_near_misses, ids, settings, before)
        verdict = frozenset(before.not_asked.pairs)
        if verdict in last:
            n_old = min(common_prefix(ids, x) for x in (last[verdict], previous))
            assert all(one.n_run <= len(ids) - n_old for one in before.passes.runs)
        last[verdict] = previous = ids
    assert len(last) == 2
