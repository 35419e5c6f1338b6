"""The numbers of a picture as files: what is read back equals the arrays."""

import csv
import io

import numpy as np
import pytest

from components.kit.export import offers
from components.kit.export.table import MOST_CSV, Table, as_csv, as_npz


def rows_of(table: Table) -> list[list[str]]:
    return list(csv.reader(io.StringIO(as_csv(table).decode())))


def test_a_matrix_reads_back_exactly_and_holds_no_formula():
    weights = np.random.default_rng(0).random((4, 4)).astype(np.float32)
    tokens = ["=1+1", 'a"b', "c,d\n", "·x"]
    rows = rows_of(Table({"query": tokens, "key": tokens}, {"attention": weights}))
    assert rows[0] == ["query \\ key", "'=1+1", 'a"b', "c,d\n", "·x"]
    assert [row[0] for row in rows[1:]] == rows[0][1:]
    back = np.array([row[1:] for row in rows[1:]], dtype=np.float32)
    np.testing.assert_array_equal(back, weights)


def test_more_than_two_axes_make_a_line_a_cell():
    values = np.random.default_rng(0).normal(size=(2, 3, 4))
    axes = {"layer": range(2), "token": ["a", "a", "-"], "dimension": range(4)}
    rows = rows_of(Table(axes, {"K": values, "V": values + 1}))
    assert rows[0] == ["layer", "token number", "token", "dimension", "K", "V"]
    assert rows[1][:4] == ["0", "0", "a", "0"] and rows[-1][:4] == ["1", "2", "'-", "3"]
    back = np.array([row[-2:] for row in rows[1:]], dtype=np.float64).reshape(2, 3, 4, 2)
    np.testing.assert_array_equal(back[..., 0], values)
    np.testing.assert_array_equal(back[..., 1], values + 1)


def test_npz_reads_back_without_pickles():
    weights, tokens = np.eye(3, dtype=np.float32), ["a", "‹E2 82›", "🧠"]
    table = Table({"query": tokens, "place": range(3)}, {"attention": weights}, {"layer": 2, "of": "m"})
    file = np.load(io.BytesIO(as_npz(table)), allow_pickle=False)
    np.testing.assert_array_equal(file["attention"], weights)
    assert file["query"].tolist() == tokens and file["place"].tolist() == [0, 1, 2]
    assert file["layer"] == 2 and file["of"] == "m"


def test_too_many_numbers_for_a_csv_are_said():
    table = Table({"i": range(MOST_CSV + 1)}, {"x": np.zeros(MOST_CSV + 1)})
    with pytest.raises(ValueError, match="300,001 numbers are too many.*Take the NPZ"):
        as_csv(table)


def test_an_array_that_does_not_fit_its_axes_is_our_mistake():
    with pytest.raises(AssertionError, match=r"x is \(2,\), its axes are \(3,\)"):
        Table({"i": range(3)}, {"x": np.zeros(2)})


def test_an_offer_is_made_only_when_asked_for_and_ends_with_the_page():
    made = []

    def make(n: int) -> Table:
        made.append(n)
        return Table({"i": range(n)}, {"x": np.arange(n)})

    offers.begin()
    offers.offer("picture", make, 3)
    assert not made
    assert offers.numbers("picture").arrays["x"].tolist() == [0, 1, 2] and made == [3]
    assert offers.numbers("another") is None
    offers.begin()
    assert offers.numbers("picture") is None
