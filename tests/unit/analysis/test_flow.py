"""The parts of a stream add up to it, count as ALTI says, and lead back through every layer."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from model.analysis import flow, logit_flow
from model.analysis.flow import SOURCES
from model.memory import asking, telling
from model.memory.state import blank
from model.run import tap, tokens, trace
from tests.conftest import byte_tokenizer, random_gpt2
from tests.unit.memory.test_added import QUESTION, SETTINGS, TOLD, remembering

IDS = np.random.default_rng(3).integers(0, 256, 21)


def bent(seed=2, **sizes):
    """A tapped model whose LayerNorms do something: γ and β are far from 1 and 0."""
    model = random_gpt2(seed=seed, **sizes)
    for name, weight in model.named_parameters():
        if ".ln_" in name:
            weight.normal_(0.7, 0.4)
    tap.attach(model)
    return SimpleNamespace(model=model, tokenizer=byte_tokenizer(), fingerprint="bent")


@pytest.fixture(scope="module")
def plain():
    return bent()


@pytest.fixture(scope="module")
def run(plain):
    return trace.run(plain, IDS)


@pytest.fixture(params=[0, 1, 2])
def remembered(tiny, request):
    """A checkpoint with the EDM before block 0, 1 or 2, and a run that reads every kind of memory."""
    loaded = remembering(tiny, request.param)
    state = telling.tell(loaded, blank(loaded), TOLD, SETTINGS).state
    ids = tokens.encode(loaded.tokenizer, QUESTION)
    return loaded, asking.ask(loaded, state, ids, SETTINGS).trace


def every_edge(checkpoint, run, position):
    return flow.follow(checkpoint, run, position, drawn=0, followed=0)


@torch.inference_mode()
def by_transformers(model, ids, layer):
    """Contributions (T,T) of one layer, token by token, through transformers' own modules and its
    plain attention's weights."""
    model.set_attn_implementation("eager")
    out = model(torch.as_tensor(ids)[None], output_attentions=True, output_hidden_states=True)
    model.set_attn_implementation(tap.ATTENTION)
    block, x = model.transformer.h[layer], out.hidden_states[layer][0].double()
    attention = block.attn.double()
    n, heads = len(ids), attention.num_heads
    v = attention.c_attn(block.ln_1.double()(x)).chunk(3, -1)[2].view(n, heads, -1)
    found = np.zeros((n, n))
    for i in range(n):
        weights = out.attentions[layer][0, :, i].double()
        parts = []
        for j in range(i + 1):
            mixed = (weights[:, j, None] * v[j]).flatten()
            parts.append(attention.c_proj(mixed) - attention.c_proj.bias)
        parts[i] = parts[i] + x[i] + attention.c_proj.bias
        y = sum(parts)
        near = [max(0.0, float(y.abs().sum() - (y - part).abs().sum())) for part in parts]
        found[i, : i + 1] = np.array(near) / sum(near)
    block.float()
    return found


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_contributions_are_those_of_transformers_own_modules(layer):
    checkpoint = bent(seed=7)
    mine = flow.contributions(checkpoint, trace.run(checkpoint, IDS), layer)
    np.testing.assert_allclose(mine, by_transformers(checkpoint.model, IDS, layer), atol=2e-5)


def test_the_parts_of_every_token_sum_to_one(plain, run):
    for layer in range(3):
        parts = flow.contributions(plain, run, layer)
        np.testing.assert_allclose(parts.sum(1), 1, atol=1e-5)
        assert (parts >= 0).all() and not np.triu(parts, 1).any()


def test_with_memory_the_parts_sum_to_one_and_slots_are_among_them(remembered):
    loaded, run = remembered
    for layer in range(3):
        parts = flow.contributions(loaded, run, layer)
        assert parts.shape == (len(run), len(run) + len(run.reading.kept))
        np.testing.assert_allclose(parts.sum(1), 1, atol=1e-5)
    assert parts[:, len(run) :].any()


@pytest.mark.parametrize("position", [0, 7, 20])
def test_the_way_back_is_the_product_of_the_layers(plain, run, position):
    found = every_edge(plain, run, position)
    expected = np.eye(len(run))[position]
    for layer in (2, 1, 0):
        np.testing.assert_allclose(found.shares[layer + 1], expected, atol=1e-5)
        expected = expected @ flow.contributions(plain, run, layer)
    np.testing.assert_allclose(found.shares[0], expected, atol=1e-5)
    np.testing.assert_allclose(found.shares.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(found.left_out, 0, atol=1e-5)


def test_an_edge_is_its_part_of_what_passes_through_its_target(plain, run):
    found = every_edge(plain, run, 20)
    edges = found.edges
    passing = found.shares[edges.layer + 1, edges.target]
    np.testing.assert_allclose(edges.share, edges.part * passing, rtol=1e-5)
    parts = np.stack([flow.contributions(plain, run, layer) for layer in range(3)])
    np.testing.assert_allclose(
        edges.part, parts[edges.layer, edges.target, edges.source], rtol=1e-3, atol=1e-6)


def test_an_edge_names_the_head_whose_weighted_value_is_longest(plain, run):
    edges = every_edge(plain, run, 20).edges
    for layer, block in enumerate(plain.model.transformer.h):
        out = block.attn.c_proj.weight.view(4, 8, 32)
        written = torch.einsum("hsd,hdc->hsc", run.layer_v(layer), out).abs().sum(-1)
        for e in np.flatnonzero(edges.layer == layer)[::5]:
            row = flow.union_row(plain, run, layer, int(edges.target[e]))[:, edges.source[e]]
            assert edges.head[e] == int((row * written[:, edges.source[e]]).argmax())


def test_small_edges_are_left_out_and_their_share_is_said(plain, run):
    found = flow.follow(plain, run, 20, drawn=0.05, followed=0.02)
    listed = [found.edges.share[found.edges.layer == layer].sum() for layer in range(3)]
    assert (found.edges.share >= 0.05).all() and 0 < len(found.edges) < 60
    np.testing.assert_allclose(found.left_out + listed, 1, atol=1e-5)
    assert found.left_out[0] > 0.01


def test_memory_s_edges_and_the_embeddings_are_all_there_is(remembered):
    loaded, run = remembered
    found = every_edge(loaded, run, len(run) - 1)
    edges = found.edges
    by_kind = {name: edges.share[edges.kind == i].sum() for i, name in enumerate(SOURCES)}
    assert min(by_kind.values()) > 1e-4
    first = (edges.kind == 0) & (edges.layer == 0)
    from_memory = edges.share[edges.kind > 0].sum()
    enters_first = edges.share[(edges.kind == SOURCES.index("early"))].sum()
    if loaded.memory.external.layer == 0:
        enters_first += by_kind["edm"]
    assert edges.share[first].sum() + from_memory - enters_first == pytest.approx(1, abs=1e-4)
    np.testing.assert_allclose(found.left_out, 0, atol=1e-4)


def test_trained_memory_counts_by_what_it_adds(remembered):
    """The EDM's parts one by one, from its weights and values."""
    loaded, run = remembered
    edges, external = every_edge(loaded, run, len(run) - 1).edges, loaded.memory.external
    query, stored = run.external_query().double(), run.graft.external
    _, weights = external.read(run.external_query()[None], stored)
    written = external.output(stored.values[0]).double()
    mean = weights[0].mean(0)[:, 1:].double()
    of_edm = np.flatnonzero(edges.kind == SOURCES.index("edm"))
    for e in of_edm[:: max(1, len(of_edm) // 6)]:
        i, slot = edges.target[e], edges.source[e]
        parts = torch.cat([mean[i][:, None] * written, query[i][None]])
        y = parts.sum(0)
        near = (y.abs().sum() - (y - parts).abs().sum(-1)).clamp(min=0)
        assert edges.part[e] == pytest.approx(float(near[slot] / near.sum()), rel=1e-3, abs=1e-6)


def test_an_mlp_and_a_position_count_as_parts_of_what_is_behind_them(plain, run):
    found = flow.follow(plain, run, 5)
    before, after = run.layer_stream(3)[9].double(), run.layer_stream(4)[9].double()
    near = [float(after.abs().sum() - (after - part).abs().sum()) for part in (after - before, before)]
    near = [max(0.0, x) for x in near]
    assert found.mlp[1, 9] == pytest.approx(near[0] / sum(near), abs=1e-5)
    body, at = plain.model.transformer, 9
    both = [body.wpe.weight[at].double(), body.wte.weight[int(IDS[at])].double()]
    near = [max(0.0, float(sum(both).abs().sum() - other.abs().sum())) for other in both[::-1]]
    assert found.position_part[at] == pytest.approx(near[0] / sum(near), abs=1e-5)


def test_where_no_part_comes_near_those_that_stay_nearest_share():
    whole = torch.tensor([1.0, 0.0])
    parts = torch.tensor([[9.0, 5.0], [-8.0, -5.0]])
    found = flow.proximity(parts, whole)
    assert found.tolist() == [1, 0]  # without the first, 13 is left of a whole of length 1


def test_one_token_is_its_own_source(plain):
    one = trace.run(plain, [65])
    found = flow.follow(plain, one, 0)
    np.testing.assert_array_equal(found.shares, np.ones((4, 1)))
    assert len(found.edges) == 3 and found.left_out.max() < 1e-6


def test_a_position_that_does_not_exist(plain, run):
    with pytest.raises(ValueError, match="no token at position 21"):
        flow.follow(plain, run, 21)


def test_a_stream_that_is_not_finite_is_named():
    broken = bent()
    broken.model.transformer.h[1].mlp.c_proj.bias[0] = torch.nan
    with pytest.raises(ValueError, match="after the MLP of layer 1"):
        flow.follow(broken, trace.run(broken, IDS), 20)


# -- the parts of a logit --------------------------------------------------------------------------


@pytest.mark.parametrize("position", [0, 1, 20])
@pytest.mark.parametrize("token", [0, 101, 256])
def test_what_was_read_adds_up_to_the_logit(plain, run, position, token):
    parts = logit_flow.split(plain, run, position, token)
    with torch.inference_mode():
        logit = plain.model(torch.as_tensor(IDS)[None]).logits[0, position, token]
    assert parts.logit == pytest.approx(float(logit), abs=1e-5)
    assert parts.total == pytest.approx(parts.logit, abs=1e-3)
    assert not parts.read[:, position + 1 :].any()


def test_with_memory_the_parts_add_up_too(remembered):
    loaded, run = remembered
    parts = logit_flow.split(loaded, run, len(run) - 1, 101)
    assert parts.logit == pytest.approx(float(run.next_logits[101]), abs=1e-5)
    assert parts.total == pytest.approx(parts.logit, abs=1e-3)
    assert parts.slots.any() and parts.edm.any() and parts.early and parts.late


def test_what_is_read_from_all_tokens_is_what_the_heads_write(plain, run):
    from model.analysis import attribution

    parts = logit_flow.split(plain, run, 12, 55)
    whole = attribution.attribute(plain, run, 12, 55)
    np.testing.assert_allclose(parts.read.sum(1), whole.heads.sum(1), atol=1e-6)
    np.testing.assert_allclose(parts.mlp, whole.mlp, atol=1e-6)
    assert parts.embedding == pytest.approx(whole.token, abs=1e-6)
