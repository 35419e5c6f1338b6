"""A patched cell = the same patch written with hooks on transformers' own model, run as a whole."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from model.analysis import alignment, patching, recovery
from model.loading import checkpoint
from model.run import tap, trace
from model.run.onward import Onward
from model.run.turn import Overtaken, opened
from tests.conftest import byte_tokenizer, random_gpt2

CLEAN = np.random.default_rng(1).integers(0, 256, 11)
CORRUPT = CLEAN.copy()
CORRUPT[[3, 7]] = [200, 17]
ANSWER, AGAINST = 65, 90


def bent(seed=5):
    """A tapped model whose LayerNorms and biases do something."""
    model = random_gpt2(seed=seed)
    for name, weight in model.named_parameters():
        if ".ln_" in name:
            weight.normal_(0.7, 0.4)
        if name.endswith("c_attn.bias"):
            weight.normal_(std=0.3)
    tap.attach(model)
    return SimpleNamespace(model=model, tokenizer=byte_tokenizer(), fingerprint=f"bent-{seed}",
                           name="bent")


@pytest.fixture(scope="module")
def plain():
    return bent()


@pytest.fixture(scope="module")
def runs(plain):
    return trace.run(plain, CLEAN), trace.run(plain, CORRUPT)


@pytest.fixture(scope="module")
def embedded():
    return checkpoint.load("embedded", device="cpu")


class Hooks:
    """A whole run of a model with some of its values overwritten by hooks; what each site holds."""

    def __init__(self, model):
        self.model, self.heads = model, model.config.n_head

    def places(self, layer):
        block = self.model.transformer.h[layer]
        return {"stream": (block, "pre"), "attn": (block.attn, "post"), "mlp": (block.mlp, "post"),
                "head": (block.attn.c_proj, "pre")}

    @torch.inference_mode()
    def run(self, ids, changes=(), seen=None):
        """changes: (site, layer, function of the values (1,T,C)); -> logits (V,)."""
        handles = []
        for site, layer, change in changes:
            module, when = self.places(layer)[site]
            if when == "pre":
                handles.append(module.register_forward_pre_hook(
                    lambda _, args, change=change: (change(args[0]), *args[1:])))
            else:
                handles.append(module.register_forward_hook(
                    lambda _, args, out, change=change: (
                        (change(out[0]), *out[1:]) if isinstance(out, tuple) else change(out))))
        logits = self.model(torch.tensor(ids)[None]).logits[0, -1]
        for handle in handles:
            handle.remove()
        return logits

    def values(self, ids, site, layer):
        seen = []
        self.run(ids, [(site, layer, lambda x: seen.append(x.clone()) or x)])
        return seen[0]

    def patched(self, base, source, site, layer, at, onto=None, from_layer=None):
        """One cell of the grid; at: a token, or with "head" a head."""
        new = self.values(source, site, layer if from_layer is None else from_layer)

        def change(x):
            x = x.clone()
            if site == "head":
                width = x.shape[-1] // self.heads
                cut = slice(at * width, (at + 1) * width)
                x[..., cut] = new[..., cut]
            else:
                x[:, at if onto is None else onto] = new[:, at]
            return x

        return self.run(base, [(site, layer, change)])


def stock(loaded, ids):
    with torch.inference_mode():
        return loaded.model(torch.as_tensor(ids)[None]).logits[0, -1]


def to_logits(loaded, stream):
    return trace.final_logits(loaded.model, stream)


@pytest.mark.parametrize("site", patching.SITES)
def test_every_cell_is_the_run_with_hooks(plain, runs, site):
    clean, corrupt = runs
    found = patching.every_cell(plain, corrupt, clean, site).streams
    assert found.shape == (3, 4 if site == "head" else len(CLEAN), 32)
    for layer in range(3):
        for at in range(found.shape[1]):
            expected = Hooks(plain.model).patched(CORRUPT, CLEAN, site, layer, at)
            torch.testing.assert_close(to_logits(plain, found[layer, at]), expected, atol=1e-4, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("site", patching.SITES)
def test_every_cell_of_the_embedded_model_is_the_run_with_hooks(embedded, site):
    texts = ("When Mary and John went out, John gave a book to", "When Mary and John went out, Mary gave a book to")
    a, b = (np.array(embedded.tokenizer(text)["input_ids"]) for text in texts)
    assert len(a) == len(b)
    found = patching.every_cell(embedded, trace.run(embedded, b), trace.run(embedded, a), site).streams
    for layer in range(0, len(found), 2):
        for at in range(found.shape[1]):
            expected = Hooks(embedded.model).patched(b, a, site, layer, at)
            torch.testing.assert_close(to_logits(embedded, found[layer, at]), expected, atol=1e-4, rtol=0)


def test_every_cell_of_the_last_layer_gives_the_clean_logits(plain, runs):
    clean, corrupt = runs
    everywhere = np.arange(len(CLEAN))
    for layer in range(3):
        found = patching.together(plain, corrupt, clean, "stream", layer, everywhere)
        torch.testing.assert_close(to_logits(plain, found), stock(plain, CLEAN), atol=1e-4, rtol=0)


@pytest.mark.parametrize("site", patching.SITES)
def test_several_cells_at_once_are_the_run_with_hooks(plain, runs, site):
    clean, corrupt = runs
    pairs = np.full(len(CLEAN), alignment.NONE)
    pairs[[3, 7, 10]] = [3, 7, 10]
    new = Hooks(plain.model).values(CLEAN, site, 1)

    def change(x):
        x = x.clone()
        x[:, [3, 7, 10]] = new[:, [3, 7, 10]]
        return x

    expected = Hooks(plain.model).run(CORRUPT, [(site, 1, change)])
    found = patching.together(plain, corrupt, clean, site, 1, pairs)
    torch.testing.assert_close(to_logits(plain, found), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("site", patching.SITES)
def test_patching_nothing_gives_the_corrupted_logits(plain, runs, site):
    _, corrupt = runs
    nothing = np.full(len(CLEAN), alignment.NONE)
    for layer in range(3):
        found = patching.together(plain, corrupt, runs[0], site, layer, nothing)
        torch.testing.assert_close(to_logits(plain, found), stock(plain, CORRUPT), atol=1e-4, rtol=0)
    same = patching.every_cell(plain, corrupt, corrupt, site).streams
    assert (same == corrupt.layer_stream(-1)[-1]).all()


def test_runs_of_different_lengths_go_on_as_if_each_were_alone(plain, runs):
    _, corrupt = runs
    starts = [8, 0, 10, 3]
    rows = torch.cat([corrupt.layer_stream(2)[start:] for start in starts])
    found = Onward(corrupt, starts).through(plain, 1, rows)
    expected = torch.cat([corrupt.layer_stream(6)[start:] for start in starts])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_cells_in_small_batches_are_the_same_cells(plain, runs, monkeypatch):
    whole = {s: patching.every_cell(plain, *runs[::-1], s).streams for s in ("stream", "head")}
    monkeypatch.setattr(patching, "ROWS_AT_ONCE", 12)
    for site, expected in whole.items():
        torch.testing.assert_close(patching.every_cell(plain, *runs[::-1], site).streams, expected,
                                   atol=1e-5, rtol=0)


@pytest.mark.parametrize("site", ["stream", "attn", "mlp"])
def test_only_paired_tokens_are_patched_each_from_its_own(plain, runs, site):
    other = trace.run(plain, np.r_[CLEAN[:5], 99, CLEAN[5:]])  # one token more
    pairs = alignment.by_subsequence(CORRUPT, other.ids)
    assert pairs.tolist() == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11]
    pairs[4:9] = alignment.NONE
    found = patching.every_cell(plain, runs[1], other, site, pairs).streams
    assert torch.isnan(found[:, 4:9]).all() and torch.isfinite(found[:, [0, 3, 9, 10]]).all()
    expected = Hooks(plain.model).patched(CORRUPT, other.ids, site, 1, 11, onto=10)
    torch.testing.assert_close(to_logits(plain, found[1, 10]), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("site", patching.SITES)
@pytest.mark.parametrize("fill", patching.FILLS)
def test_a_single_cell_of_a_fill_is_its_cell_of_the_grid(plain, runs, site, fill):
    clean, corrupt = runs
    whole = patching.every_cell(plain, corrupt, clean, site, fill=fill)
    at = 3 if site != "head" else 2
    cone = patching.cone(plain, corrupt, clean, site, (1, at), (1, at), fill)
    torch.testing.assert_close(cone.last, whole.streams[1, at], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("fill", ["zero", "mean", "resample"])
def test_a_baseline_is_the_run_with_hooks(plain, runs, fill):
    clean, _ = runs
    found = patching.every_cell(plain, clean, clean, "mlp", fill=fill, seed=3).streams
    values = Hooks(plain.model).values(CLEAN, "mlp", 1)[0]
    expected_values = {"zero": values * 0, "mean": values.mean(0).expand_as(values)}.get(fill)
    if fill == "resample":
        expected_values = values[patching.others(len(CLEAN), 3)]
        assert (expected_values != values).any(-1).all()

    def change(x):
        x = x.clone()
        x[:, 4] = expected_values[4]
        return x

    expected = Hooks(plain.model).run(CLEAN, [("mlp", 1, change)])
    torch.testing.assert_close(to_logits(plain, found[1, 4]), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("site", patching.SITES)
def test_the_cone_of_a_cell_is_where_the_stream_moved(plain, runs, site):
    clean, corrupt = runs
    taken, put = ((2, 3), (1, 2)) if site == "head" else ((2, 7), (1, 5))
    found = patching.cone(plain, corrupt, clean, site, taken, put)
    moved = found.moved
    assert moved.shape == (7, len(CLEAN))
    before = 2 if site == "stream" else 4 if site == "mlp" else 3  # the first station it reaches
    assert not moved[:before].any() and moved[before].any() and moved[-1, -1] > 0
    if site != "head":
        assert not moved[:, :5].any() and moved[before, 5] > 0
        assert not moved[before, 6:].any()  # others hear of it through attention alone
        new = Hooks(plain.model).values(CLEAN, site, 2)[0, 7]
        change = lambda x: torch.cat([x[:, :5], new[None, None], x[:, 6:]], 1)
    else:
        new = Hooks(plain.model).values(CLEAN, site, 2)[..., 24:32]
        change = lambda x: torch.cat([x[..., :16], new, x[..., 24:]], -1)
    hooks, stations = Hooks(plain.model), []
    watch = [("stream", i, lambda x: stations.append(x[0].clone()) or x) for i in range(2, 3)]
    expected = hooks.run(CORRUPT, [(site, 1, change), *watch])
    torch.testing.assert_close(to_logits(plain, found.last), expected, atol=1e-4, rtol=0)
    was = corrupt.layer_stream(4)
    distance = (stations[0] - was).norm(dim=-1) / was.norm(dim=-1)
    np.testing.assert_allclose(moved[4], distance, atol=1e-5)


@pytest.mark.parametrize("metric", recovery.METRICS)
def test_shares_are_zero_without_and_one_with_everything(plain, runs, metric):
    clean, corrupt = runs
    ends = torch.stack([run.layer_stream(-1)[-1] for run in (corrupt, clean)])[None]
    found = recovery.recovered(plain, patching.Grid("stream", ends), clean, corrupt, metric, ANSWER,
                               AGAINST)
    np.testing.assert_allclose(found.share, [[0, 1]], atol=1e-9)
    a, b = stock(plain, CLEAN).double(), stock(plain, CORRUPT).double()
    p, q = a.log_softmax(-1), b.log_softmax(-1)
    expected = {
        "difference": (a[ANSWER] - a[AGAINST], b[ANSWER] - b[AGAINST]),
        "probability": (p[ANSWER].exp(), q[ANSWER].exp()), "kl": (0, (p.exp() * (p - q)).sum()),
    }[metric]
    np.testing.assert_allclose([found.clean, found.corrupt], np.array(expected), atol=1e-5)


def test_a_share_of_a_tiny_probability_exists(plain, runs, monkeypatch):
    clean, corrupt = runs
    ends = torch.stack([run.layer_stream(-1)[-1] for run in (corrupt, clean)])[None]
    monkeypatch.setattr(recovery, "_of_rows", lambda *_: torch.tensor([3e-9, 1e-9], dtype=torch.float64))
    found = recovery.recovered(plain, patching.Grid("stream", ends), clean, corrupt, "probability",
                               ANSWER, AGAINST)
    np.testing.assert_allclose(found.share, [[1, 0]])
    monkeypatch.setattr(recovery, "_of_rows", lambda *_: torch.tensor([1.0, 1.0 + 1e-7], dtype=torch.float64))
    with pytest.raises(ValueError, match="the same probability of the answer: 1. A share"):
        recovery.recovered(plain, patching.Grid("stream", ends), clean, corrupt, "probability",
                           ANSWER, AGAINST)


def test_cells_that_were_not_asked_for_have_no_share(plain, runs):
    clean, corrupt = runs
    pairs = np.full(len(CLEAN), alignment.NONE)
    pairs[3] = 3
    grid = patching.every_cell(plain, corrupt, clean, "attn", pairs)
    found = recovery.recovered(plain, grid, clean, corrupt, "kl", ANSWER, AGAINST)
    assert np.isnan(np.delete(found.share, 3, 1)).all() and np.isfinite(found.share[:, 3]).all()


def test_a_page_hears_how_far_it_is_and_can_stop_it(plain, runs, nobody_waits):
    heard = []

    class Waits:
        undivided = False

        def give_way(self):
            pass

        def report(self, progress):
            heard.append(progress)

    with opened(Waits()):
        patching.every_cell(plain, *runs[::-1], "stream")
    assert heard == [1, 2, 3]
    with opened(nobody_waits), pytest.raises(Overtaken):
        patching.every_cell(plain, *runs[::-1], "stream")


@pytest.mark.parametrize("change, words", [
    ({"source": CLEAN[:-1]}, "Different token counts: 10 in"),
    ({"site": "heads"}, "Unknown site 'heads'. Choose among stream, attn, mlp, head."),
    ({"fill": "noise"}, "Unknown fill 'noise'"),
    ({"base": CLEAN[:1], "source": CLEAN[:1], "fill": "resample"}, "One token has no other"),
])
def test_what_cannot_be_patched_is_said(plain, change, words):
    given = {"base": CORRUPT, "source": CLEAN, "site": "stream", "fill": "patch"} | change
    base, source = (trace.run(plain, given[name]) for name in ("base", "source"))
    with pytest.raises(ValueError, match=words):
        patching.every_cell(plain, base, source, given["site"], fill=given["fill"])


def test_other_bad_input_is_said(plain, runs):
    clean, corrupt = runs
    wide = random_gpt2(n_embd=64)
    tap.attach(wide)
    other = trace.run(SimpleNamespace(model=wide), CLEAN)
    with pytest.raises(ValueError, match="width 64 does not fit one of width 32"):
        patching.every_cell(plain, corrupt, other, "stream")
    for cell in ((3, 0), (0, 11), (-1, 0)):
        with pytest.raises(ValueError, match="There is no"):
            patching.cone(plain, corrupt, clean, "stream", cell, (0, 0))
    long = trace.run(plain, np.arange(60) % 256)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(ValueError, match="60 tokens in each of 3"):
        patch.setattr(patching, "MOST_TOKENS", 59)
        patching.every_cell(plain, long, long, "stream")
    grid = patching.Grid("stream", clean.layer_stream(-1)[-1][None, None])
    with pytest.raises(ValueError, match="the same logit difference"):
        recovery.recovered(plain, grid, clean, clean, "difference", ANSWER, AGAINST)
    for answers, words in (((5, 5), "the same token"), ((5, 257), "no token 257")):
        with pytest.raises(ValueError, match=words):
            recovery.recovered(plain, grid, clean, corrupt, "probability", *answers)
    with pytest.raises(ValueError, match="Unknown metric 'loss'"):
        recovery.recovered(plain, grid, clean, corrupt, "loss", ANSWER, AGAINST)
