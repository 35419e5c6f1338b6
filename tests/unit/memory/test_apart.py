"""Memories stay apart and keys stay with their words: two visitors at once, eviction, merging."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from model.memory import asking, eviction, fusion, slots, telling
from model.memory.reader import WithMemory
from model.memory.settings import FusionSettings, Settings
from model.memory.state import MemoryState, blank
from model.run import generate, tokens, trace
from model.run.sampling import SamplingSettings as Greedy

ANN, BOB = ("I am Ann. I live in Rome.", "It rains."), ("I am Bob. I live in Oslo.", "He left.")
QUESTION = "Where do I live?"


def tell(checkpoint, state, text, settings=Settings()):
    return telling.tell(checkpoint, state, text, settings, now=lambda: 0.0).state


def told(checkpoint, *texts, settings=Settings()):
    state = blank(checkpoint)
    for text in texts:
        state = tell(checkpoint, state, text, settings)
    return state


def ask(checkpoint, state):
    ids = tokens.encode(checkpoint.tokenizer, QUESTION)
    return asking.ask(checkpoint, state, ids, Settings(fusion=FusionSettings(needed=0.0, n_retrieved=2))).trace.next_logits


def same(one, other) -> bool:
    return (
        torch.equal(one.bank.keys, other.bank.keys)
        and torch.equal(one.bank.values, other.bank.values)
        and slots.to_columns(one.bank.slots) == slots.to_columns(other.bank.slots)
    )


def test_two_visitors_in_turns_remember_what_each_would_alone(tiny):
    ann, bob = blank(tiny), blank(tiny)
    for hers, his in zip(ANN, BOB, strict=True):
        ann, bob = tell(tiny, ann, hers), tell(tiny, bob, his)
        ask(tiny, ann), ask(tiny, bob)
    assert same(ann, told(tiny, *ANN)) and same(bob, told(tiny, *BOB))
    assert not torch.equal(ask(tiny, ann), ask(tiny, bob))


def test_visitors_at_the_same_moment_do_not_hear_each_other(tiny):
    states = [told(tiny, *ANN), told(tiny, *BOB), blank(tiny)]
    alone = [ask(tiny, state) for state in states]
    with ThreadPoolExecutor(3) as visitors:
        turns = [i % 3 for i in range(24)]
        answers = list(visitors.map(lambda i: ask(tiny, states[i]), turns))
    for i, answer in zip(turns, answers, strict=True):
        torch.testing.assert_close(answer, alone[i], atol=1e-6, rtol=0)


def test_two_conversations_generated_step_by_step_in_turns_do_not_mix(tiny):
    def steps(texts):
        return generate.generate(
            WithMemory(tiny, told(tiny, *texts), Settings(fusion=FusionSettings(needed=0.0))),
            tokens.encode(tiny.tokenizer, QUESTION), 8,
            settings=Greedy(temperature=0), generator=torch.Generator(),
        )

    both = list(zip(steps(ANN), steps(BOB), strict=True))
    for alone, mixed in zip((steps(ANN), steps(BOB)), zip(*both), strict=True):
        for one, other in zip(alone, mixed, strict=True):
            assert torch.equal(one.reading.logits, other.reading.logits)


def test_asking_changes_no_memory(tiny):
    state = told(tiny, *ANN)
    ask(tiny, state)
    assert same(state, told(tiny, *ANN))


@pytest.mark.parametrize("unit", ["sentence", "prompt", "all"])
def test_the_order_of_the_slots_is_nothing_to_the_answer(tiny, unit):
    state = told(tiny, *ANN, *BOB)
    order = np.random.default_rng(1).permutation(len(state.bank))
    shuffled = fusion.select(state.bank, order)
    ids, settings = tokens.encode(tiny.tokenizer, QUESTION), Settings(fusion=FusionSettings(unit=unit, n_retrieved=2))
    here = asking.ask(tiny, state, ids, settings)
    there = asking.ask(
        tiny, MemoryState(shuffled, state.prompts, state.fingerprint), ids, settings
    )
    assert sorted(order[there.kept]) == here.kept.tolist()
    torch.testing.assert_close(
        here.trace.next_logits, there.trace.next_logits, atol=1e-5, rtol=0
    )


def keys_of(checkpoint, text) -> torch.Tensor:
    """Keys (L,H,T,D) of a text's own tokens, read alone."""
    start = checkpoint.tokenizer.bos_token_id
    return trace.run(checkpoint, np.r_[start, tokens.encode(checkpoint.tokenizer, text)]).k[:, :, 1:]


@pytest.mark.parametrize("policy", eviction.POLICIES)
def test_after_eviction_every_key_is_still_of_the_word_its_slot_names(tiny, policy):
    texts = (*ANN, *BOB)
    bank = told(tiny, *texts, settings=Settings(fusion=FusionSettings(slots=40), policy=policy)).bank
    assert 0 < len(bank) <= 40
    for i in range(len(bank)):
        text = texts[bank.slots.prompt[i] - 1]
        place = int(bank.slots.position[i])
        assert bank.slots.text[i] == text[place].replace(" ", "·")
        assert bank.slots.text[i] in bank.slots.around[i]
        ours = keys_of(tiny, text)[:, :, place]
        torch.testing.assert_close(bank.keys[:, :, i], ours, atol=1e-5, rtol=0)


def test_after_merging_a_slot_holds_the_mean_and_names_the_older_word(tiny):
    before = told(tiny, *ANN).bank
    after = fusion.merge(before, len(before) - 1)
    gone = sorted(places(before) - places(after))
    assert len(gone) == 1 and places(after) < places(before)
    young = list(zip(before.slots.prompt, before.slots.position)).index(gone[0])
    changed = [i for i in range(len(after)) if not torch.equal(after.keys[:, :, i], before.keys[
        :, :, i + (i >= young)])]
    (old,) = changed
    assert old < young
    mean = (before.keys[:, :, old] + before.keys[:, :, young]) / 2
    assert torch.equal(after.keys[:, :, old], mean)
    for name, column in slots.to_columns(after.slots).items():
        kept = np.delete(slots.column_of(slots.to_columns(before.slots)[name]), young)
        assert column == kept.tolist(), name


def places(bank) -> set:
    return set(zip(bank.slots.prompt.tolist(), bank.slots.position.tolist()))
