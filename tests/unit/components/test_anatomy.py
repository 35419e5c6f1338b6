"""Pictures of the anatomy: exact areas, whole tables, text that stays text."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from components.anatomy import shape_ladder, tensor_figures, treemap
from components.kit import cell_grid, fact_strip, palette, plain_table
from model.analysis import shape_tour, tensor_values
from model.run import trace

WEIGHTS = st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=40)


@given(WEIGHTS, st.floats(0.2, 5), st.sampled_from([treemap.squarify, treemap.shelve]))
def test_areas_are_exact_shares_inside_the_map(weights, width, cut):
    rectangles = cut(weights, width, 1.0)
    areas = np.array([r.width * r.height for r in rectangles])
    assert areas / width == pytest.approx(np.array(weights) / sum(weights), rel=1e-6)
    assert all(r.x >= -1e-9 and r.x + r.width <= width * (1 + 1e-9) for r in rectangles)
    assert all(r.y >= -1e-9 and r.y + r.height <= 1 + 1e-9 for r in rectangles)


@given(WEIGHTS)
def test_boxes_do_not_overlap(weights):
    for a in (rectangles := treemap.squarify(weights, 2.0, 1.0)):
        for b in rectangles:
            wide = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
            high = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
            assert a is b or min(wide, high) < 1e-6


def test_equal_blocks_stand_in_full_columns():
    rectangles = treemap.shelve([3.0] + [1.0] * 48, 2.2, 1.0)
    assert len({round(r.height, 9) for r in rectangles[1:]}) == 1
    assert len({round(r.x, 9) for r in rectangles[1:]}) * round(1 / rectangles[1].height) == 48


def test_a_table_shows_whole_numbers_and_escapes_text():
    table = plain_table.plain_table(["<b>", "n"], [["<script>", -1234567]], sum_row=True)
    assert "−1,234,567" in table and "&lt;script&gt;" in table and "<script>" not in table


def test_a_fact_strip_escapes():
    strip = fact_strip.fact_strip([("d_h = 64", "<i>", '"quoted"')])
    assert "&lt;i&gt;" in strip and "&quot;quoted&quot;" in strip


def test_the_head_width_has_one_name(tour):
    """Strip, ladder and table say d_h, never a d with a small h in one place and d_h in another."""
    table = shape_ladder.table(tour).to_string()
    for shown in (shape_ladder.letters(tour), shape_ladder.ladder(tour), table):
        assert "d_h" in shown and "dₕ" not in shown and "d<span" not in shown


@pytest.fixture(scope="module")
def tour(tiny):
    return shape_tour.tour(tiny, trace.run(tiny, [3, 4, 5]), 1)


def test_the_ladder_draws_every_tensor_once(tour):
    drawn = [key for _, _, rows in shape_ladder.STAGES for keys in rows for key in keys]
    assert sorted(drawn) == sorted(s.operation.key for s in tour.steps)
    page = shape_ladder.ladder(tour)
    for step in tour.steps:
        assert str(step.shape) in page
    assert shape_ladder.verdict(tour).startswith("✓") and len(shape_ladder.table(tour)) == len(drawn)


def test_a_wrong_shape_is_named(tour):
    spoiled = replace(tour, dims=tour.dims | {"V": 5})
    sentence = shape_ladder.verdict(spoiled)
    assert sentence.startswith("✗") and "lm_head" in sentence


def test_the_scaling_is_the_models(tour):
    page = shape_ladder.ladder(tour)
    assert f"× {8**-0.5:.4g}" in page and "gelu_new" in page


def test_heat_map_cells_carry_exact_values_and_places():
    grid = tensor_values.pooled(torch.randn(300, 500), 10, 20)
    (cells,) = tensor_figures.heat_map(grid).data
    assert np.array_equal(cells.z, grid.values)
    assert np.array_equal(cells.customdata[..., 0], grid.row)
    assert "30 × 25 values" in tensor_figures.pooling_words(grid)


def test_a_negative_weight_has_the_colour_of_negative_cells_on_the_other_pages():
    assert tensor_figures.SIGNED[0][1] == cell_grid.HUES["lowers"]
    assert tensor_figures.SIGNED[-1][1] == palette.RAISES


def test_heads_stand_side_by_side_with_gaps(tiny):
    weight = tiny.model.transformer.h[0].attn.c_attn.weight
    heads = tensor_values.split_heads(weight, 4)
    small = tuple(tuple(tensor_values.pooled(x, 64, 100) for x in kind) for kind in heads)
    seen = tensor_values.HeadWeights(0, 1, tensor_values.head_norms(heads), small, small[0][:3])
    query = tensor_figures.all_heads(seen).data[0]
    assert query.z.shape == (32, 4 * 8 + 3)
    assert np.isnan(query.z[:, 8]).all() and not np.isnan(query.z[:, :8]).any()
    shown = query.customdata[..., 3][:, 9:17]
    assert np.array_equal(shown, weight[:, 8:16].numpy())
