"""A run that differs from another only in the EDM: the other's rows below it, and the same numbers as
a run of its own."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from model.memory import fusion, telling
from model.memory.asking import graft_of
from model.memory.settings import from_saved
from model.memory.state import blank
from model.memory.variants import MODULES
from model.run import tokens
from model.run.above import can_take, run_above
from model.run.trace import run

EVERYTHING = from_saved({"modules": frozenset(MODULES), "slot_threshold": -99.0})
SETS = [frozenset({"edm"}), frozenset({"early", "edm"}), frozenset(MODULES)]


@pytest.fixture(scope="module")
def state(able):
    return telling.tell(able, blank(able), "Ann lives in Rome.", EVERYTHING, now=lambda: 1.0).state


def grafts(able, state, modules):
    """All of the EDM, half of its slots, none of them."""
    settings, n = from_saved({"modules": modules}), len(state.external)
    hidden = [np.zeros(0, bool), np.arange(n) % 2 == 0, np.ones(n, dtype=bool)]
    return [graft_of(able, state, settings, one) for one in hidden]


@pytest.mark.parametrize("modules", SETS, ids=["+".join(sorted(x)) for x in SETS])
@pytest.mark.parametrize("positions", [None, "parallel"])
def test_it_is_the_run_of_its_own(able, state, modules, positions):
    ids = tokens.encode(able.tokenizer, "Where does Ann live? Ann")
    reading = None if positions is None else fusion.reading(state.bank, positions)
    every = grafts(able, state, modules)
    for own in every:
        below = run(able, ids, reading=reading, graft=own)
        for graft in every:
            if own is None and graft is None:
                continue  # neither has trained memory
            above, full = run_above(able, below, graft), run(able, ids, reading=reading, graft=graft)
            torch.testing.assert_close(above.next_logits, full.next_logits, atol=1e-5, rtol=0)
            for part in ("q", "k", "v", "stream"):
                torch.testing.assert_close(getattr(above, part), getattr(full, part), atol=1e-4, rtol=1e-5)
            assert (above.external_query() is None) == (full.external_query() is None)
            assert above.graft is graft and above.reading is reading


def test_it_goes_on_like_any_other_run(able, state):
    ids = tokens.encode(able.tokenizer, "Where does Ann live? Ann lives")
    whole, half, _ = grafts(able, state, SETS[1])
    typed = run(able, ids[:-3], run(able, ids[:-5], graft=whole), graft=whole)  # several blocks of rows
    above = run(able, ids, run_above(able, typed, half), graft=half)
    full = run(able, ids, graft=half)
    assert above.n_run == 3
    torch.testing.assert_close(above.next_logits, full.next_logits, atol=1e-5, rtol=0)
    torch.testing.assert_close(above.external_query(), full.external_query(), atol=1e-4, rtol=1e-5)


def test_nothing_lies_below_the_first_block(able, state):
    ids = tokens.encode(able.tokenizer, "Where")
    whole, *_ = grafts(able, state, SETS[0])
    assert can_take(run(able, ids, graft=whole), None) and not can_take(run(able, ids), None)
    external = replace_layer(whole, 0)
    assert not can_take(run(able, ids), external)


def replace_layer(graft, layer):
    """The same trained memory with its EDM before another block; nothing is run with it."""
    modules = type("Modules", (), {"external": type("External", (), {"layer": layer})()})()
    return replace(graft, modules=modules)
