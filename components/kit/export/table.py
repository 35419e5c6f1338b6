"""The numbers of a picture as CSV and NPZ; both read back as the arrays they were made of.

Knows nothing of what the numbers mean.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

MOST_CSV = 300_000  # numbers; what has more is no table for people
FORMULA = tuple("=+-@")  # a spreadsheet would compute what begins like this


@dataclass(frozen=True, eq=False)
class Table:
    """axes: name -> its labels, outermost first; arrays: name -> one number for each cell, shaped as
    the axes are long; facts: name -> a number or a text about all of it. future_from: of attention
    weights, the column of the last axis that the first row of the axis before reads itself: of row r,
    columns after future_from + r are the future, which no query reads; None: there is none."""

    axes: Mapping[str, Sequence]
    arrays: Mapping[str, np.ndarray]
    facts: Mapping[str, int | float | str] = field(default_factory=dict)
    future_from: int | None = None

    def __post_init__(self) -> None:
        shape = tuple(map(len, self.axes.values()))
        for name, array in self.arrays.items():
            assert np.shape(array) == shape, f"{name} is {np.shape(array)}, its axes are {shape}"


def as_csv(table: Table) -> bytes:
    """One array on two axes as a matrix with its labels, everything else a line a cell; UTF-8. What
    no query reads, because it is the future, is empty in a matrix, and has no line.

    Raises ValueError for more than MOST_CSV numbers.
    """
    n_numbers = sum(np.size(array) for array in table.arrays.values())
    if n_numbers > MOST_CSV:
        raise ValueError(
            f"{n_numbers:,} numbers are too many for a CSV file of at most {MOST_CSV:,}. Take the "
            "NPZ file."
        )
    text = io.StringIO()
    is_matrix = len(table.axes) == 2 and len(table.arrays) == 1
    csv.writer(text, lineterminator="\n").writerows(_matrix(table) if is_matrix else _lines(table))
    return text.getvalue().encode()


def as_npz(table: Table) -> bytes:
    """Arrays, the labels of every axis, and the facts, as a compressed archive without pickles."""
    labels = {name: _labels(some) for name, some in table.axes.items()}
    file = io.BytesIO()
    np.savez_compressed(file, **table.arrays, **labels, **table.facts)
    return file.getvalue()


def _labels(some: Sequence) -> np.ndarray:
    return np.array(some, dtype=None if all(isinstance(one, int) for one in some) else str)


def _matrix(table: Table):
    (down, rows), (across, columns) = table.axes.items()
    (array,) = table.arrays.values()
    future = "" if table.future_from is None else " (empty: the future, which is not read)"
    yield [f"{down} \\ {across}{future}", *map(_safe, columns)]
    for r, (name, row) in enumerate(zip(rows, array)):
        n_seen = _n_seen(table, r, len(columns))
        yield [_safe(name), *map(str, row[:n_seen]), *[""] * (len(columns) - n_seen)]


def _n_seen(table: Table, row: int, n_columns: int) -> int:
    """How many columns a row reads: all, or those up to itself."""
    return n_columns if table.future_from is None else min(n_columns, table.future_from + row + 1)


def _lines(table: Table):
    """Labels that are texts may be equal: their number stands before them."""
    axes = list(table.axes.items())
    texts = {name for name, labels in axes if not all(isinstance(one, int) for one in labels)}
    yield [column for name, _ in axes
           for column in ((f"{name} number", name) if name in texts else (name,))] + [*table.arrays]
    for cell in np.ndindex(*(len(labels) for _, labels in axes)):
        if len(cell) > 1 and cell[-1] >= _n_seen(table, cell[-2], len(axes[-1][1])):
            continue
        place = [part for (name, labels), i in zip(axes, cell)
                 for part in ((i, _safe(labels[i])) if name in texts else (labels[i],))]
        yield place + [_safe(str(array[cell])) if array.dtype.kind == "U" else str(array[cell])
                       for array in map(np.asarray, table.arrays.values())]


def _safe(label) -> str | int:
    return f"'{label}" if str(label).startswith(FORMULA) and not isinstance(label, int) else label
