"""Attention with Memory: exact where it claims to be, nothing where it is switched off."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from model.grafts.reading import Reading
from model.memory import asking, cuts, fusion, telling
from model.memory.settings import FusionSettings, Settings
from model.memory.state import blank
from model.run import tokens, trace

FACT, QUESTION = "My name is Ann. I live in Rome.", "Where do I live?"
READ = Settings(fusion=FusionSettings(needed=0.0))  # untrained weights move hardly anything
CONTINUE = Settings(fusion=FusionSettings(positions="continue", unit="all"))


def told(checkpoint, *texts, settings=Settings()):
    state = blank(checkpoint)
    for text in texts:
        state = telling.tell(checkpoint, state, text, settings).state
    return state


def ids(checkpoint, text):
    return tokens.encode(checkpoint.tokenizer, text)


def with_start(checkpoint, text):
    return np.r_[256, ids(checkpoint, text)]


def test_an_empty_memory_is_exactly_gpt2(tiny):
    asked = asking.ask(tiny, blank(tiny), ids(tiny, QUESTION), Settings())
    plain = trace.run(tiny, with_start(tiny, QUESTION))
    assert torch.equal(asked.trace.next_logits, plain.next_logits)


def test_minus_infinity_of_strength_is_gpt2_at_those_positions(tiny):
    state = told(tiny, FACT)
    off = fusion.reading(state.bank, "restart", None, -1e9)
    run = trace.run(tiny, with_start(tiny, QUESTION), reading=off)
    plain = trace.run(tiny, with_start(tiny, QUESTION))
    torch.testing.assert_close(run.next_logits, plain.next_logits, atol=1e-5, rtol=0)


def test_continue_equals_the_full_context(tiny):
    texts = ["I live in Rome.", " I am Ann.", " It rains.", " Where?"]
    state = told(tiny, *texts[:3], settings=CONTINUE)
    assert len(state.bank) == 1 + sum(map(len, texts[:3]))
    asked = asking.ask(tiny, state, ids(tiny, texts[3]), CONTINUE)
    full = trace.run(tiny, with_start(tiny, "".join(texts)))
    torch.testing.assert_close(asked.trace.next_logits, full.next_logits, atol=1e-5, rtol=0)
    other = asking.ask(tiny, state, ids(tiny, texts[3]), Settings(fusion=FusionSettings(unit="all", positions="restart")))
    assert (other.trace.next_logits - full.next_logits).abs().max() > 0.01


def test_memory_changes_the_answer(tiny):
    question = ids(tiny, QUESTION)
    plain = asking.ask(tiny, blank(tiny), question, Settings()).trace.next_logits
    assert (asking.ask(tiny, told(tiny, FACT), question, READ).trace.next_logits - plain).abs().max() > 0.01


def test_permuting_slots_changes_nothing(tiny):
    state, question = told(tiny, FACT), with_start(tiny, QUESTION)
    order = np.random.default_rng(0).permutation(len(state.bank))
    there = trace.run(tiny, question, reading=fusion.reading(state.bank))
    shuffled = trace.run(tiny, question, reading=fusion.reading(fusion.select(state.bank, order)))
    torch.testing.assert_close(there.next_logits, shuffled.next_logits, atol=1e-5, rtol=0)


def test_removing_a_block_equals_never_having_written_it(tiny):
    both = told(tiny, FACT, "It rains.")
    without = fusion.select(both.bank, np.flatnonzero(both.bank.slots.prompt == 1))
    question = with_start(tiny, QUESTION)
    a = trace.run(tiny, question, reading=fusion.reading(without))
    b = trace.run(tiny, question, reading=fusion.reading(told(tiny, FACT).bank))
    assert torch.equal(a.next_logits, b.next_logits)


def test_rows_over_memory_and_local_sum_to_one_and_give_what_attention_added(tiny):
    state = told(tiny, FACT)
    run = asking.ask(tiny, state, ids(tiny, QUESTION), Settings(fusion=FusionSettings(unit="all"))).trace
    for layer, block in enumerate(tiny.model.transformer.h):
        w = fusion.union_weights(tiny, run, layer)
        torch.testing.assert_close(w.sum(-1), torch.ones_like(w[..., 0]))
        v = torch.cat([run.reading.values[layer], run.layer_v(layer)], dim=1)
        with torch.inference_mode():
            added = block.attn.c_proj((w @ v).transpose(0, 1).flatten(1))
        torch.testing.assert_close(added, run.attention_added(layer), atol=1e-4, rtol=0)


def test_typing_on_with_the_same_reading_reuses_the_prefix(tiny):
    question, read = with_start(tiny, QUESTION), fusion.reading(told(tiny, FACT).bank)
    before = trace.run(tiny, question[:-2], reading=read)
    grown = trace.run(tiny, question, prefix=before, reading=read)
    assert grown.n_run == 2
    whole = trace.run(tiny, question, reading=read)
    torch.testing.assert_close(grown.next_logits, whole.next_logits, atol=2e-5, rtol=0)
    assert trace.run(tiny, question, prefix=before).n_run == len(question)


def test_the_budget_holds_and_the_newest_sentence_stays(tiny):
    settings = Settings(fusion=FusionSettings(slots=20))
    written = telling.tell(tiny, told(tiny, FACT, settings=settings), "It rains.", settings)
    assert len(written.state.bank) <= 20 and written.n_evicted > 0
    assert set("".join(written.state.bank.slots.text)) >= set("rains")
    assert written.state.n_evicted == len(FACT) + len("It rains.") - len(written.state.bank)


def test_position_zero_is_not_stored_and_every_slot_knows_its_origin(tiny):
    table = told(tiny, FACT).bank.slots
    assert table.position.tolist() == list(range(len(FACT)))
    assert "".join(table.text) == FACT.replace(" ", "·")
    assert set(table.around) == {"My·name·is·Ann.", "·I·live·in·Rome."}
    assert (table.prompt == 1).all()


def test_a_threshold_that_lets_nothing_through_writes_nothing(tiny):
    written = telling.tell(tiny, blank(tiny), FACT, Settings(fusion=FusionSettings(score="surprisal", threshold=1e9)))
    assert len(written.state.bank) == 0 and not written.stored.any()
    assert written.state.prompts == (FACT,)


def test_a_prompt_longer_than_the_window_is_written_whole(tiny):
    text = "abcdefgh. " * 12  # 120 tokens, the window holds 64
    written = telling.tell(tiny, blank(tiny), text, Settings())
    assert "".join(written.state.bank.slots.text) == text.replace(" ", "·")
    assert written.state.bank.slots.position.tolist() == list(range(120))


def test_a_long_prompt_is_cut_between_sentences(tiny):
    """Windows of at most 31 tokens, here characters: no sentence is stored in two halves."""
    text = ("abcdefgh. " * 12).strip()
    written = telling.tell(tiny, blank(tiny), text, Settings(fusion=FusionSettings(slots=1024)))
    table = written.state.bank.slots
    assert len(set(table.block)) == 12 and set(table.around) == {"abcdefgh.", "·abcdefgh."}
    parts = cuts.windows(tiny, ids(tiny, text))
    assert [part.stop for part in parts[:-1]] == [part.start for part in parts[1:]]
    assert max(part.stop - part.start for part in parts) <= 31


def test_a_sentence_longer_than_a_window_is_cut_itself(tiny):
    parts = cuts.windows(tiny, ids(tiny, "We go. " + "a" * 70 + ". It is."))
    assert [(part.start, part.stop) for part in parts] == [(0, 6), (6, 37), (37, 68), (68, 85)]


LONG = FACT + " It rains." * 7 + " " + QUESTION  # the window holds 64, half of it 31


def test_the_end_of_a_prompt_that_is_too_long_asks_with_its_front_in_memory(tiny):
    whole = ids(tiny, LONG)
    n = cuts.n_front(tiny, whole)
    assert LONG[n:] == " It rains. " + QUESTION
    front = telling.behind_front(tiny, blank(tiny), LONG, Settings())
    table = front.state.bank.slots
    assert "".join(table.text) == LONG[:n].replace(" ", "·") and (table.prompt == 1).all()
    assert front.state.prompts == (LONG[:n],)
    asked = asking.ask(tiny, front.state, whole[n:], READ)
    assert len(asked.kept) and len(asked.trace) == 1 + len(whole) - n


def test_reads_behind_a_front_count_for_what_was_there_before(tiny):
    before = told(tiny, "I am Ann.")
    settings = Settings(fusion=FusionSettings(needed=0.0, fits=0.0, n_retrieved=64))
    front = telling.behind_front(tiny, before, LONG, settings).state
    end = ids(tiny, LONG)[cuts.n_front(tiny, ids(tiny, LONG)) :]
    asked = asking.ask(tiny, front, end, settings)
    there = asking.after_reading(tiny, front, asked).bank.slots
    here = asking.after_reading(tiny, before, asked, front).bank.slots
    n = len("I am Ann.")
    assert len(here) == n and here.total_read.max() > 0
    np.testing.assert_array_equal(here.total_read, there.total_read[:n])


def test_what_left_on_trial_keeps_its_last_read(tiny):
    settings, before = Settings(fusion=FusionSettings(slots=40), policy="fifo"), told(tiny, "I am Ann.")
    read = before.bank.slots.read(np.full(len(before.bank), 0.5))
    before = replace(before, bank=replace(before.bank, slots=read))
    front = telling.behind_front(tiny, before, LONG, settings).state
    assert not (front.bank.slots.prompt == 1).any()
    end = ids(tiny, LONG)[cuts.n_front(tiny, ids(tiny, LONG)) :]
    asked = asking.ask(tiny, front, end, settings)
    after = asking.after_reading(tiny, before, asked, front).bank.slots
    assert (after.last_read == 0.5).all() and (after.total_read == 0.5).all()


@pytest.mark.parametrize("text, n", [
    (QUESTION, 0), ("It is. " + "a" * 40, 18), ("It is. " + "a" * 41, 18), ("It is. " + "a" * 43, 21),
])
def test_where_the_end_of_a_prompt_begins(tiny, text, n):
    """Within a sentence that is longer than half the window, at every third token only."""
    assert cuts.n_front(tiny, ids(tiny, text)) == n and len(text) - n <= 31


def test_a_prompt_that_fits_has_no_front_nor_one_that_continues(tiny):
    assert telling.behind_front(tiny, blank(tiny), QUESTION, Settings()) is None
    assert telling.behind_front(tiny, blank(tiny), LONG, CONTINUE) is None


@pytest.mark.parametrize("score", ["everything", "surprisal", "novelty", "attention received"])
def test_the_best_of_a_prompt_are_so_many_sentences(tiny, score):
    settings = Settings(fusion=FusionSettings(score=score, threshold=-9.0), best=2)
    state = told(tiny, "I am. It is. We go.", settings=settings)
    assert len(set(state.bank.slots.block)) == 2


@pytest.mark.parametrize("policy", ["least recently read", "least attended"])
def test_a_full_memory_still_takes_in_what_is_told(tiny, policy):
    settings, state = Settings(fusion=FusionSettings(slots=24), policy=policy), told(tiny, "I am Ann. It rains.")
    for text in ("I live in Rome.", "We eat now.", "He left us."):
        asked = asking.ask(tiny, state, ids(tiny, QUESTION), settings)
        state = asking.after_reading(tiny, state, asked)
        state = telling.tell(tiny, state, text, settings).state
        assert state.bank.slots.prompt.max() == state.bank.n_prompts


def test_two_passes_keep_whole_sentences(tiny):
    state = told(tiny, "I am Ann. It rains. I live in Rome. We eat. He left.")
    asked = asking.ask(tiny, state, ids(tiny, QUESTION), Settings(fusion=FusionSettings(needed=0.0, fits=0.0, n_retrieved=2)))
    kept = state.bank.slots.block[asked.kept]
    assert len(set(kept)) == 2
    for block in set(kept):
        assert (kept == block).sum() == (state.bank.slots.block == block).sum()
    best = sorted(asked.relevance, key=asked.relevance.get)[-2:]
    assert set(best) == set(kept)


def test_what_fits_less_well_is_not_read_beside_the_best(tiny):
    state = told(tiny, "I am Ann. It rains. I live in Rome. We eat. He left.")
    loose, strict = (asking.ask(tiny, state, ids(tiny, QUESTION), Settings(fusion=FusionSettings(needed=0.0, fits=fits)))
                     for fits in (0.0, 1.0))
    best = max(loose.relevance, key=loose.relevance.get)
    assert set(state.bank.slots.block[strict.kept]) == {best}
    assert len(loose.kept) > len(strict.kept)


def test_merging_keeps_the_budget_and_the_older_origin(tiny):
    state = told(tiny, "aaaa bbbb")
    merged = fusion.merge(state.bank, 6)
    assert len(merged) == 6 and merged.keys.shape[2] == 6
    assert merged.slots.position[0] == 0
    assert len(fusion.merge(state.bank, 0)) == 0


def test_reads_are_counted_for_the_slots_that_were_read(tiny):
    state = told(tiny, FACT)
    asked = asking.ask(tiny, state, ids(tiny, QUESTION), Settings(fusion=FusionSettings(needed=0.0, fits=0.0, n_retrieved=1)))
    after = asking.after_reading(tiny, state, asked)
    unread = np.setdiff1d(np.arange(len(FACT)), asked.kept)
    assert after.bank.slots.total_read[asked.kept].max() > 0
    assert not after.bank.slots.total_read[unread].any()
    assert not state.bank.slots.total_read.any()  # the state that went in is untouched


@pytest.mark.parametrize(
    "settings, words",
    [
        (Settings(fusion=FusionSettings(positions="rope")), "No positions 'rope'. Choose one of parallel"),
        (Settings(policy="lifo"), "No policy 'lifo'. Choose one of fifo"),
        (Settings(fusion=FusionSettings(score="mood")), "No salience 'mood'. Choose one of everything"),
    ],
)
def test_settings_that_do_not_exist_are_said(tiny, settings, words):
    with pytest.raises(ValueError, match=words):
        state = telling.tell(tiny, blank(tiny), FACT, replace(settings)).state
        asking.ask(tiny, state, ids(tiny, QUESTION), settings)


def test_sentences_end_where_they_end():
    numbers = cuts.sentences(["I", "·am", ".", '"', "·He", "·left", "!", "↵", "Yes"])
    assert numbers.tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 2]


def test_replay_is_the_plain_model_on_what_was_retrieved_and_the_prompt(tiny):
    settings = Settings(fusion=FusionSettings(needed=0.0, positions="replay", unit="prompt", n_retrieved=1))
    state = told(tiny, "I am Ann. It rains.", settings=settings)
    asked = asking.ask(tiny, state, ids(tiny, QUESTION), settings)
    assert asked.kept.tolist() == list(range(len(state.bank)))
    whole = trace.run(tiny, with_start(tiny, "I am Ann. It rains." + QUESTION))
    n = len(state.bank)
    ours = trace.logits(tiny, asked.trace)[1:]
    torch.testing.assert_close(ours, trace.logits(tiny, whole)[n + 1 :], atol=1e-5, rtol=0)
    rows = [0, *range(n + 1, len(whole))]  # the prompt's own tokens in the whole text
    for layer in range(whole.n_layers):
        shown = fusion.union_weights(tiny, asked.trace, layer)
        there = fusion.union_weights(tiny, whole, layer)[:, rows]
        there = torch.cat([there[..., 1 : n + 1], there[..., :1], there[..., n + 1 :]], dim=-1)
        torch.testing.assert_close(shown, there, atol=1e-5, rtol=0)


def test_replay_of_some_sentences_is_the_plain_model_on_those(tiny):
    settings = Settings(fusion=FusionSettings(needed=0.0, fits=0.0, positions="replay", n_retrieved=2))
    state = told(tiny, "I am Ann. It rains. I live in Rome.", "We eat.", settings=settings)
    asked = asking.ask(tiny, state, ids(tiny, QUESTION), settings)
    table = state.bank.slots
    assert len(set(table.block[asked.kept])) == 2 and len(asked.kept) < len(table)
    text = np.r_[256, table.token[asked.kept], ids(tiny, QUESTION)]
    whole = trace.run(tiny, text)
    torch.testing.assert_close(asked.trace.next_logits, whole.next_logits, atol=1e-5, rtol=0)


def test_replay_takes_only_what_fits_the_window_best_sentences_first(tiny):
    settings = Settings(fusion=FusionSettings(needed=0.0, positions="replay", unit="all"))
    state = told(tiny, "I am Ann. It rains.", "We eat. He left.", "I live in Rome.")
    assert len(state.bank) + 1 + len(QUESTION) > 64 > asking.room(tiny, state, settings)
    asked = asking.ask(tiny, state, ids(tiny, QUESTION), settings)
    assert 0 < len(asked.kept) <= 64 - 1 - len(QUESTION)
    best = max(asked.relevance, key=asked.relevance.get)
    assert best in state.bank.slots.block[asked.kept]


def test_merging_leaves_pinned_slots_as_they_are(tiny):
    bank = told(tiny, "aaaa bbbb. cc").bank
    bank = replace(bank, slots=bank.slots.pin(0, True))
    n_pinned = int(bank.slots.pinned.sum())
    merged = fusion.merge(bank, n_pinned + 1)
    assert len(merged) == n_pinned + 1 and merged.slots.pinned.sum() == n_pinned
    assert torch.equal(merged.keys[:, :, :n_pinned], bank.keys[:, :, :n_pinned])
    assert len(fusion.merge(bank, 2)) == 2


def test_a_prompt_that_fusion_is_left_out_of_read_nothing(tiny):
    """The same question counts where it is read; where it is not, the reads stay as they are."""
    state = told(tiny, FACT)
    read = asking.ask(tiny, state, ids(tiny, QUESTION), READ)
    state = asking.after_reading(tiny, state, read)
    left_out = asking.ask(tiny, state, ids(tiny, QUESTION), Settings(fusion=FusionSettings(needed=1.0)))
    assert left_out.moved < 1.0 and left_out.relevance and not len(left_out.kept)
    before, after = state.bank.slots, asking.after_reading(tiny, state, left_out).bank.slots
    assert before.last_read.max() > 0
    for name in ("n_reads", "total_read", "last_read"):
        assert np.array_equal(getattr(after, name), getattr(before, name))


def test_memory_does_not_fade_behind_a_long_prompt():
    """Half of ln(n / 16) nats from 16 tokens on, for prompts that were read apart only."""
    apart = Reading(torch.zeros(1, 1, 2, 4), torch.zeros(1, 1, 2, 4), np.arange(2), 0, 0.5, apart=True)
    found = apart.added(0, 64)
    assert found[:16].tolist() == [0.5] * 16 and found[63].item() == pytest.approx(0.5 + np.log(4) / 2)
    assert torch.equal(apart.added(40, 64), found[40:])
    assert replace(apart, apart=False).added(0, 64).tolist() == [0.5] * 64
