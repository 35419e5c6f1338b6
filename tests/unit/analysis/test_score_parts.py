"""A score is the sum over who wrote the query and who wrote the key."""

import numpy as np
import pytest
import torch

from model.analysis import attention, score_parts
from model.analysis.score_parts import Writer
from model.grafts import modules
from model.grafts.graft import Graft
from model.loading import checkpoint
from model.memory import asking, telling
from model.memory.state import blank
from model.run import tokens, trace
from tests.unit.analysis.test_patching import CLEAN, bent
from tests.unit.memory.test_added import QUESTION, SETTINGS, TOLD, remembering


@pytest.fixture(scope="module")
def plain():
    return bent()


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_the_parts_add_up_to_the_score(plain, layer):
    run = trace.run(plain, CLEAN)
    for head, query, key in ((0, 10, 3), (3, 6, 6), (2, 0, 0)):
        found = score_parts.score_parts(plain, run, layer, head, query, key)
        assert found.score == attention.cell(plain, run, layer, head, query, key).scaled
        np.testing.assert_allclose(found.parts.sum(), found.score, atol=1e-4)
        assert len(found.writers) == 3 + layer * 5 and found.parts.shape == (len(found.writers),) * 2


def test_a_row_is_the_query_of_one_writer_alone(plain):
    """Each side by transformers' own modules, with σ held: what is lost if a writer had not written."""
    run, layer, head, query, key = trace.run(plain, CLEAN), 2, 1, 9, 4
    found = score_parts.score_parts(plain, run, layer, head, query, key)
    block = plain.model.transformer.h[layer]
    stream = run.layer_stream(4)[query]
    centred = stream - stream.mean()
    sigma = (centred.square().mean() + block.ln_1.eps).sqrt()
    mlp = run.mlp_added(1)[query]
    without = (centred - (mlp - mlp.mean())) / sigma * block.ln_1.weight + block.ln_1.bias
    with torch.inference_mode():
        q = block.attn.c_attn(without[None, None])[0, 0, :32].view(4, 8)[head]
    lost = found.score - float(q @ run.layer_k(layer)[head, key]) * block.attn.scaling
    row = found.writers.index(Writer("mlp", 1))
    np.testing.assert_allclose(found.parts[row].sum(), lost, atol=1e-4)


def test_lengths_are_those_of_the_parts(plain):
    run = trace.run(plain, CLEAN)
    found = score_parts.score_parts(plain, run, 1, 0, 8, 2)
    scale = attention.cell(plain, run, 1, 0, 8, 2).scaling
    assert found.query_length.shape == found.key_length.shape == (len(found.writers),)
    bound = np.outer(found.query_length, found.key_length) * scale
    assert (np.abs(found.parts) <= bound + 1e-9).all()


@pytest.mark.parametrize("external_layer", [0, 1, 2])
def test_memory_is_a_writer_and_the_parts_still_add_up(tiny, external_layer):
    loaded = remembering(tiny, external_layer)
    state = telling.tell(loaded, blank(loaded), TOLD, SETTINGS).state
    run = asking.ask(loaded, state, tokens.encode(loaded.tokenizer, QUESTION), SETTINGS).trace
    for layer in range(3):
        found = score_parts.score_parts(loaded, run, layer, 1, len(run) - 1, 3)
        np.testing.assert_allclose(found.parts.sum(), found.score, atol=1e-3, rtol=1e-5)
        entered = {writer.layer for writer in found.writers if writer.kind == "memory"}
        assert entered == {0} | ({external_layer} if external_layer <= layer else set())


def test_lora_belongs_to_the_matrix(tiny):
    made = modules.Modules(modules.Sizes(32, 1, 1, rank=2, n_layers=3))
    made.lora.up.data.normal_(std=0.3, generator=torch.Generator().manual_seed(2))
    run = trace.run(tiny, CLEAN, graft=Graft(made.eval().requires_grad_(False), lora=True))
    assert (run.layer_k(1) - trace.run(tiny, CLEAN).layer_k(1)).abs().max() > 0.1
    for layer in range(3):
        found = score_parts.score_parts(tiny, run, layer, 2, 9, 5)
        np.testing.assert_allclose(found.parts.sum(), found.score, atol=1e-4, rtol=1e-5)


def test_in_the_embedded_model_an_induction_head_reads_what_a_previous_token_head_wrote():
    loaded = checkpoint.load("embedded", device="cpu")
    run = trace.run(loaded, tokens.encode(loaded.tokenizer, " the blue ship of Henry saw the blue"))
    facts = attention.survey(loaded, run).facts
    layer, head = np.unravel_index(np.nanargmax(facts["induction"]), facts["induction"].shape)
    key = int(np.flatnonzero(run.ids[:-1] == run.ids[-1])[0]) + 1
    found = score_parts.score_parts(loaded, run, int(layer), int(head), len(run) - 1, key)
    np.testing.assert_allclose(found.parts.sum(), found.score, atol=1e-4)
    of_key = found.parts.sum(0)
    heads = [i for i, writer in enumerate(found.writers) if writer.kind == "head"]
    best = found.writers[max(heads, key=lambda i: of_key[i])]
    assert facts["previous"][best.layer, best.head] > 0.9


def test_a_cell_that_does_not_exist_is_said(plain):
    run = trace.run(plain, CLEAN)
    for cell, words in (((0, 0, 3, 4), "cannot read key 4"), ((3, 0, 3, 3), "no head 0 in layer 3")):
        with pytest.raises(ValueError, match=words):
            score_parts.score_parts(plain, run, *cell)
