"""A question composed key by key has the numbers of one composed for itself; so have its parts."""

import numpy as np
import pytest
import torch

from model.memory import alone, effect, question, telling
from model.memory.settings import from_saved
from model.memory.state import blank
from model.memory.variants import MODULES, modules_of
from model.run import tokens

QUESTION = "Where do I live? The dog"
TYPED = [*(QUESTION[:n] for n in range(16, len(QUESTION) + 1)), "Where do I eat? The d", "What"]
EVERYTHING = from_saved({"modules": frozenset(MODULES), "slot_threshold": -99.0})
SETTINGS = from_saved({"modules": modules_of("gpt2-m"), "needed": 1e-3, "n_retrieved": 1})


@pytest.fixture(scope="module")
def state(able):
    found = blank(able)
    for text in ("My name is Ann.", "I live in Rome. It rains.", "The dog is called Bo."):
        found = telling.tell(able, found, text, EVERYTHING, now=lambda: 1.0).state
    return found


@pytest.fixture(scope="module")
def typed(able, state):
    """(composed behind the one before, composed for itself) of every text."""
    found, before = [], None
    for text in TYPED:
        ids = tokens.encode(able.tokenizer, text)
        before = question.ask(able, state, ids, SETTINGS, before)
        found.append((before, question.ask(able, state, ids, SETTINGS)))
    return found


def test_each_key_composes_the_numbers_of_a_question_for_itself(typed):
    for fast, full in typed:
        assert fast.names == full.names and fast.n_start == full.n_start
        assert np.array_equal(fast.kept, full.kept) and np.array_equal(fast.ids, full.ids)
        for name in ("mean", "share", "now", "external", "external_now"):
            np.testing.assert_allclose(getattr(fast, name), getattr(full, name), atol=1e-5)
        np.testing.assert_allclose(fast.compared.after, full.compared.after, atol=1e-5)
        np.testing.assert_allclose(fast.compared.before, full.compared.before, atol=1e-5)


def test_the_mean_of_all_heads_is_the_mean(able, typed):
    asked = typed[-1][0]
    layers, heads = asked.share.shape[:2]
    each = [question.head_weights(able, asked, i, j) for i in range(layers) for j in range(heads)]
    np.testing.assert_allclose(np.mean(each, axis=0), asked.mean, atol=1e-6)


def test_the_best_head_reads_the_slot_most(able, typed):
    asked = next(full for _, full in typed if len(full.kept))
    layer, head, weight = question.best_head(able, asked, 0)
    own = question.head_weights(able, asked, layer, head)[asked.n_start :, 0].max()
    assert own == pytest.approx(weight, abs=1e-6)
    layers, heads = asked.share.shape[:2]
    for one in ((i, j) for i in range(layers) for j in range(heads)):
        assert question.head_weights(able, asked, *one)[asked.n_start :, 0].max() <= weight + 1e-6


def test_each_module_alone_goes_on_with_the_last(able, state, typed):
    each = None
    for asked, _ in typed[:3]:
        each = alone.each(able, state, asked, SETTINGS, 3, each)
        shown = asked.compared.ids[:3].tolist()
        for name, own in effect.each_alone(able, state, asked.ids, SETTINGS).items():
            expected = own.double().softmax(-1)[shown].numpy()
            np.testing.assert_allclose(each.probabilities[name], expected, atol=1e-5)
        before = alone.not_yet(asked, SETTINGS, 3).probabilities
        np.testing.assert_allclose(before["none"], each.probabilities["none"], atol=1e-5)
        assert list(before) == list(each.probabilities) and before["edm"] is None


def test_what_was_asked_is_counted_before_it_is_told(able, state, typed):
    asked = next(full for _, full in typed if len(full.kept))
    told = question.tell(able, state, QUESTION, EVERYTHING, asked).state
    alone_told = question.tell(able, state, QUESTION, EVERYTHING).state
    n = len(state.bank)
    assert (told.bank.slots.total_read[:n] >= state.bank.slots.total_read).all()
    assert told.bank.slots.total_read[:n].sum() > alone_told.bank.slots.total_read[:n].sum()
    assert torch.equal(told.bank.keys[:, :, :n], alone_told.bank.keys[:, :, :n])
