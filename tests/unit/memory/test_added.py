"""What each module adds: stream before + added = stream after, exactly as the run did it."""

import dataclasses

import numpy as np
import pytest
import torch

from model.grafts import modules
from model.memory import added, asking, effect, fusion, held, telling
from model.memory.settings import EdmSettings, FusionSettings, Settings
from model.memory.state import blank
from model.run import tokens, trace

TOLD, QUESTION = "I am Ann. I live in Rome.", "Where do I live?"
EVERY = frozenset({"early", "late", "edm", "am"})
SETTINGS = Settings(fusion=FusionSettings(unit="all", needed=1e-9), edm=EdmSettings(threshold=-1e9), modules=EVERY)
IDS = np.arange(40, 52)


def remembering(tiny, layer=None, cell="gru"):
    """`tiny` with random memory whose ways into the stream are open."""
    made = modules.untrained(tiny.model.config, cell)
    generator = torch.Generator().manual_seed(0)
    for module in (made.early, made.late, made.external):
        module.output.weight.data.normal_(std=0.5, generator=generator)
    made.parts, made.fingerprint = ("early", "edm", "late"), "random"
    made.external.layer = made.external.layer if layer is None else layer
    ready = made.eval().requires_grad_(False)
    return type(tiny)(**{**vars(tiny), "memory": ready})


@pytest.fixture(params=[0, 1, 2])
def asked(tiny, request):
    """A checkpoint with the EDM before block 0, 1 or 2, a memory, and a question asked of it."""
    loaded = remembering(tiny, request.param)
    state = telling.tell(loaded, blank(loaded), TOLD, SETTINGS).state
    ids = tokens.encode(loaded.tokenizer, QUESTION)
    return loaded, state, asking.ask(loaded, state, ids, SETTINGS).trace


def test_before_and_added_are_the_stream_behind_every_module(asked):
    loaded, _, found = asked
    parts, layer = added.by_modules(loaded, found), loaded.memory.external.layer
    assert list(parts) == ["early", "edm", "late"]
    behind = {name: part.before + part.added for name, part in parts.items()}
    assert torch.equal(behind["edm"], found.layer_stream(2 * layer))
    first = parts["edm"].before if layer == 0 else found.layer_stream(0)
    assert torch.equal(behind["early"], first)
    with torch.inference_mode():
        logits = loaded.model.lm_head(behind["late"])
    assert torch.equal(logits, trace.logits(loaded, found))
    assert min(float(part.added.norm(dim=-1).min()) for part in parts.values()) > 1e-4


def test_memory_and_prompt_together_are_what_attention_added(asked):
    loaded, _, found = asked
    for layer in range(found.n_layers):
        part = added.by_attention(loaded, found, layer)
        attn = loaded.model.transformer.h[layer].attn
        weights = fusion.union_weights(loaded, found, layer)[..., len(found.reading.kept) :]
        local = (weights @ found.layer_v(layer)).transpose(0, 1).flatten(1)
        with torch.inference_mode():
            whole = attn.c_proj(local) + part.added
        torch.testing.assert_close(whole, found.attention_added(layer), atol=1e-4, rtol=1e-4)
        assert part.added.norm() > 1e-2


def test_nothing_read_is_nothing_added(tiny):
    plain = trace.run(tiny, IDS)
    assert added.by_modules(tiny, plain) == {} and added.openness(tiny, plain) == {}
    assert not added.by_attention(tiny, plain, 1).added.any()


def test_openness_is_of_each_way_in(asked):
    loaded, _, found = asked
    ways = added.openness(loaded, found)
    assert list(ways) == ["early", "late", "edm", "am"]
    assert all(w.shape == (len(found),) and ((0 <= w) & (w <= 1)).all() for w in ways.values())
    read = held.read_weights(found)
    np.testing.assert_allclose(ways["edm"], read[..., 1:].sum(-1).mean(0), atol=1e-6)
    last = loaded.model.transformer.ln_f(found.layer_stream(-1))[None]
    with torch.inference_mode():
        np.testing.assert_allclose(ways["late"], loaded.memory.late.openness(last)[0].mean(-1))


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_a_path_ends_where_telling_the_prompt_ends(tiny, cell):
    loaded = remembering(tiny, cell=cell)
    before = telling.tell(loaded, blank(loaded), TOLD, SETTINGS).state
    after = telling.tell(loaded, before, QUESTION, SETTINGS).state
    found = added.paths(loaded, before.carried, tokens.encode(loaded.tokenizer, QUESTION))
    assert list(found) == ["early", "late"]
    change = added.changes(loaded.memory, before.carried, after.carried)
    for name, path in found.items():
        state = getattr(after.carried, name)[: loaded.memory.sizes.width]
        assert path.norms[-1] == pytest.approx(float(state.norm()), rel=1e-5)
        assert change[name][0] == pytest.approx(path.norms[-1], rel=1e-5)
        assert len(path.names) == len(path.norms) == len(path.cosines) == 1 + len(QUESTION)
        old = getattr(before.carried, name)[: loaded.memory.sizes.width]
        cosine = torch.nn.functional.cosine_similarity(old, state, dim=0)
        assert change[name][1] == pytest.approx(float(cosine), abs=1e-5)


def test_the_first_state_has_nothing_to_be_compared_with(tiny):
    loaded = remembering(tiny)
    after = telling.tell(loaded, blank(loaded), TOLD, SETTINGS).state
    change = added.changes(loaded.memory, None, after.carried)
    assert np.isnan(change["late"][1]) and change["late"][0] > 0
    path = added.paths(loaded, None, tokens.encode(loaded.tokenizer, TOLD))["late"]
    assert np.isnan(path.cosines[0]) and not np.isnan(path.cosines[1:]).any()
    assert added.changes(loaded.memory, None, None) == {}


def test_each_module_alone_is_a_run_with_it_alone(asked):
    loaded, state, found = asked
    ids = tokens.encode(loaded.tokenizer, QUESTION)
    each = effect.each_alone(loaded, state, ids, SETTINGS)
    assert list(each) == ["none", "early", "late", "edm", "am", "all"]
    assert torch.equal(each["none"], trace.run(loaded, found.ids).next_logits)
    assert torch.equal(each["all"], found.next_logits)
    for name in EVERY:
        alone = dataclasses.replace(SETTINGS, modules=frozenset({name}))
        assert torch.equal(each[name], asking.ask(loaded, state, ids, alone).trace.next_logits)
        assert (each[name] - each["none"]).abs().max() > 1e-3
    one = effect.each_alone(loaded, state, ids, alone)
    assert len(one) == 2


def test_an_edm_value_points_where_its_output_matrix_and_the_head_send_it(asked):
    loaded, state, _ = asked
    value, model = state.external.values[2], loaded.model
    n = model.config.vocab_size
    names, scores = effect.external_points_to(loaded, value, n)
    with torch.inference_mode():
        written = loaded.memory.external.output(value)
        expected = model.lm_head((written - written.mean()) * model.transformer.ln_f.weight)
    np.testing.assert_allclose(scores, expected.sort(descending=True).values, atol=1e-4)
    assert names[0] == tokens.display(loaded.tokenizer, [int(expected.argmax())])[0]


def test_without_an_edm_slot_it_is_the_memory_that_never_had_it(asked):
    loaded, state, _ = asked
    settings = dataclasses.replace(SETTINGS, modules=frozenset({"edm"}))
    recalled = asking.ask(loaded, state, tokens.encode(loaded.tokenizer, QUESTION), settings)
    rest = dataclasses.replace(state, external=state.external.select(np.arange(1, 25)))
    there = asking.ask(loaded, rest, tokens.encode(loaded.tokenizer, QUESTION), settings)
    gone = np.setdiff1d(np.arange(len(state.external)), np.arange(1, 25))
    again = effect.without_external(loaded, state, recalled, gone, settings)
    torch.testing.assert_close(again.next_logits, there.trace.next_logits)
    assert (again.next_logits - recalled.trace.next_logits).abs().max() > 1e-4
