"""A cut edge = the same run with an attention written out in full, whose scores are changed."""

import numpy as np
import pytest
import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import eager_mask

from model.analysis import cutting
from model.memory import asking, fusion, telling
from model.memory.settings import Settings
from model.memory.state import blank
from model.run import tokens, trace
from model.run.cut_edges import CutEdge
from tests.conftest import random_gpt2
from tests.unit.memory.test_added import QUESTION, SETTINGS, TOLD, remembering

IDS = np.random.default_rng(8).integers(0, 256, 9)


def written_out(module, query, key, value, mask, scaling, edges=(), **kwargs):
    """Attention as its definition says, with the changed scores."""
    scores = query @ key.transpose(2, 3) * scaling
    scores.masked_fill_(torch.ones(scores.shape[-2:]).triu(1).bool(), -torch.inf)
    for edge in edges:
        if edge.layer in (None, module.layer_idx):
            for head in range(scores.shape[1]) if edge.head is None else [edge.head]:
                cell = scores[0, head, edge.query, edge.key]
                cell.copy_(torch.tensor(-torch.inf) if edge.factor is None else cell * edge.factor)
    return (scores.softmax(-1) @ value).transpose(1, 2), None


@pytest.fixture(scope="module")
def stock():
    AttentionInterface.register("written_out", written_out)
    AttentionMaskInterface.register("written_out", eager_mask)
    model = random_gpt2()
    model.set_attn_implementation("written_out")
    return model


EDGES = {
    "a head's": [CutEdge(8, 3, 1, 2)],
    "a layer's": [CutEdge(8, 3, 2)],
    "all layers'": [CutEdge(5, 0)],
    "several": [CutEdge(8, 0, 0), CutEdge(8, 8, 2, 1), CutEdge(4, 2), CutEdge(6, 6, head=3)],
    "scaled": [CutEdge(8, 2, 1, 0, factor=3.0)],
    "scaled to nothing": [CutEdge(7, 1, factor=0.0)],
    "scaled twice, and cut": [CutEdge(7, 1, factor=-2.0), CutEdge(7, 1, 1, 1, 0.5), CutEdge(7, 0)],
}


@pytest.mark.parametrize("edges", EDGES.values(), ids=EDGES)
def test_a_cut_is_the_run_written_out(tiny, stock, edges):
    run = trace.run(tiny, IDS)
    with torch.inference_mode():
        expected = stock(torch.tensor(IDS)[None], edges=edges).logits[0, -1]
        before = stock(torch.tensor(IDS)[None]).logits[0, -1]
    assert (expected - before).abs().max() > 1e-4
    torch.testing.assert_close(cutting.logits(tiny, run, edges), expected, atol=1e-5, rtol=0)
    found = cutting.effect(tiny, run, edges)
    p, q = (x.double().log_softmax(-1) for x in (before, expected))
    np.testing.assert_allclose(found.kl_nats, (p.exp() * (p - q)).sum(), atol=1e-6)


def test_nothing_cut_or_scaled_by_one_is_the_run_itself(tiny):
    run = trace.run(tiny, IDS)
    assert torch.equal(cutting.logits(tiny, run, []), run.next_logits)
    same = cutting.logits(tiny, run, [CutEdge(8, 2, factor=1.0)])
    torch.testing.assert_close(same, run.next_logits, atol=1e-5, rtol=0)
    assert torch.equal(trace.run(tiny, IDS).next_logits, run.next_logits)  # nothing stays behind


def test_a_prompt_typed_in_parts_is_cut_the_same(tiny):
    edges = EDGES["several"]
    grown = trace.run(tiny, IDS, prefix=trace.run(tiny, IDS[:6]))
    expected = cutting.logits(tiny, trace.run(tiny, IDS), edges)
    torch.testing.assert_close(cutting.logits(tiny, grown, edges), expected, atol=1e-5, rtol=0)


def test_all_edges_to_the_slots_cut_is_no_memory_at_these_positions(tiny):
    state = telling.tell(tiny, blank(tiny), "My name is Ann.", Settings()).state
    ids = np.r_[256, tokens.encode(tiny.tokenizer, "Where?")]
    read = trace.run(tiny, ids, reading=fusion.reading(state.bank, "restart"))
    slots = range(len(read.reading.kept))
    edges = [CutEdge(query, slot, slot=True) for query in range(len(ids)) for slot in slots]
    plain = trace.run(tiny, ids)
    assert (read.next_logits - plain.next_logits).abs().max() > 1e-3
    torch.testing.assert_close(cutting.logits(tiny, read, edges), plain.next_logits, atol=1e-5, rtol=0)


def test_an_edge_to_a_slot_beside_trained_memory(tiny):
    loaded = remembering(tiny, 1)
    state = telling.tell(loaded, blank(loaded), TOLD, SETTINGS).state
    run = asking.ask(loaded, state, tokens.encode(loaded.tokenizer, QUESTION), SETTINGS).trace
    last = len(run) - 1
    edges = [CutEdge(last, 0, layer=1, slot=True)]
    weights = fusion.union_weights(loaded, run, 1)[:, -1].double()  # (H,M+T), the slots first
    left = weights.clone()
    left[:, 0] = 0
    n = len(run.reading.kept)
    values = torch.cat([run.reading.values[1], run.layer_v(1)], 1).double()
    mixed = torch.einsum("hs,hsd->hd", left / left.sum(-1, keepdim=True), values).flatten()
    attention = loaded.model.transformer.h[1].attn
    seen = trace.run_again(loaded, run, last, cuts=cutting.CutEdges(edges))[0]
    with torch.inference_mode():
        expected = run.layer_stream(2)[-1] + attention.c_proj(mixed.float())
    torch.testing.assert_close(seen.stream[3][-1], expected, atol=1e-4, rtol=0)
    assert weights.shape[1] == n + len(run)
    nothing = cutting.logits(loaded, run, [CutEdge(last, 0, slot=True, factor=1.0)])
    torch.testing.assert_close(nothing, run.next_logits, atol=1e-4, rtol=0)


@pytest.mark.parametrize("edges, words", [
    ([CutEdge(0, 0)], "Token 0 would read nothing in head 0 of layer 0"),
    ([CutEdge(2, 0), CutEdge(2, 1, 1), CutEdge(2, 2, 1, 3)], "Token 2 would read nothing in head 3 of layer 1"),
    ([CutEdge(3, 4)], "Token 3 cannot read token 4. Choose 0 to 3."),
    ([CutEdge(9, 0)], "There is no token 9. Choose 0 to 8."),
    ([CutEdge(3, 0, 3)], "There is no layer 3. Choose 0 to 2."),
    ([CutEdge(3, 0, 0, 4)], "There is no head 4. Choose 0 to 3."),
    ([CutEdge(3, 0, slot=True)], "Token 3 cannot read slot 0. Choose a token of the prompt."),
    ([CutEdge(3, 0, factor=float("nan"))], "A score times nan is no number"),
])
def test_what_cannot_be_cut_is_said(tiny, edges, words):
    with pytest.raises(ValueError, match=words.replace(".", r"\.")):
        cutting.logits(tiny, trace.run(tiny, IDS), edges)
