"""Runs that read a memory are patched: each cell is the run itself with that value in its place."""

import dataclasses

import numpy as np
import pytest
import torch

from model.analysis import patching, recovery
from model.grafts.blocks import blocks
from model.grafts.graft import opened
from model.memory import asking, telling
from model.memory.state import blank
from model.run import tokens, trace
from tests.unit.memory.test_added import SETTINGS, TOLD, remembering

ASK, OTHER = "Where do I live?", "Where do I work?"  # as many tokens


@pytest.fixture(scope="module", params=[0, 1, 2])
def sides(tiny, request):
    """A model with all kinds of memory, the EDM before block 0, 1 or 2; two prompts that read the same of it,
    and the first one without it."""
    loaded = remembering(tiny, request.param)
    state = telling.tell(loaded, blank(loaded), TOLD, SETTINGS).state
    first = asking.ask(loaded, state, tokens.encode(loaded.tokenizer, ASK), SETTINGS).trace
    ids = first.ids.copy()
    ids[-5:-1] = tokens.encode(loaded.tokenizer, OTHER)[-5:-1]
    second = trace.run(loaded, ids, reading=first.reading, graft=first.graft)
    assert len(first.reading.kept) and first.graft.external is not None and first.graft.late is not None
    return loaded, first, second, trace.run(loaded, first.ids)


def changed(loaded, base, site, layer, at, new):
    """The whole run of `base` again, with one value in the place of its own, by hooks -> (V,)."""
    block, graft = blocks(loaded.model)[layer], base.graft
    def put(x):
        x = x.clone()
        if site == "head":
            x[0, :, at * 8 : at * 8 + 8] = new[at]
        else:
            x[0, at] = new[at]
        return x

    if site == "stream":  # the stream that ln_1 and the residual connection read: behind what memory adds
        handle = block.register_forward_pre_hook(lambda _, given: (put(given[0]), *given[1:]))
    elif site == "head":
        handle = block.attn.c_proj.register_forward_pre_hook(lambda _, given: (put(given[0]),))
    else:
        part = block.attn if site == "attn" else block.mlp
        handle = part.register_forward_hook(
            lambda _, given, out: (put(out[0]), *out[1:]) if isinstance(out, tuple) else put(out))
    try:
        return trace.run(loaded, base.ids, reading=base.reading, graft=graft).next_logits
    finally:
        handle.remove()


@pytest.mark.parametrize("site", patching.SITES)
@pytest.mark.parametrize("source", ["another prompt", "without memory"])
def test_every_cell_is_the_run_with_hooks(sides, site, source):
    loaded, first, second, without = sides
    base, given = (second, first) if source == "another prompt" else (first, without)
    found = patching.every_cell(loaded, base, given, site).streams
    for layer in range(3):
        new = patching.values(loaded, given, site, layer)
        for at in range(0, found.shape[1], 3):
            expected = changed(loaded, base, site, layer, at, new)
            with opened(base.graft):
                got = trace.final_logits(loaded.model, found[layer, at])
            torch.testing.assert_close(got, expected, atol=2e-4, rtol=0)


def test_all_of_the_last_layer_give_a_and_nothing_gives_b(sides):
    loaded, first, second, _ = sides
    every, none = np.arange(len(first)), np.full(len(first), -1)
    last = patching.together(loaded, second, first, "stream", 2, every)
    unchanged = patching.together(loaded, second, first, "stream", 1, none)
    with opened(second.graft):
        logits = [trace.final_logits(loaded.model, x) for x in (last, unchanged)]
    torch.testing.assert_close(logits[0], first.next_logits, atol=1e-4, rtol=0)
    torch.testing.assert_close(logits[1], second.next_logits, atol=1e-4, rtol=0)


@pytest.mark.parametrize("metric", recovery.METRICS)
def test_metrics_are_those_of_both_runs_own_logits(sides, metric):
    loaded, first, _, without = sides
    answer, against = first.next_logits.topk(2).indices.tolist()
    ends = recovery.ends(loaded, first, without, metric, answer, against)
    def of(run):
        logs = run.next_logits.double().log_softmax(-1)
        clean = first.next_logits.double().log_softmax(-1)
        return {"difference": logs[answer] - logs[against], "probability": logs[answer].exp(),
                "kl": (clean.exp() * (clean - logs)).sum()}[metric]

    np.testing.assert_allclose(ends, [float(of(first)), float(of(without))], atol=1e-5)
    cells = patching.every_cell(loaded, without, first, "stream")
    read = recovery.recovered(loaded, cells, first, without, metric, answer, against)
    assert read.share.shape == (3, len(first)) and np.isfinite(read.share).all()
    same = dataclasses.replace(without, ids=without.ids)
    with pytest.raises(ValueError, match="give the same"):
        recovery.ends(loaded, without, same, metric, answer, against)
