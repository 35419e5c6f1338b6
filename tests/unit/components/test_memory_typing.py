"""While a prompt is typed on the Memory page, an ask goes on with the visitor's ask before: the numbers
are those of an ask for itself."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from components.memory import run
from model.memory import effect, question, telling
from model.memory.settings import from_saved
from model.memory.state import blank
from model.memory.variants import MODULES, modules_of
from model.run import tokens, trace
from model.run.engine import Engine

QUESTION = "Where do I live? The dog"
TYPED = [*(QUESTION[:n] for n in range(14, len(QUESTION) + 1)), "Where do I eat? The d", "What"]
EVERYTHING = from_saved({"modules": frozenset(MODULES), "slot_threshold": -99.0})
SETS = [modules_of("gpt2-m"), frozenset({"am"}), frozenset({"edm"}), frozenset()]
SHOWN = 3


@pytest.fixture(scope="module")
def state(able):
    found = blank(able)
    for text in ("My name is Ann.", "I live in Rome. It rains.", "The dog is called Bo."):
        found = telling.tell(able, found, text, EVERYTHING, now=lambda: 1.0).state
    return found


@pytest.fixture
def visitor(able, monkeypatch):
    """A fake session; what it asks for is run at once and kept in a store of its own."""
    store, session = Engine().store, {}

    def computed(key, work):
        if store.get(key) is None:
            store.put(key, work())
        return store.get(key)

    monkeypatch.setattr(run, "st", SimpleNamespace(session_state=session))
    monkeypatch.setattr(run.visit, "checkpoint", lambda: able)
    monkeypatch.setattr(run.visit, "encode", lambda text: tokens.encode(able.tokenizer, text))
    monkeypatch.setattr(run, "results", SimpleNamespace(computed=computed, kept=store.get))
    return SimpleNamespace(session=session, store=store)


def settings_of(modules):
    return from_saved({"modules": modules, "needed": 1e-3, "n_retrieved": 1})


def check_same(fast, full):
    assert (fast.names, fast.n_start, fast.n_front) == (full.names, full.n_start, full.n_front)
    assert np.array_equal(fast.kept, full.kept)
    for name in ("mean", "share", "now", "external"):
        np.testing.assert_allclose(getattr(fast, name), getattr(full, name), atol=1e-5)
    np.testing.assert_allclose(fast.compared.after, full.compared.after, atol=1e-5)
    np.testing.assert_allclose(fast.compared.before, full.compared.before, atol=1e-5)
    for one, other in ((fast.recalled.trace, full.recalled.trace), (fast.plain, full.plain)):
        torch.testing.assert_close(one.next_logits, other.next_logits, atol=1e-4, rtol=0)


@pytest.mark.parametrize("modules", SETS)
def test_each_key_shows_the_numbers_of_an_ask_for_itself(able, state, visitor, modules):
    settings = settings_of(modules)
    for text in TYPED:
        fast = run.ask("memory", state, text, settings, EVERYTHING)
        ids = tokens.encode(able.tokenizer, text)
        check_same(fast, question.ask(able, state, ids, settings))
        each = run.each_alone("memory", state, fast, settings, SHOWN)
        shown = fast.compared.ids[:SHOWN].tolist()
        for name, own in effect.each_alone(able, state, ids, settings).items():
            expected = own.double().softmax(-1)[shown].numpy()
            np.testing.assert_allclose(each.probabilities[name], expected, atol=1e-5)


def test_a_key_runs_only_what_was_typed(state, visitor, monkeypatch):
    settings = from_saved({"modules": modules_of("gpt2-m"), "unit": "all"})  # nothing else is found
    for text in (QUESTION[:-1], QUESTION):
        asked = run.ask("memory", state, text, settings, EVERYTHING)
        each = run.each_alone("memory", state, asked, settings, SHOWN)
    every = [asked.plain, asked.recalled.trace, *(x.trace for x in each.recalled.values())]
    assert all(t.n_run < len(t) / 2 for t in every)


def test_what_waits_for_typing_to_rest_goes_on_where_it_last_rested(able, state, visitor):
    settings = from_saved({"modules": modules_of("gpt2-m"), "unit": "all"})
    for text in (QUESTION[:-4], QUESTION[:-3], QUESTION[:-2], QUESTION):
        asked = run.ask("memory", state, text, settings, EVERYTHING)
        assert run.each_alone_kept("memory", asked, settings, SHOWN) is None
        if text in (QUESTION[:-4], QUESTION):
            each = run.each_alone("memory", state, asked, settings, SHOWN)
            assert run.each_alone_kept("memory", asked, settings, SHOWN) is each
    assert all(x.trace.n_run < len(x.trace) / 2 for x in each.recalled.values())
    for name, own in effect.each_alone(able, state, tokens.encode(able.tokenizer, QUESTION),
                                       settings).items():
        torch.testing.assert_close(each.recalled[name].trace.next_logits, own, atol=1e-4, rtol=0)


def test_other_settings_another_memory_and_a_lost_result_ask_anew(able, state, visitor):
    text, ids = QUESTION, tokens.encode(able.tokenizer, QUESTION)
    for key, other, settings in (
        ("memory", state, settings_of(SETS[0])), ("memory", state, settings_of(SETS[1])),
        ("blank", blank(able), settings_of(SETS[0])),
    ):
        check_same(run.ask(key, other, text, settings, EVERYTHING),
                   question.ask(able, other, ids, settings))
    visitor.session[run._LATEST] = run._key("asked", (), "gone")
    asked = run.ask("memory", state, f"{text}?", settings_of(SETS[0]), EVERYTHING)
    assert asked.recalled.trace.n_run == len(asked.recalled.trace)


def test_the_proof_runs_the_whole_prompt_and_is_kept(able, state, visitor, monkeypatch):
    settings = settings_of(SETS[0])
    run.ask("memory", state, QUESTION[:-1], settings, EVERYTHING)
    asked = run.ask("memory", state, QUESTION, settings, EVERYTHING)
    assert asked.plain.n_run < len(asked.plain) and run.measured_off(asked) is None
    n_run, real = [], trace.run
    monkeypatch.setattr(effect, "run", lambda *given: n_run.append(real(*given).n_run) or real(*given))
    assert run.off_difference(asked) == run.measured_off(asked) == run.off_difference(asked) == 0
    assert n_run == [len(asked.plain)]
