"""What the residual page draws: sorted, folded, named, windowed as it says."""

from types import SimpleNamespace

import numpy as np
import pytest
import streamlit as st

from components.kit import cell_grid, next_token
from components.residual import attribution_figures as figures
from components.residual import choice, neuron_figures, run
from components.residual import figures as residual_figures
from model.analysis.ablation import Off
from model.analysis.attribution import Attribution


@pytest.fixture
def found():
    rng = np.random.default_rng(0)
    return Attribution(
        token=0.5, position=-0.25, heads=rng.normal(size=(3, 4)), attention_bias=rng.normal(size=3),
        mlp=rng.normal(size=3), final_bias=5.0, logit=1.0, sigma=3.0,
    )


def test_parts_hold_everything_sorted_by_size(found):
    rows = figures.parts(found, "·in")
    assert len(rows) == 3 * (4 + 2) + 3
    assert sum(part.value for part in rows) == pytest.approx(found.total)
    sizes = [abs(part.value) for part in rows]
    assert sizes == sorted(sizes, reverse=True) and rows[0].name == "final LayerNorm β"


def test_folding_keeps_the_sum_and_counts_what_it_folds(found):
    rows = figures.parts(found, "x")
    shown = figures.folded(rows, 5)
    assert len(shown) == 6 and shown[-1].name == "rest: 16 smaller parts"
    assert sum(part.value for part in shown) == pytest.approx(found.total)
    assert figures.folded(rows, 20) == rows  # folding one part alone would hide its name


def test_the_waterfall_ends_at_the_sum(found):
    bars = figures.waterfall(figures.folded(figures.parts(found, "x")), "logit").data[0]
    assert bars.x[-1] == pytest.approx(found.total) and bars.base[-1] == 0
    np.testing.assert_allclose(np.add(bars.base, bars.x)[:-2], bars.base[1:-1])


def test_levels_cover_their_range():
    assert cell_grid.levels(np.array([0, 0.5, 1, 7, np.nan]), 1).tolist() == [0, 128, 255, 255, 0]
    signed = cell_grid.signed_levels(np.array([-1, 0, 1, -9, np.nan]), 1)
    assert signed.tolist() == [1, 128, 255, 1, 128]
    ranked = residual_figures.rank_levels(np.array([[1.0, 3000], [2, 1.5]]))
    assert ranked.tolist() == [[12, 255], [174, 93]]
    assert residual_figures.rank_levels(np.array([[4.0]])).tolist() == [[12]]


@pytest.mark.parametrize("p, words", [(0, "0.0 %"), (1, "100.0 %"), (0.72649, "72.6 %"),
                                      (0.00019, "0.019 %"), (1e-9, "1 × 10⁻⁷ %"),
                                      (0.001, "0.1 %"), (0.00098, "0.098 %"), (0.0144, "1.4 %")])
def test_a_probability_is_never_rounded_to_nothing(p, words):
    assert residual_figures.percent(p) == words


def test_the_link_of_switches_reads_back(monkeypatch):
    off = Off(frozenset({(0, 3), (2, 1)}), frozenset({1}), frozenset({2}), "mean")
    link = {"off": choice.as_words(off), "off_fill": "mean"}
    monkeypatch.setattr(st, "session_state", link)
    assert choice.as_words(off) == "0h3-2h1-1mlp-2all"
    assert choice.off(3, 4) == off
    assert choice.marks(off, 4) == [3, 6 + 4, 12 + 1, 12 + 5]
    assert choice.off(2, 3) == Off(frozenset(), frozenset({1}), frozenset(), "mean")


@pytest.mark.parametrize("n_tokens", [1, 15, 16, 17, 100, 1024])
@pytest.mark.parametrize("work", [1, 1e6, 1e12])
def test_a_window_of_the_lens_holds_its_token(monkeypatch, n_tokens, work):
    config = SimpleNamespace(n_layer=1, n_embd=50, vocab_size=100)
    model = SimpleNamespace(config=config)
    place = SimpleNamespace(device=SimpleNamespace(type="cpu"))
    checkpoint = SimpleNamespace(model=model, placement=place)
    monkeypatch.setattr(run.visit, "checkpoint", lambda: checkpoint)
    monkeypatch.setattr(run.cost, "LENS", work)
    for at in range(n_tokens):
        start, stop = run.lens_window(at, n_tokens)
        assert 0 <= start <= at < stop <= n_tokens and start % run.BLOCK == 0
        assert stop - start <= max(2 * run.BLOCK, work / 10_000)
    if work == 1e12:
        assert (start, stop) == (0, n_tokens)


def test_neuron_numbers_are_not_written_over_each_other():
    found = SimpleNamespace(pre=np.array([1.0, 1.01, 5]), curve_x=np.array([-4.0, 6]))
    assert neuron_figures._apart(found, np.array([2, 0, 1])) == [2, 0]


@pytest.mark.parametrize("p, words", [(0.99999, "> 99.9 %"), (0.9994, "99.9 %"), (1, "100.0 %")])
def test_what_is_not_certain_is_never_all(p, words):
    assert residual_figures.percent(p) == next_token.percent(p) == words


def test_bars_that_lower_the_logit_are_hatched_not_framed(found):
    rows = figures.folded(figures.parts(found, "x"))
    marker = figures.waterfall(rows, "logit").data[0].marker
    lowering = [part.value < 0 for part in rows]
    assert [shape == "/" for shape in marker.pattern.shape[:-1]] == lowering and any(lowering)
    assert marker.line.width is None
