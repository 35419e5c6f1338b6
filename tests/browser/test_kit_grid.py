"""kit/grid.js by itself in Chromium: where cells are, and which of their names there is room for."""

import pytest

from components.kit import assets


@pytest.fixture
def grid(page):
    """grid(expression) -> its value, with what kit/grid.js exports at hand."""
    library = assets.library("kit/grid.js")
    return lambda expression: page.evaluate(
        f"{library}; (({{ axis, every, named }}) => {expression})(kit_grid)"
    )


def test_an_axis_finds_each_cell_where_it_placed_it(grid):
    found = grid(
        "((along) => [...Array(7).keys()].map((i) => along.index(along.at(i) + along.step / 2)))"
        "(axis(7, 10, 94, 4, 14))"
    )
    assert found == list(range(7))


def test_a_gap_stands_before_the_second_group_and_belongs_to_it(grid):
    ends = grid("((along) => [3, 4].map((i) => along.at(i)))(axis(7, 10, 94, 4, 14))")
    assert ends == [40, 64]  # 10 pixels a cell, 14 between them
    assert grid("axis(7, 10, 94, 4, 14).index(57)") == 4


def test_nothing_lies_outside_of_an_axis(grid):
    assert grid("[9.9, 80.1].map(axis(7, 10, 80).index)") == [None, None]


def test_names_have_room_and_the_chosen_one_pushes_its_neighbours_away(grid):
    assert grid("named(axis(5, 0, 100), 15)") == [0, 1, 2, 3, 4]
    assert grid("every(axis(100, 0, 500), 15)") == 3
    names = grid("named(axis(100, 0, 500), 15, [31, null])")
    assert 31 in names and 30 not in names and 33 not in names
