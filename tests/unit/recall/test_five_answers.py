"""Five memories: the cache says what the prompt says, and the embedded model says it plainly."""

import numpy as np
import pytest
import torch

from model.loading import checkpoint
from model.memory import asking
from model.memory.settings import FusionSettings, Settings
from model.notes import index, search
from model.notes.embedding_text import HiddenStates
from model.notes.note import NotesError
from model.notes.prompt import build
from model.notes.store import opened
from model.recall import five_answers
from model.recall.note_examples import EXAMPLES
from model.run import generate, tokens, trace, turn

NOTES = ["My name is James Theory.", "I live in New York.", "I work as a teacher."]
QUESTION = "Where do I live? I live in"


@pytest.fixture(scope="module")
def embedded():
    return checkpoint.load("embedded")


@pytest.fixture(scope="module")
def facts(embedded):
    return five_answers.facts(embedded, NOTES, 384)


def test_an_answer_is_the_stock_models_greedy_text(embedded):
    ids = build(embedded, QUESTION, NOTES, 16).ids
    found, grown = five_answers.answer(embedded, ids), ids
    for _ in range(len(found.texts)):
        grown = np.r_[grown, int(generate.recompute(embedded, grown)[-1].argmax())]
    assert embedded.tokenizer.decode(grown[len(ids) :]) == found.text == " New York."
    assert found.ended and found.n_window == len(ids)
    expected = trace.run(embedded, ids).next_logits.double().softmax(-1).max()
    assert found.top.probability[0] == pytest.approx(float(expected), abs=1e-6)


def test_the_kept_cache_says_what_the_prompt_says(embedded, facts):
    question = five_answers.question_behind(embedded, facts, QUESTION)
    pasted = five_answers.answer(embedded, np.r_[facts.ids, question])
    kept = five_answers.keep(embedded, facts)
    before = kept.layers[0].keys.clone()
    for _ in range(2):  # asked twice: what is kept does not change
        going_on = five_answers.continued(embedded, kept, question)
        torch.testing.assert_close(going_on.logits, pasted.logits, rtol=0, atol=1e-3)
        assert going_on.text == pasted.text and going_on.n_window == pasted.n_window
    assert torch.equal(kept.layers[0].keys, before) and kept.n_entries == len(facts.ids)
    assert kept.n_bytes == trace.run(embedded, facts.ids).cache_bytes


def test_facts_are_the_newest_that_fit(embedded):
    everything = five_answers.facts(embedded, NOTES, 384)
    text = embedded.tokenizer.decode(everything.ids[1:])
    assert text == " ".join(NOTES) and (everything.n_notes, everything.n_all) == (3, 3)
    some = five_answers.facts(embedded, NOTES, 18)
    assert embedded.tokenizer.decode(some.ids[1:]) == " ".join(NOTES[1:]) and some.n_notes == 2
    assert len(some.ids) <= 18 and not some.is_cut
    end = five_answers.facts(embedded, ["a " * 5000 + "I live in New York."], 10)
    assert end.is_cut and len(end.ids) == 10
    assert embedded.tokenizer.decode(end.ids[1:]).endswith("I live in New York.")
    assert len(five_answers.facts(embedded, [], 10).ids) == 1


def test_a_question_too_long_for_the_facts_is_one_sentence(embedded, facts):
    with pytest.raises(NotesError, match="shorten it"):
        five_answers.question_behind(embedded, facts, "word " * 500)
    state, _ = five_answers.told(embedded, NOTES, Settings())
    with pytest.raises(NotesError, match="shorten it"):
        five_answers.remembered(embedded, state, "word " * 512, Settings())


def test_the_networks_memory_is_told_what_its_slots_hold(embedded):
    settings = Settings(fusion=FusionSettings(slots=20))
    state, n = five_answers.told(embedded, ["Old. " * 50, *NOTES], settings)
    assert n == 3 and state.prompts[-1] == NOTES[-1] and len(state.bank) <= 20
    _, n = five_answers.told(embedded, ["word " * 100_000], settings)
    assert n == 1
    found = five_answers.remembered(embedded, state, QUESTION, settings)
    asked = asking.ask(embedded, state, tokens.encode(embedded.tokenizer, QUESTION), settings)
    torch.testing.assert_close(found.logits, asked.trace.next_logits)
    assert found.n_window == len(asked.trace) and found.first_position == asked.trace.reading.start


def test_an_answer_that_nobody_waits_for_ends(embedded, nobody_waits):
    with turn.opened(nobody_waits), pytest.raises(turn.Overtaken):
        five_answers.answer(embedded, np.array([1, 2, 3]))


def test_random_weights_are_known_as_such(embedded, tiny):
    assert not five_answers.is_untrained(embedded)
    assert five_answers.is_untrained(tiny)


def five(embedded, example, tmp_path):
    """Answers of the five memories and what was in the notes' prompt."""
    with opened(tmp_path / "notes.sqlite3") as store:
        store.add(example.drafts)
        made = index.Maker(embedded, 64, HiddenStates(embedded, 3))
        list(index.update(store, made))
        vector = made.embedder.embed([example.question])[0]
        found = search.search(store, made, example.question, vector, 8)
    texts, settings = list(example.texts), Settings()
    pasted = five_answers.facts(embedded, texts, 384)
    question = five_answers.question_behind(embedded, pasted, example.question)
    state, _ = five_answers.told(embedded, texts, settings)
    prompts = (
        five_answers.alone(embedded, example.question).ids, np.r_[pasted.ids, question],
        build(embedded, example.question, [c.text for c in found[:3]], 16).ids,
    )
    weights, prompt, notes = (five_answers.answer(embedded, ids).text for ids in prompts)
    memory = five_answers.remembered(embedded, state, example.question, settings).text
    return {"weights": weights, "prompt": prompt, "memory": memory, "notes": notes}


def test_the_first_example_is_known_by_all_but_the_weights(embedded, tmp_path):
    found = five(embedded, EXAMPLES[0], tmp_path)
    assert found.pop("weights") != " New York."
    assert found == {"prompt": " New York.", "memory": " New York.", "notes": " New York."}


@pytest.mark.slow
def test_the_long_diary_is_known_by_the_notes_alone(embedded, tmp_path):
    """More than the prompt's share and the slots hold: what the page says beside the example."""
    found = five(embedded, EXAMPLES[1], tmp_path)
    assert found.pop("notes") == " New York."
    assert " New York." not in found.values()


def test_of_a_fact_that_changed_both_are_found(embedded, tmp_path):
    with opened(tmp_path / "notes.sqlite3") as store:
        store.add(EXAMPLES[2].drafts)
        made = index.Maker(embedded, 64, HiddenStates(embedded, 3))
        list(index.update(store, made))
        vector = made.embedder.embed([EXAMPLES[2].question])[0]
        found = search.search(store, made, EXAMPLES[2].question, vector, 3)
    assert {"I live in Paris.", "I have moved to Rome."} <= {c.text for c in found}
