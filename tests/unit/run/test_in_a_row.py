"""Prompts in one row: each is as if it had been run alone."""

import numpy as np
import pytest
import torch

from model.run import trace
from model.run.in_a_row import run_in_a_row

RNG = np.random.default_rng(3)
LONG = RNG.integers(0, 256, 60)
PROMPTS = {  # ids, and how many of them an earlier trace has; None: there is none
    "one token more": (LONG, 59), "two behind one": (RNG.integers(0, 256, 3), 1), "new": (LONG[:5], None),
    "eight behind blocks": (RNG.integers(0, 256, 40), 32), "a word in the middle": (LONG[20:31], 4),
}


def typed(loaded, ids, n_old):
    """(ids, the trace before): of as many tokens, word by word, so that its rows lie in blocks."""
    if n_old is None:
        return ids, None
    before = None
    for n in range(1, n_old + 1, 3):
        before = trace.run(loaded, ids[:n], before)
    return ids, trace.run(loaded, ids[:n_old], before)


def test_each_prompt_is_as_if_it_were_alone(tiny):
    given = [typed(tiny, *one) for one in PROMPTS.values()]
    for (ids, before), found in zip(given, run_in_a_row(tiny, given)):
        alone = trace.run(tiny, ids, before)
        assert found.n_run == alone.n_run and np.array_equal(found.ids, alone.ids)
        for part in ("q", "k", "v", "stream", "next_logits"):
            torch.testing.assert_close(getattr(found, part), getattr(alone, part), atol=1e-5, rtol=0)


def test_a_prefix_that_differs_in_the_middle_is_used_up_to_there(tiny):
    before = trace.run(tiny, LONG)
    changed = np.r_[LONG[:50], (LONG[50:55] + 1) % 256]
    other, _ = run_in_a_row(tiny, [(changed, before), (LONG[:7], None)])
    assert other.n_run == 5
    torch.testing.assert_close(other.stream, trace.run(tiny, changed).stream, atol=2e-5, rtol=0)


def test_what_is_typed_next_goes_on_with_it_and_nothing_holds_the_others_rows(tiny):
    found = run_in_a_row(tiny, [(LONG[:5], None), (LONG[:50], None)])
    assert found[0].rows[0].held_bytes < found[1].rows[0].held_bytes / 5
    more = trace.run(tiny, LONG[:6], found[0])
    assert more.n_run == 1
    torch.testing.assert_close(more.stream, trace.run(tiny, LONG[:6]).stream, atol=2e-5, rtol=0)


def test_ids_that_no_model_has_are_refused(tiny):
    with pytest.raises(ValueError, match="out of range"):
        run_in_a_row(tiny, [(LONG[:3], None), (np.array([999]), None)])
