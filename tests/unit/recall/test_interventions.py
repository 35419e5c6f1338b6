"""A memory under the knife: what changes nothing changes nothing, and all cuts together are no memory."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from model.memory import asking, held, telling
from model.memory.state import blank
from model.recall import interventions
from model.recall.reads import Place
from model.run import tokens, trace
from tests.unit.memory.test_added import SETTINGS, remembering

TOLD = ("I am Ann. I live in Rome.", "Bob likes tea.")
OTHERS = ("I am Ann. I live in Bali.", "Bob likes ale.")
WHOLE = SETTINGS.with_fusion(unit="all")


def all_told(loaded, prompts):
    states = [blank(loaded)]
    for text in prompts:
        states.append(telling.tell(loaded, states[-1], text, WHOLE, now=lambda: 0.0).state)
    return states


@pytest.fixture(scope="module")
def loaded(tiny):
    return remembering(tiny)


@pytest.fixture(scope="module")
def states(loaded):
    return all_told(loaded, TOLD)


@pytest.fixture(scope="module")
def asked(loaded, states):
    return asking.ask(loaded, states[-1], tokens.encode(loaded.tokenizer, "Where?"), WHOLE)


@pytest.fixture(scope="module")
def other(loaded):
    return all_told(loaded, OTHERS)[-1]


def places(state):
    return [one.place for one in interventions.told([state])]


def test_nothing_cut_and_nothing_changed_is_the_run_itself(loaded, states, asked):
    state = states[-1]
    for found in (interventions.cut(loaded, state, asked, [], WHOLE),
                  interventions.again(loaded, state, asked, WHOLE)):
        assert torch.equal(found.next_logits, asked.trace.next_logits)
    own = places(state)[3]
    same = interventions.with_value(state, own, state, own)
    same = interventions.with_carried(same, state)
    found = interventions.again(loaded, same, asked, WHOLE)
    assert torch.equal(found.next_logits, asked.trace.next_logits)
    assert interventions.effect(loaded, asked, found).kl_nats < 1e-12


def test_every_read_cut_and_nothing_carried_is_memory_off(loaded, states, asked):
    state = interventions.with_carried(states[-1], None)
    found = interventions.cut(loaded, state, asked, places(state), WHOLE)
    plain = asking.plain(loaded, tokens.encode(loaded.tokenizer, "Where?"))
    assert torch.equal(found.next_logits, plain.next_logits)
    assert found.graft is None and found.reading is None


def test_a_cut_is_the_run_without_this_slot_in_both_stores(loaded, states, asked):
    state, gone = states[-1], places(states[-1])[2]
    left = np.array([(int(p), int(i)) != gone for p, i in zip(
        state.bank.slots.prompt, state.bank.slots.position)])
    hidden = np.array([(int(p), int(i)) == gone for p, i in zip(
        state.external.slots.prompt, state.external.slots.position)])
    reading = replace(asked.trace.reading, keys=asked.trace.reading.keys[:, :, left],
                      values=asked.trace.reading.values[:, :, left], kept=asked.kept[left])
    contents = held.contents(state.external, hidden)
    graft = replace(asked.trace.graft, external=contents)
    expected = trace.run(loaded, asked.trace.ids, reading=reading, graft=graft)
    found = interventions.cut(loaded, state, asked, [gone], WHOLE)
    torch.testing.assert_close(found.next_logits, expected.next_logits)
    assert (found.next_logits - asked.trace.next_logits).abs().max() > 1e-4


def test_a_value_comes_from_the_counterpart_in_the_other_conversation(loaded, states, asked, other):
    state = states[-1]
    place = next(p for p in places(state) if (p.prompt, p.position) == (1, 20))
    source = interventions.counterpart(loaded, state, place, other)
    assert source == Place(1, 20)
    changed = interventions.with_value(state, place, other, source)
    row = places(state).index(place)
    assert torch.equal(changed.bank.keys, state.bank.keys)
    others = np.delete(np.arange(len(state.bank)), row)
    assert torch.equal(changed.bank.values[:, :, others], state.bank.values[:, :, others])
    assert not torch.equal(changed.bank.values[:, :, row], state.bank.values[:, :, row])
    assert torch.equal(changed.bank.values[:, :, row], other.bank.values[:, :, row])
    found = interventions.again(loaded, changed, asked, WHOLE)
    assert interventions.effect(loaded, asked, found).kl_nats > 0


@pytest.mark.parametrize("own, new, position, expected", [
    ("ab XYZ cd", "ab PQ cd", 3, 3), ("ab XYZ cd", "ab PQ cd", 4, 4), ("ab XYZ cd", "ab PQ cd", 7, 6),
    ("XY ab", "P ab", 0, 0), ("ab XY", "ab PQR", 4, 4),
])
def test_where_two_conversations_differ_the_first_stands_for_the_first(loaded, own, new, position, expected):
    state, other = (replace(blank(loaded), prompts=(text,)) for text in (own, new))
    assert interventions.counterpart(loaded, state, Place(1, position), other) == Place(1, expected)


def test_a_token_too_many_has_no_counterpart(loaded):
    state, other = (replace(blank(loaded), prompts=(text,)) for text in ("ab XYZ cd", "ab PQ cd"))
    with pytest.raises(ValueError, match="Token 5 of prompt 1 has no counterpart"):
        interventions.counterpart(loaded, state, Place(1, 5), other)


def test_a_recurrent_state_from_elsewhere_is_read(loaded, states, asked, other):
    found = interventions.again(
        loaded, interventions.with_carried(states[-1], other), asked, WHOLE)
    assert torch.equal(found.graft.early[0], other.carried.early)
    nothing = interventions.again(
        loaded, interventions.with_carried(states[-1], None), asked, WHOLE)
    assert nothing.graft.early is None and nothing.graft.late is None
    assert not torch.equal(found.next_logits, nothing.next_logits)


def test_what_is_left_is_the_read_and_the_effect_of_each_token(loaded, states, asked):
    state, told = states[-1], places(states[-1])
    read = interventions.weights(loaded, state, asked, told)
    last = asked.trace.graft.modules.external.read(
        asked.trace.external_query()[None, -1:], asked.trace.graft.external)[1][0, :, 0, 1:].mean(0)
    np.testing.assert_allclose(read["edm"].sum(), last.sum(), atol=1e-6)
    assert 0 < read["am"].sum() < 1
    found = interventions.effects(loaded, state, asked, WHOLE, told[:3])
    one = interventions.effect(
        loaded, asked, interventions.cut(loaded, state, asked, [told[1]], WHOLE))
    np.testing.assert_allclose(found[1], one.kl_nats, atol=1e-9)
    early = asking.ask(loaded, states[1], tokens.encode(loaded.tokenizer, "Where?"), WHOLE)
    late = [p for p in told if p.prompt == 2]
    assert not interventions.effects(loaded, states[1], early, WHOLE, late).any()
    assert not interventions.weights(loaded, states[1], early, late)["am"].any()


def test_what_cannot_be_is_a_sentence(loaded, states, asked, other):
    state, own = states[-1], places(states[-1])[0]
    with pytest.raises(ValueError, match="Token 99 of prompt 1 is not in memory"):
        interventions.with_value(state, Place(1, 99), other, own)
    with pytest.raises(ValueError, match="Token 99 of prompt 1 of the other conversation has no slot"):
        interventions.with_value(state, own, other, Place(1, 99))
    with pytest.raises(ValueError, match="different models"):
        interventions.with_value(state, own, replace(other, fingerprint="x"), own)
    with pytest.raises(ValueError, match="has 0 prompts"):
        interventions.counterpart(loaded, state, own, blank(loaded))
    with pytest.raises(ValueError, match="carries nothing"):
        interventions.with_carried(state, blank(loaded))
    with pytest.raises(ValueError, match="No recurrent memory"):
        interventions.with_carried(blank(loaded), None)
    with pytest.raises(ValueError, match="replay"):
        interventions.again(loaded, state, asked, WHOLE.with_fusion(positions="replay"))
