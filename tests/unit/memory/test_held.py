"""Trained memory in telling, asking, generating and saving, with modules whose ways are open."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from model.memory import asking, eviction, held, sessions, slots, telling
from model.memory.reader import WithMemory
from model.memory.settings import from_saved
from model.memory.state import blank, load_state, save_state
from model.memory.variants import VARIANTS, modules_of, name_of
from model.run import generate, sampling, tokens, trace
from model.run.sampling import SamplingSettings as Draw

FIRST, SECOND, QUESTION = "My name is Ann.", "I live in Rome. It rains.", "Where do I live?"


def settings(variant, **others):
    return from_saved({"modules": modules_of(variant), **others})


def told(able, variant, *texts, **others):
    state = blank(able)
    for text in texts:
        state = telling.tell(able, state, text, settings(variant, **others), now=lambda: 1.0).state
    return state


def ask(able, state, variant, text=QUESTION):
    ids = tokens.encode(able.tokenizer, text)
    return asking.ask(able, state, ids, settings(variant, needed=0.0))


def plain(able, text=QUESTION):
    ids = tokens.encode(able.tokenizer, text)
    return trace.run(able, np.r_[able.tokenizer.bos_token_id, ids]).next_logits


# -- which modules take part ---------------------------------------------------------------------


def test_names_and_modules_of_variants():
    for name, parts in VARIANTS.items():
        assert modules_of(name) == parts and name_of(parts) == name
    assert name_of(frozenset({"edm", "am"})) == "gpt2+edm+am"
    with pytest.raises(ValueError, match="no variant 'x'"):
        modules_of("x")


@pytest.mark.parametrize("variant", list(VARIANTS))
def test_a_blank_memory_is_gpt2_bit_for_bit(able, variant):
    assert torch.equal(ask(able, blank(able), variant).trace.next_logits, plain(able))


@pytest.mark.parametrize("variant", [v for v in VARIANTS if v != "gpt2"])
def test_each_variant_writes_and_reads_only_its_own(able, variant):
    state, parts = told(able, variant, FIRST), modules_of(variant)
    assert (len(state.bank) > 0) == ("am" in parts)
    assert (state.external is not None) == ("edm" in parts)
    assert (state.carried is not None) == ("early" in parts)
    assert not torch.equal(ask(able, state, variant).trace.next_logits, plain(able))


def test_switched_off_a_full_memory_is_gpt2_bit_for_bit(able):
    state = told(able, "gpt2-m", FIRST, SECOND)
    assert torch.equal(ask(able, state, "gpt2").trace.next_logits, plain(able))


def test_without_trained_memory_only_attention_remembers(tiny):
    state = telling.tell(tiny, blank(tiny), FIRST, settings("gpt2-m")).state
    assert state.external is None and state.carried is None and len(state.bank)


# -- writing -----------------------------------------------------------------------------------------


def test_what_is_written_does_not_depend_on_what_is_stored(able):
    """The second prompt's slots are the same behind a first prompt and alone."""
    both, alone = told(able, "gpt2+edm", FIRST, SECOND), told(able, "gpt2+edm", SECOND)
    n = len(alone.external)
    torch.testing.assert_close(both.external.keys[-n:], alone.external.keys)
    torch.testing.assert_close(both.external.values[-n:], alone.external.values)


def test_slots_know_where_they_came_from(able):
    state = told(able, "gpt2+edm", FIRST, SECOND)
    table, ids = state.external.slots, tokens.encode(able.tokenizer, SECOND)
    second = table.prompt == 2
    assert table.token[second].tolist() == ids.tolist()  # <|endoftext|> is never stored
    assert table.position[second].tolist() == list(range(len(ids)))
    assert "I·live·in·Rome." in table.around[second][0]
    assert len(np.unique(table.block)) == 3  # sentences


def test_a_gate_that_lets_nothing_through_writes_nothing(able):
    state = told(able, "gpt2+edm", FIRST, slot_threshold=1e9)
    assert len(state.external) == 0
    assert torch.equal(ask(able, state, "gpt2+edm").trace.next_logits, plain(able))


def test_the_best_tokens_only(able):
    report = telling.tell(able, blank(able), FIRST, settings("gpt2+edm", best=3)).gated
    assert report.stored.sum() == 3
    least = report.salience[report.stored].min()
    assert (report.salience[1:][~report.stored[1:]] <= least).all()


@pytest.mark.parametrize("policy", eviction.NAMES)
@pytest.mark.parametrize("n_slots", [0, 1, 10])
def test_the_edm_is_bounded_under_every_policy(able, policy, n_slots):
    state = told(able, "gpt2+edm", FIRST, SECOND, slots=n_slots, policy=policy)
    assert len(state.external) <= n_slots
    gone = len(FIRST) + len(SECOND) - len(state.external)
    assert state.external.n_evicted == gone > 0
    assert ask(able, state, "gpt2+edm").trace.next_logits.isfinite().all()


def test_merging_two_equal_slots_keeps_their_value_and_both_reads():
    table = slots.written(1, [0, 1, 2], [5, 6, 7], [1, 1, 2], "abc", "abc", 0.0, [1, 1, 1])
    table = table.read(np.array([0.5, 0.25, 0.125]))
    keys = torch.tensor([[1.0, 0], [0, 1.0], [1.0, 0]])
    full = held.Held(keys, keys * 3, torch.tensor([1.0, 2.0, 3.0]), table)
    left = held.evict(full, 2, "merge", None)
    assert left.slots.text.tolist() == ["a", "b"] and left.n_evicted == 1
    assert left.slots.total_read.tolist() == [0.625, 0.25]
    assert left.values.tolist() == [[3.0, 0.0], [0.0, 3.0]] and left.gate.tolist() == [2.0, 2.0]


def test_a_prompt_longer_than_the_window_is_told_whole(able):
    long = "I live in Rome. " * 12
    state = told(able, "gpt2-m", long, slots=1024, budget=1024)
    ids = tokens.encode(able.tokenizer, long)
    assert state.external.slots.token.tolist() == ids.tolist()
    assert state.external.slots.position.tolist() == list(range(len(ids)))


# -- reading ----------------------------------------------------------------------------------------


def test_read_weights_are_those_of_the_run(able):
    state = told(able, "gpt2+edm", FIRST, SECOND)
    found = ask(able, state, "gpt2+edm").trace
    weights = held.read_weights(found)
    assert weights.shape == (4, len(found), 1 + len(state.external))
    np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-5)
    mixed = torch.tensor(weights[..., 1:].mean(0)) @ state.external.values
    added = able.memory.external.output(mixed)
    layer = able.memory.external.layer
    torch.testing.assert_close(
        found.external_query() + added, found.layer_stream(2 * layer), atol=1e-4, rtol=1e-4
    )


def test_reads_are_counted(able):
    state = told(able, "gpt2+edm", FIRST)
    recalled = ask(able, state, "gpt2+edm")
    after = asking.after_reading(able, state, recalled)
    read = held.read_weights(recalled.trace)[:, 1:, 1:].mean(0).max(0)
    np.testing.assert_allclose(after.external.slots.last_read, read, rtol=1e-6)
    assert (after.external.slots.total_read > 0).all()


def test_permuting_the_slots_of_a_state_changes_nothing(able):
    state = told(able, "gpt2+edm", FIRST, SECOND)
    order = np.random.default_rng(0).permutation(len(state.external))
    moved = replace(state, external=state.external.select(order))
    first, second = (ask(able, s, "gpt2+edm").trace.next_logits for s in (state, moved))
    torch.testing.assert_close(first, second, atol=1e-4, rtol=1e-4)


def test_two_visitors_do_not_meet(able):
    mine = told(able, "gpt2-m", FIRST)
    before = ask(able, mine, "gpt2-m").trace.next_logits
    ask(able, told(able, "gpt2-m", SECOND), "gpt2-m")
    assert torch.equal(ask(able, mine, "gpt2-m").trace.next_logits, before)


@pytest.mark.parametrize("variant", ["gpt2+rnn", "gpt2+edm", "gpt2-m"])
def test_generation_goes_through_memory_with_a_cache(able, variant):
    """Token by token with the cache equals asking the whole text again."""
    state, ids = told(able, variant, FIRST, SECOND), tokens.encode(able.tokenizer, QUESTION)
    reader = WithMemory(able, state, settings(variant).with_fusion(unit="all"))
    steps = list(generate.generate(
        reader, ids, 5, settings=Draw(0.0), generator=torch.Generator()
    ))
    said = [step.token for step in steps]
    everything = settings(variant).with_fusion(unit="all")
    for i, step in enumerate(steps[1:], 1):
        whole = asking.ask(able, state, np.r_[ids, said[:i]], everything).trace.next_logits
        torch.testing.assert_close(step.reading.logits, whole, atol=1e-3, rtol=1e-3)


# -- files --------------------------------------------------------------------------------------------


def test_a_whole_state_saved_equals_loaded(able, tmp_path):
    state = told(able, "gpt2-m", FIRST, SECOND)
    save_state(state, tmp_path / "a.memory")
    back = load_state(tmp_path / "a.memory", able)
    assert torch.equal(back.external.keys, state.external.keys)
    assert torch.equal(back.carried.late, state.carried.late)
    assert back.external.slots.around.tolist() == state.external.slots.around.tolist()
    assert (back.memory, back.nbytes) == ("modules-0", state.nbytes)
    assert torch.equal(ask(able, back, "gpt2-m").trace.next_logits,
                       ask(able, state, "gpt2-m").trace.next_logits)


def test_a_state_of_other_trained_memory_is_refused(able, tiny, tmp_path):
    save_state(told(able, "gpt2+edm", FIRST), tmp_path / "a.memory")
    with pytest.raises(ValueError, match="other trained memory"):
        load_state(tmp_path / "a.memory", tiny)


def test_a_state_with_nan_slots_is_neither_written_nor_read(able, tmp_path, monkeypatch):
    state = told(able, "gpt2+edm", FIRST)
    state.external.values[0, 0] = float("nan")
    with pytest.raises(ValueError, match="Not finite: edm.values"):
        save_state(state, tmp_path / "a.memory")
    monkeypatch.setattr(sampling, "check_finite", lambda values, name: None)  # as it was once
    save_state(state, tmp_path / "a.memory")
    with pytest.raises(ValueError, match="not finite"):
        load_state(tmp_path / "a.memory", able)


def test_a_session_carries_all_of_it_to_another_process(able, tmp_path, monkeypatch):
    monkeypatch.setenv("MNEMOSCOPE_HOME", str(tmp_path))
    state = told(able, "gpt2-m", FIRST)
    with sessions.hold("demo") as path:
        save_state(state, path)
    with sessions.hold("demo") as path:
        assert len(load_state(path, able).external) == len(state.external)
