"""One probe: joint = product, cached = uncached, memory off = plain GPT-2; verdicts."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from model.loading import checkpoint
from model.memory import fusion, telling
from model.memory.reader import WithMemory
from model.memory.settings import FusionSettings, Settings
from model.memory.state import blank
from model.recall import probe, probe_controls, verdict
from model.recall.probe import Probe
from model.run import generate, sampling, tokens
from model.run.trace import run

TOLD = ("I am Ann. I live in Rome.",)
ASK = "Where do I live?"


@pytest.fixture(scope="module")
def asked(tiny):
    plan = probe.prepare(tiny, Probe(TOLD, ASK, " Rome"))
    settings = probe.settings_for("am", Settings(fusion=FusionSettings(unit="all")))
    return probe.outcome(tiny, plan, probe.told(tiny, plan, settings), settings)


@pytest.fixture(scope="module")
def embedded():
    return checkpoint.load("embedded", device="cpu")


def outcome_of(loaded, given: Probe, variant: str, settings=probe.USUAL):
    plan, settings = probe.prepare(loaded, given), probe.settings_for(variant, settings)
    return probe.outcome(loaded, plan, probe.told(loaded, plan, settings), settings)


def test_the_joint_probability_is_the_product_of_the_tokens(asked):
    assert asked.scored.joint == pytest.approx(np.prod(asked.scored.probability), rel=1e-12)
    assert asked.scored.joint_log == pytest.approx(np.log(asked.scored.probability).sum())
    assert asked.delta == pytest.approx(np.log(asked.scored.joint / asked.base.joint))


def test_each_token_is_scored_as_one_uncached_run_says(tiny, asked):
    """Teacher forcing through shared rows = a run of everything at once with the same reading."""
    trace = asked.asked.trace
    ids = np.r_[trace.ids, asked.scored.ids[:-1]]
    whole = probe.logits(tiny, run(tiny, ids, reading=trace.reading), len(trace) - 1).double()
    log = whole.log_softmax(-1)[range(len(asked.scored.ids)), asked.scored.ids]
    np.testing.assert_allclose(asked.scored.log, log.numpy(), atol=1e-4)
    order = whole.argsort(-1, descending=True)
    ranks = [order[i].tolist().index(token) + 1 for i, token in enumerate(asked.scored.ids)]
    assert asked.scored.rank.tolist() == ranks


def test_memory_off_is_the_plain_model_bit_for_bit(tiny, asked):
    found = probe_controls.prior(tiny, asked)
    assert np.array_equal(found.log, asked.base.log)
    assert np.array_equal(probe_controls.empty(tiny, asked).log, asked.base.log)
    assert not np.array_equal(asked.scored.log, asked.base.log)


def test_a_variant_without_memory_gains_nothing(tiny):
    one = outcome_of(tiny, Probe(TOLD, ASK, " Rome", 20), "gpt2")
    assert one.delta == 0 and one.read == ()
    assert verdict.judge(tiny, one).kind == "no memory"


def test_the_continuation_is_what_generation_through_the_reader_says(tiny, asked):
    reader = WithMemory(tiny, asked.state, asked.settings)
    steps = generate.generate(
        reader, asked.ids, probe.CONTINUED, settings=sampling.SamplingSettings(0.0),
        generator=torch.Generator(), end_tokens={tiny.tokenizer.eos_token_id},
    )
    said = tiny.tokenizer.decode([step.token for step in steps])
    assert said.startswith(asked.continuation)


def test_read_weights_are_the_columns_of_the_union_softmax(tiny, asked):
    trace = probe.along(tiny, asked.asked.trace, asked.scored.ids)
    weights = fusion.read_weights(tiny, trace)[:, :, len(asked.asked.trace) - 1 :]
    assert len(asked.read) == len(asked.state.bank)
    for read in asked.read:
        np.testing.assert_allclose(read.mean, weights[..., read.index].mean((0, 1)), rtol=1e-6)
        assert read.peak == weights[..., read.index].max()
        assert read.text == asked.state.bank.slots.text[read.index]
    assert sum(read.mean for read in asked.read).max() <= 1 + 1e-6


def test_distraction_has_as_many_tokens_as_wanted(tiny):
    for n in (1, 63, 64, 200):
        for text in ("", "One. Two words! Three of them?"):
            parts = list(probe.distraction.prompts(tiny, n, text))
            assert sum(size for _, size in parts) == n
            assert all(size == len(tokens.encode(tiny.tokenizer, p)) for p, size in parts)
    assert list(probe.distraction.prompts(tiny, 0)) == []


def test_told_is_told_prompt_by_prompt(tiny):
    plan = probe.prepare(tiny, Probe((*TOLD, "Rain."), ASK, None, 70))
    steps = list(probe.tell(tiny, plan, probe.settings_for("am")))
    assert steps[-1].n_tokens == plan.n_tokens
    state = blank(tiny)
    for text in steps[-1].state.prompts:
        state = telling.tell(tiny, state, text, Settings()).state
    assert torch.equal(state.bank.keys, steps[-1].state.bank.keys)
    assert state.prompts[:2] == (*TOLD, "Rain.")


@pytest.mark.parametrize("given, words", [
    (Probe((), ASK), "nothing to tell"),
    (Probe(("  ",), ASK), "nothing to tell"),
    (Probe(TOLD, " "), "question is empty"),
    (Probe(TOLD, ASK, " "), "answer is empty"),
    (Probe(TOLD, ASK, None, -1), "Distance out of range: -1"), (Probe(TOLD, ASK, None, 9, "?!"), "no word in it"),
])
def test_a_bad_probe_is_one_sentence(tiny, given, words):
    with pytest.raises(ValueError, match=words):
        probe.told(tiny, probe.prepare(tiny, given), probe.settings_for("am"))


def test_a_wrong_variant_names_the_right_ones():
    with pytest.raises(ValueError, match="gpt2, rnn, edm, am, gpt2-m"):
        probe.long_name("gpt3")
    assert probe.long_name("am") == probe.long_name("gpt2+am") == "gpt2+am"


def test_an_answer_that_is_split_otherwise_is_said(embedded):
    plan = probe.prepare(embedded, Probe(TOLD, "I live -", "- here"))
    assert "would split" in plan.notes[-1] and "we score the answer split alone" in plan.notes[-1]
    plan = probe.prepare(embedded, Probe(TOLD, "I live in ", "Rome"))
    assert plan.probe.ask == "I live in" and plan.probe.answer == " Rome"
    assert plan.notes[0].startswith("the space after the question")
    plan = probe.prepare(embedded, Probe(TOLD, "I live in", "Rome"))
    assert plan.notes[0].startswith("a space was put before the answer")
    assert embedded.tokenizer.decode(plan.answer_ids) == " Rome"


def test_what_is_longer_than_the_window_is_windowed_or_cut_and_said(tiny):
    one = outcome_of(tiny, Probe(("a" * 100,), "b" * 90 + "?", " c"), "am")
    assert len(one.state.bank) == 100
    assert any("100 tokens: it is told in windows of at most 31" in note for note in one.notes)
    cut = 91 - len(one.ids)
    assert cut > 0 and any(f"its first {cut} tokens were cut" in note for note in one.notes)


def test_the_never_told_control_cuts_a_long_question_as_the_probe_does(tiny):
    one = outcome_of(tiny, Probe(("I live in Rome.",), "And where do I live? " * 5, None), "am")
    assert any("longer than the window" in note for note in one.notes)
    assert probe_controls.never_told(tiny, one).continuation


def test_another_variant_is_scored_behind_the_same_words(tiny, asked):
    one = probe.outcome(tiny, asked.plan, asked.state, asked.settings, " in")
    alone = probe.prepare(tiny, Probe(TOLD, ASK + " in", " Rome"))
    base = probe.score(
        tiny, blank(tiny), alone.ask_ids, alone.answer_ids, asked.settings)
    assert one.lead == " in" and one.exact in (False, None)
    np.testing.assert_allclose(one.base.log, base.log, atol=1e-5)


@pytest.mark.parametrize("continuation, lead, whole", [
    (" 7.", "", True), (" 71.", "", False), (" You said 7.", " You said", True),
    (" You said 71.", " You said", False), (" I do not know.", " You said", True)])
def test_a_longer_word_is_not_the_answer(asked, continuation, lead, whole):
    plan = replace(asked.plan, probe=replace(asked.plan.probe, answer=" 7"))
    best = replace(asked.scored, rank=np.ones_like(asked.scored.rank))
    one = replace(asked, plan=plan, scored=best, continuation=continuation, lead=lead)
    assert one.whole is whole and one.exact is (whole and not lead)


@pytest.mark.parametrize("tell, answer, other, left", [
    ("My phone is 0123 456 789. My lucky number is 7.", " 7", "0123 456 789", "My phone"),
    ("I work as a teacher. I drink tea.", " tea", "teacher", "I work as a teacher."),
    ("I work as a teacher. I drink tea.", " Tea", "teacher", "I work as a teacher."),
])
def test_controls_know_words_from_parts_of_words(tell, answer, other, left):
    given = Probe((tell,), "What?", answer)
    value, changed = probe_controls.another(given)
    assert value and other in changed.tell[0] and changed.tell[0] != tell
    assert probe.says(changed.tell[0], answer) is False
    assert probe_controls.untold(given).tell[0].startswith(left)
    assert not probe.says(probe_controls.untold(given).tell[0], answer)


def test_where_no_sentence_holds_the_answer_nothing_is_left_out(tiny):
    one = outcome_of(tiny, Probe(("I am Ann.",), "Who am I?", " Bob"), "am")
    assert not probe_controls.never_told(tiny, one).left_out
    one = outcome_of(tiny, Probe(("I am Ann.",), "Who am I?", " ann"), "am")
    assert probe_controls.never_told(tiny, one).left_out


def test_the_answer_in_words_is_found_only_whole():
    assert probe.says(" You live in New York.", " New York") is True
    assert probe.says(" You live in New Yorkshire.", " New York") is False
    assert probe.says(" I see.", None) is None


def test_the_founding_fact_is_recalled_from_its_slot(embedded):
    given = Probe(
        ("My name is James Theory. I live in New York.",), "Where do I live?", " New York")
    one = outcome_of(embedded, given, "am")
    assert one.said and one.lead == " You live in" and one.scored.exact and not one.base.exact
    found = verdict.judge(embedded, one)
    assert found.kind == "recalled" and "prompt 1, token" in found.sentence
    assert found.without_most.scored.joint < 0.5 * one.scored.joint
    assert verdict.p(one.scored.joint) in found.sentence
    other = outcome_of(embedded, given, "gpt2")
    assert verdict.judge(embedded, other).kind == "no memory" and not other.said


def test_what_is_likely_anyway_is_no_recall(embedded):
    given = Probe(("It is raining again.",), "Where do I live?", " I do not know")
    one = outcome_of(embedded, given, "am")
    assert verdict.judge(embedded, one).kind == "already likely"


def test_without_an_answer_the_verdict_says_what_was_said(embedded):
    one = outcome_of(embedded, Probe(TOLD, "What pet do I have?"), "am")
    found = verdict.judge(embedded, one)
    assert found.kind == "no answer" and one.continuation.strip() in found.sentence
    assert one.exact is None and one.said is None


def test_controls_put_another_value_and_leave_the_fact_out(embedded):
    given = Probe(("My name is Ann. I live in New York.",), "Where do I live? You live in",
                  " New York")
    found = probe_controls.run_controls(embedded, outcome_of(embedded, given, "am"))
    assert found.other.value != "New York" and found.other.value in found.other.probe.tell[0]
    assert found.other.own.joint > found.other.right.joint
    assert found.never.probe.tell == ("My name is Ann.",)
    assert found.never.probe.ask == "Where do I live?" and found.never.refused
    assert found.in_context.exact and np.array_equal(found.prior.log, found.empty.log)


def test_an_answer_that_was_never_told_has_a_stranger_as_other_person(embedded):
    value, changed = probe_controls.another(Probe(TOLD, "What pet do I have?", " owl"))
    assert value == "" and changed.tell != TOLD
    assert probe_controls.untold(Probe(TOLD, "Who am I? You are", " Ann")).tell == (
        "I live in Rome.",)


@pytest.mark.parametrize("probability, shown", [
    (0.5, "0.50"), (0.99982, "0.9998"), (0.00011, "0.00011"), (0.0000123, "1.2 × 10⁻⁵"), (3e-13, "3.0 × 10⁻¹³"),
    (0.0, "0"), (1.0, "1"), (0.99999987, "0.9999999")])
def test_a_probability_is_never_rounded_to_one_or_nothing(probability, shown):
    assert verdict.p(probability) == shown
