"""Interventions on a memory: what removes all, nothing or the same changes exactly what it must."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from model.grafts import modules
from model.loading import checkpoint
from model.memory import asking, telling
from model.memory.settings import EdmSettings, FusionSettings, Settings
from model.memory.state import blank
from model.recall import causal, probe, verdict
from model.recall.probe import Probe
from model.recall.reads import Place, places_of, tables
from model.run.trace import run

TOLD = ("I am Ann. I live in Rome.", "Bob likes tea.")
ASK = "Where do I live?"


@pytest.fixture(scope="module")
def asked(tiny):
    settings = probe.settings_for("am", Settings(fusion=FusionSettings(unit="all")))
    plan = probe.prepare(tiny, Probe(TOLD, ASK, " Rome"))
    return probe.outcome(tiny, plan, probe.told(tiny, plan, settings), settings)


@pytest.fixture(scope="module")
def embedded():
    return checkpoint.load("embedded", device="cpu")


@pytest.fixture(scope="module")
def founding(embedded):
    settings = probe.settings_for("am")
    given = Probe(("My name is James Theory. I live in New York.", "What a lovely day!"),
                  "Where do I live? You live in", " New York")
    plan = probe.prepare(embedded, given)
    return probe.outcome(embedded, plan, probe.told(embedded, plan, settings), settings)


def logs(tiny, one, state):
    return causal.effect(tiny, one, state).scored.log


def place_of(one, text: str) -> Place:
    return next(read.place for read in one.read if read.text == text)


def test_without_any_slot_it_is_gpt2_bit_for_bit(tiny, asked):
    plain = run(tiny, np.r_[tiny.tokenizer.bos_token_id, asked.ids])
    for state in (
        causal.without(asked.state, causal.places(asked.state)),
        causal.without_slots(asked.state), causal.only(asked.state, []),
        causal.without_prompt(causal.without_prompt(asked.state, 1), 2),
    ):
        found = asking.ask(tiny, state, asked.ids, asked.settings)
        assert torch.equal(found.trace.next_logits, plain.next_logits)
        assert np.array_equal(logs(tiny, asked, state), asked.base.log)


def test_without_nothing_nothing_changes(tiny, asked):
    for state in (causal.without(asked.state, []), causal.only(asked.state, causal.places(
            asked.state)), causal.without_prompt(asked.state, 3)):
        assert np.array_equal(logs(tiny, asked, state), asked.scored.log)


def test_the_old_state_is_untouched(asked):
    before = asked.state.bank.values.clone()
    places = causal.places(asked.state)
    causal.swap_values(asked.state, [(places[0], places[5])])
    causal.without(asked.state, places[:3])
    assert torch.equal(asked.state.bank.values, before) and len(asked.state.bank) == len(places)


def test_all_but_one_and_one_are_the_two_halves(asked):
    places = causal.places(asked.state)
    one, rest = causal.only(asked.state, places[:1]), causal.without(asked.state, places[:1])
    assert causal.places(one) == places[:1] and causal.places(rest) == places[1:]


def test_without_a_prompt_is_a_memory_it_was_never_told_to(tiny, asked):
    """In `parallel` each prompt is read alone: what the other left is bit for bit the same."""
    second = telling.tell(tiny, blank(tiny), TOLD[1], asked.settings).state
    left = causal.without_prompt(asked.state, 1)
    assert torch.equal(left.bank.keys, second.bank.keys)
    assert torch.equal(left.bank.values, second.bank.values)


def test_swapped_twice_is_the_original(tiny, asked):
    places = causal.places(asked.state)
    pair = [(places[2], places[-1])]
    once = causal.swap_values(asked.state, pair)
    assert not torch.equal(once.bank.values, asked.state.bank.values)
    assert torch.equal(once.bank.keys, asked.state.bank.keys)
    twice = causal.swap_values(once, pair)
    assert torch.equal(twice.bank.values, asked.state.bank.values)
    assert not np.array_equal(logs(tiny, asked, once), asked.scored.log)
    itself = causal.swap_values(asked.state, [(places[2], places[2])])
    assert torch.equal(itself.bank.values, asked.state.bank.values)


def test_an_edit_to_the_same_token_changes_nothing(tiny, asked):
    for place in (Place(1, 0), Place(1, 20), Place(2, 3)):
        same = TOLD[place.prompt - 1][place.position]
        again = causal.edit(tiny, asked.state, place, same, asked.settings)
        assert torch.equal(again.bank.values, asked.state.bank.values)


def test_an_edit_changes_one_slots_value_and_no_key(tiny, asked):
    changed = causal.edit(tiny, asked.state, Place(1, 20), "L", asked.settings)
    assert torch.equal(changed.bank.keys, asked.state.bank.keys)
    differs = (changed.bank.values != asked.state.bank.values).any(-1).any(0).any(0)
    assert np.flatnonzero(differs.numpy()).tolist() == [20]


def test_an_edit_in_a_later_window_reads_that_window(tiny):
    settings, text = probe.settings_for("am"), "abcdefghij" * 7
    state = telling.tell(tiny, blank(tiny), text, settings).state
    for position in (0, 30, 31, 69):
        same = causal.edit(tiny, state, Place(1, position), text[position], settings)
        assert torch.equal(same.bank.values, state.bank.values)


def test_what_cannot_be_done_is_one_sentence(tiny, asked):
    with pytest.raises(ValueError, match="2: “R|o”"):
        causal.edit(tiny, asked.state, Place(1, 20), "Ro", asked.settings)
    with pytest.raises(ValueError, match="not in memory"):
        causal.edit(tiny, asked.state, Place(9, 0), "R", asked.settings)
    with pytest.raises(ValueError, match="in memory"):
        causal.swap_values(asked.state, [(Place(1, 0), Place(9, 0))])
    with pytest.raises(ValueError, match="continue"):
        causal.edit(tiny, asked.state, Place(1, 0), "R", Settings(fusion=FusionSettings(positions="continue")))


def test_each_alone_and_the_whole_set_agree_with_single_knock_outs(tiny, asked):
    which = causal.candidates(asked)[:4]
    for found in causal.each_alone(tiny, asked, which):
        direct = logs(tiny, asked, causal.without(asked.state, found.gone))
        assert np.array_equal(found.scored.log, direct)
        assert found.drop == pytest.approx(asked.scored.joint_log - direct.sum())


def test_the_founding_answer_is_lost_without_a_smallest_set(embedded, founding):
    found = verdict.judge(embedded, founding)
    small = causal.smallest_set(embedded, founding, list(found.alone))
    assert small.lost and 1 <= len(small.gone) <= 3
    assert all(place.prompt == 1 for place in small.gone)
    for place in small.gone:  # none of them is superfluous
        fewer = [other for other in small.gone if other != place]
        state = causal.without(founding.state, fewer)
        assert not causal.effect(embedded, founding, state).lost


def test_one_prompts_facts_are_lost_with_that_prompt_only(embedded, founding):
    lost = causal.effect(embedded, founding, causal.without_prompt(founding.state, 1))
    assert lost.lost and lost.scored.joint < 0.01
    kept = causal.effect(embedded, founding, causal.without_prompt(founding.state, 2))
    assert not kept.lost


@pytest.fixture(scope="module")
def colours(embedded):
    settings = probe.settings_for("am")
    given = Probe(("My favourite colour is blue. The door was green.",),
                  "What is my favourite colour? Your favourite colour is", " blue")
    plan = probe.prepare(embedded, given)
    return probe.outcome(embedded, plan, probe.told(embedded, plan, settings), settings)


def greens(embedded, one, state):
    ids = embedded.tokenizer(" green")["input_ids"]
    return probe.score(embedded, state, one.ids, ids, one.settings)


def test_two_values_swapped_swap_the_answer(embedded, colours):
    """Keys stay, so the question finds the same place: what comes out is the other's value."""
    pair = [(place_of(colours, "·blue"), place_of(colours, "·green"))]
    swapped = causal.swap_values(colours.state, pair)
    assert colours.exact and not greens(embedded, colours, colours.state).exact
    assert causal.effect(embedded, colours, swapped).lost
    assert greens(embedded, colours, swapped).exact


def test_an_edited_value_changes_the_answer_to_it(embedded, colours):
    place = place_of(colours, "·blue")
    changed = causal.edit(embedded, colours.state, place, " green", colours.settings)
    assert causal.effect(embedded, colours, changed).lost
    assert greens(embedded, colours, changed).exact


# --- all modules at once, with random weights that do something -----------------------------------


@pytest.fixture(scope="module")
def trained(tiny):
    """The tiny model with every module as if it had been trained: no weight of it is zero."""
    memory = modules.untrained(tiny.model.config)
    generator = torch.Generator().manual_seed(1)
    for part in (memory.early, memory.late, memory.external):
        part.output.weight.data.normal_(std=0.3, generator=generator)
    memory.parts, memory.fingerprint = ("early", "late", "edm"), "random"
    own = {**vars(tiny), "memory": memory.eval().requires_grad_(False)}
    return SimpleNamespace(**own)


@pytest.fixture(scope="module")
def whole(trained):
    settings = probe.settings_for("gpt2-m", Settings(fusion=FusionSettings(unit="all"), edm=EdmSettings(threshold=-9.0)))
    plan = probe.prepare(trained, Probe(TOLD, ASK, " Rome"))
    return probe.outcome(trained, plan, probe.told(trained, plan, settings), settings)


def test_a_place_is_in_every_module_that_stored_it(whole):
    both = {part: set(places_of(table)) for part, table in tables(whole.state).items()}
    assert both["edm"] and both["edm"] <= both["am"] == set(causal.places(whole.state))
    place = sorted(both["edm"])[3]
    left = causal.without(whole.state, [place])
    assert len(left.bank) == len(whole.state.bank) - 1
    assert len(left.external) == len(whole.state.external) - 1
    assert {read.part for read in whole.read if read.place == place} == {"am", "edm"}


def test_without_slots_and_state_all_modules_are_gpt2_bit_for_bit(trained, whole):
    nothing = causal.without_carried(causal.without_slots(whole.state))
    assert np.array_equal(logs(trained, whole, nothing), whole.base.log)
    for state in (causal.without_slots(whole.state), causal.without_carried(whole.state)):
        assert not np.array_equal(logs(trained, whole, state), whole.base.log)
        assert not np.array_equal(logs(trained, whole, state), whole.scored.log)


def test_all_modules_are_followed_as_one_uncached_run_says(trained, whole):
    trace = whole.asked.trace
    ids = np.r_[trace.ids, whole.scored.ids[:-1]]
    again = run(trained, ids, reading=trace.reading, graft=trace.graft)
    found = probe.scored_rows(trained, again, len(trace) - 1, whole.scored.ids)
    np.testing.assert_allclose(found.log, whole.scored.log, atol=1e-4)


def test_swaps_and_edits_of_all_modules(trained, whole):
    one, other = sorted(places_of(whole.state.external.slots))[2:4]
    once = causal.swap_values(whole.state, [(one, other)])
    twice = causal.swap_values(once, [(one, other)])
    assert not torch.equal(once.external.values, whole.state.external.values)
    assert torch.equal(once.external.keys, whole.state.external.keys)
    assert torch.equal(twice.external.values, whole.state.external.values)
    assert torch.equal(twice.bank.values, whole.state.bank.values)
    same = TOLD[one.prompt - 1][one.position]
    again = causal.edit(trained, whole.state, one, same, whole.settings)
    assert torch.equal(again.bank.values, whole.state.bank.values)
    torch.testing.assert_close(again.external.values, whole.state.external.values)
    changed = causal.edit(trained, whole.state, one, "#", whole.settings)
    differs = (changed.external.values != whole.state.external.values).any(-1)
    assert differs.sum() >= 1 and not torch.equal(
        changed.bank.values, whole.state.bank.values)


def test_variants_read_their_own_modules_only(trained):
    plan = probe.prepare(trained, Probe(TOLD, ASK, " Rome"))
    found = {}
    for variant in ("gpt2", "rnn", "edm", "am", "gpt2-m"):
        settings = probe.settings_for(variant, Settings(fusion=FusionSettings(unit="all"), edm=EdmSettings(threshold=-9.0)))
        one = probe.outcome(trained, plan, probe.told(trained, plan, settings), settings)
        found[variant] = one.scored.joint_log
        assert {read.part for read in one.read} == (
            settings.modules & {"am", "edm"}), variant
        assert one.notes == ()
    assert len(set(found.values())) == 5


def test_what_only_a_carried_state_says_is_recalled_from_it(trained):
    """The answer is what the recurrent memory makes it say and the model alone does not."""
    settings = probe.settings_for("rnn")
    plan = probe.prepare(trained, Probe(TOLD, ASK))
    state = probe.told(trained, plan, settings)
    first = probe.outcome(trained, plan, state, settings)
    answer = replace(plan.probe, answer=first.continuation)
    plan = replace(plan, probe=answer, answer_ids=first.scored.ids)
    one = probe.outcome(trained, plan, state, settings, "")
    found = verdict.judge(trained, one)
    assert one.exact and not one.base.exact
    assert found.kind == "carried" and "carried state" in found.sentence
    assert found.without_carried.lost and found.most is None and found.alone == ()


def test_modules_that_were_never_trained_are_said(tiny):
    plan = probe.prepare(tiny, Probe(TOLD, ASK, " Rome"))
    settings = probe.settings_for("rnn")
    one = probe.outcome(tiny, plan, probe.told(tiny, plan, settings), settings)
    assert one.delta == 0 and "exactly GPT-2" in one.notes[0]
    assert "exactly GPT-2" in verdict.judge(tiny, one).sentence
