"""The numbers of a picture as files: what is read back equals the arrays."""

import csv
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from components.kit.data_table import columns_of
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


def test_the_future_is_empty_in_a_matrix_and_has_no_line():
    weights = np.tril(np.arange(1, 10).reshape(3, 3))
    tokens = ["a", "b", "c"]
    rows = rows_of(Table({"query": tokens, "key": tokens}, {"attention": weights}, future_from=0))
    assert rows[0][0] == "query \\ key (empty: the future, which is not read)"
    assert [row[1:] for row in rows[1:]] == [["1", "", ""], ["4", "5", ""], ["7", "8", "9"]]
    heads = {"layer": range(2), "query": range(3), "key": range(3)}
    rows = rows_of(Table(heads, {"attention": np.stack([weights, weights])}, future_from=0))
    assert len(rows) == 1 + 2 * 6 and [row[-1] for row in rows[1:7]] == ["1", "4", "5", "7", "8", "9"]


def test_memorys_columns_are_read_by_all_and_stand_before_the_prompts():
    table = Table({"token": ["a", "b"], "reads": ["memory 0 x", "a", "b"]},
                  {"weight": np.array([[0.5, 0.5, 0], [0.2, 0.3, 0.5]])}, future_from=1)
    assert [row[1:] for row in rows_of(table)[1:]] == [["0.5", "0.5", ""], ["0.2", "0.3", "0.5"]]
    archive = np.load(io.BytesIO(as_npz(table)), allow_pickle=False)
    assert archive["weight"].shape == (2, 3), "arrays stay whole"


def test_a_table_of_rows_is_taken_with_its_columns():
    when = pd.to_datetime([0, 1.5], unit="s", utc=True)
    rows = rows_of(columns_of(pd.DataFrame({
        "token": ["=x", None], "id": [3, 4], "length": [0.1234567891, 2.0], "is": [True, False],
        "changed": when})))
    assert rows == [["row", "token", "id", "length", "is", "changed"],
                    ["0", "'=x", "3", "0.1234567891", "True", "1970-01-01T00:00:00+00:00"],
                    ["1", "", "4", "2.0", "False", "1970-01-01T00:00:01.500000+00:00"]]
    file = io.BytesIO(as_npz(columns_of(pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}))))
    assert np.load(file, allow_pickle=False)["b"].tolist() == ["x", "y"]


def test_every_table_of_rows_offers_its_data():
    """A page draws one through data_table, which makes the offer."""
    root = Path(__file__).parents[3]
    drawn = [path.name for folder in ("pages", "components") for path in (root / folder).rglob("*.py")
             if "st.dataframe(" in path.read_text(encoding="utf-8")]
    assert drawn == ["data_table.py"]


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
