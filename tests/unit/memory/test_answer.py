"""A whole answer, said with memory and without: identities with fresh runs and with transformers."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import GPT2LMHeadModel

from model.loading import checkpoint
from model.memory import answer, asking, fusion, telling
from model.memory.answer import END_OF_TEXT, LIMIT, NOTHING, SENTENCE, WINDOW, Answer
from model.memory.settings import FusionSettings, Settings
from model.memory.state import blank
from model.run import tokens, trace
from tests.conftest import byte_tokenizer

TOLD, QUESTIONS = "My name is James Theory. I live in New York.", ("Where do I live?", "My name")


@pytest.fixture(scope="module")
def embedded():
    return checkpoint.load("embedded")


@pytest.fixture(scope="module")
def settings(embedded):
    parts = embedded.memory.parts if embedded.memory is not None else ()
    return Settings(fusion=FusionSettings(slots=128), modules=frozenset({"am", *parts}))


@pytest.fixture(scope="module")
def told(embedded, settings):
    return telling.tell(embedded, blank(embedded), TOLD, settings).state


def asked(model, state, text, settings):
    return asking.ask(model, state, tokens.encode(model.tokenizer, text), settings).trace


def whole(model, run, **more):
    (*_, last) = answer.say(model, run, **more)
    return last


def foreseen(model, run, said):
    """The most probable token at every place of prompt + answer, run afresh with the same memory,
    and its log-probability."""
    again = trace.run(model, np.r_[run.ids, said.ids], reading=run.reading, graft=run.graft)
    rows = trace.logits(model, again, len(run) - 1)[:-1].double()
    best = rows.log_softmax(-1).max(-1)
    return best.indices.numpy(), best.values.numpy()


@pytest.mark.parametrize("positions", ["parallel", "replay", "restart"])
@pytest.mark.parametrize("question", QUESTIONS)
def test_with_memory_it_is_the_argmax_of_a_fresh_run(embedded, told, settings, question, positions):
    own = settings.with_fusion(positions=positions, needed=0.0)
    run = asked(embedded, told, question, own)
    assert run.reading is not None
    said = whole(embedded, run)
    ids, log = foreseen(embedded, run, said)
    assert len(said) and ids.tolist() == said.ids.tolist()
    np.testing.assert_allclose(said.log, log, atol=1e-4)
    assert said.probability == pytest.approx(np.exp(log.sum()), rel=1e-3)
    assert said.per_token == pytest.approx(np.exp(log.mean()), rel=1e-3)


@pytest.mark.parametrize("question", (*QUESTIONS, "Once upon a time", "I like"))
def test_without_memory_it_is_what_transformers_generates(embedded, settings, question):
    run = asked(embedded, blank(embedded), question, settings)
    said = whole(embedded, run)
    ids = torch.tensor(np.array(run.ids))[None]
    own = GPT2LMHeadModel.from_pretrained(embedded.folder, dtype=embedded.model.dtype).eval()
    stock = own.generate(
        ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=answer.MOST,
        pad_token_id=0,
    )[0, len(run) :].numpy()
    assert stock[: len(said)].tolist() == said.ids.tolist()
    if said.end == END_OF_TEXT:
        assert stock[len(said)] == embedded.tokenizer.eos_token_id


def test_every_step_runs_one_token(tiny, monkeypatch):
    run, n_run = trace.run(tiny, tokens.encode(tiny.tokenizer, "abc")), []
    real = answer.run
    monkeypatch.setattr(answer, "run", lambda *a, **k: (n_run.append(t := real(*a, **k)), t)[1])
    (*_, said) = answer.say(tiny, run, most=6)
    assert {t.n_run for t in n_run} == {1} and len(n_run) <= len(said)


def test_drafts_change_no_word_and_save_runs(embedded, told, settings, monkeypatch):
    run = asked(embedded, told, "Where do I live?", settings)
    full, n_runs, real = whole(embedded, run), [], answer.run
    monkeypatch.setattr(answer, "run", lambda *a, **k: (n_runs.append(1), real(*a, **k))[1])
    wrong = replace(full, ids=full.ids[::-1].copy())
    half = replace(full, ids=np.r_[full.ids[:3], 7, 7, full.ids[5:]])
    longer = replace(full, ids=np.r_[full.ids, 7, 7])
    later = replace(full, ids=np.r_[7, full.ids[1:]])
    for drafts, most_runs in (
        ([full], 1), ([longer], 1), ([half], len(full)), ([half, full], 2), ([wrong], len(full)),
        ([], len(full)), ([wrong, half, full], 3), ([later], 4),
    ):
        del n_runs[:]
        again = whole(embedded, run, drafts=[draft.ids for draft in drafts])
        assert again.ids.tolist() == full.ids.tolist() and again.end == full.end
        np.testing.assert_allclose(again.log, full.log, atol=1e-4)
        assert len(n_runs) <= most_runs


def test_what_followed_the_answers_last_tokens_is_looked_up_in_the_drafts():
    said = lambda *ids: Answer(np.array(ids), np.zeros(len(ids)), "", "")
    guess = lambda answer, *drafts: answer_of(answer, [np.array(draft) for draft in drafts])
    answer_of = lambda one, drafts: answer._guess(one, drafts).tolist()
    assert guess(said(), [1, 2, 3]) == [] and guess(said(1), [2, 3]) == []
    assert guess(said(1), [1, 2, 3, 4, 5, 6, 7, 8]) == [2, 3, 4, 5, 6, 7, 8]  # begins like it
    assert guess(said(9, 1), [1, 2, 3, 4, 5, 6, 7, 8]) == [2, 3, 4, 5]
    assert guess(said(9, 4, 1), [1, 2, 3], [4, 1, 5]) == [5]  # two tokens fit there
    assert guess(said(9, 3), [1, 2, 3], [8, 3, 3]) == [3]
    assert guess(said(1), [256, 1 << 40, 7]) == []  # bytes of two neighbours are no token


def test_a_draft_that_does_not_fit_the_window(tiny):
    run = trace.run(tiny, np.arange(50))
    plain = whole(tiny, run)
    (first, *_) = answer.say(tiny, run)
    draft = np.r_[first.ids, np.arange(30)]
    assert whole(tiny, run, drafts=[draft]).ids.tolist() == plain.ids.tolist()


def test_a_prompt_on_the_way_of_an_answer_runs_nothing(embedded, told, settings, monkeypatch):
    run = asked(embedded, told, "Where do I", settings)
    before = whole(embedded, run)
    ids = np.r_[run.ids, before.ids[:1]]
    assert len(before) > 1
    monkeypatch.setattr(answer, "run", None)
    left = answer.rest(embedded, run.ids, before, ids)
    assert left.ids.tolist() == before.ids[1:].tolist() and left.end == before.end
    np.testing.assert_array_equal(left.log, before.log[1:])
    assert whole(embedded, run, known=left) is left


def test_an_answer_that_was_cut_goes_on_where_it_stopped(embedded, told, settings):
    run = asked(embedded, told, "Where do I live?", settings)
    short, full = whole(embedded, run, most=3), whole(embedded, run)
    assert short.end == LIMIT
    known = answer.rest(embedded, run.ids, short, run.ids)
    again = whole(embedded, run, known=known)
    assert not known.end and again.ids.tolist() == full.ids.tolist() and again.end == full.end
    np.testing.assert_allclose(again.log, full.log, atol=1e-4)


def test_off_the_way_nothing_is_known(tiny):
    said = Answer(np.array([5, 6, 7]), np.zeros(3), "abc", LIMIT)
    for ids in ([1], [1, 2, 6], [1, 2, 5, 6, 7], [1, 2, 5, 6, 7, 8]):
        assert answer.rest(tiny, np.array([1, 2]), said, np.array(ids)) is NOTHING
    assert answer.rest(tiny, np.array([1, 2]), said, np.array([1, 2, 5])).ids.tolist() == [6, 7]


def test_the_window_ends_an_answer(tiny):
    full = trace.run(tiny, np.zeros(62, np.int64))
    said = whole(tiny, full)
    assert said.end in (WINDOW, SENTENCE, END_OF_TEXT) and len(said) <= 3
    reading = fusion.reading(telling.tell(tiny, blank(tiny), "abc", Settings()).state.bank)
    behind = trace.run(tiny, np.zeros(64 - reading.start, np.int64), reading=reading)
    assert len(whole(tiny, behind)) <= 1


@pytest.mark.parametrize("text, following, over", [
    ("You live in Rome.", "", True), ("Is it?", "", True), ("It costs 3.", "14", False),
    ("It costs 3.", " The", True), ("It is 4711.", "\n", True), ("Ask Mrs.", " Bell", False),
    ("Ask J.", " Bell", False), ("Ask Mrs.", "\n", True), ("\nYou", "", False),
    ("You\n", "", True), ('He said "no."', "", True), ("东京。", "", True), ("a, b", " c", False),
])
def test_where_a_sentence_ends(text, following, over):
    assert (answer._is_over(text) or answer._was_over(text, following)) == over


def test_pieces_are_whole_characters_and_never_bidi_overrides():
    tokenizer = byte_tokenizer()
    ids = tokens.encode(tokenizer, "a 东\u202e<b>")
    said = Answer(ids, np.full(len(ids), -0.5), "", LIMIT)
    found = answer.pieces(tokenizer, said)
    assert [p.text for p in found] == ["a", " ", "东", "‹U+202E›", "<", "b", ">"]
    assert found[2].probability == pytest.approx(np.exp(-1.5))
    cut = answer.pieces(tokenizer, Answer(ids[:3], np.zeros(3), "", LIMIT))
    assert cut[-1].text.startswith("‹")


def test_an_end_token_first_is_an_empty_answer(tiny):
    logits = torch.zeros(257)
    logits[256] = 1
    said = answer._one_more(tiny, NOTHING, logits, 24)
    assert len(said) == 0 and said.end == END_OF_TEXT and said.probability == 1
