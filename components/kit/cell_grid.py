"""A grid of coloured cells: stations × tokens, layers × heads. Click or arrow keys choose a cell.

Knows nothing of what the numbers mean; the figures that hand it a Grid do.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import streamlit as st

from components.kit import canvas, grid, palette
from components.kit.export.offers import offer
from components.kit.export.table import Table

HUES = {
    "mlp": palette.MLP,
    "embedding": palette.EMBEDDING,
    "position": palette.POSITION,
    "output": palette.OUTPUT,
    "norm": palette.NORM,
    "lowers": palette.LOWERS,
    "memory": palette.MEMORY,
}
_mount = grid.component(
    "residual_grid",
    "kit/cell_grid",
    f'<div class="scroll"><div class="wide">{grid.CANVAS}</div></div>{grid.READING}',
)


@dataclass(frozen=True, eq=False)
class Grid:
    """R rows and N columns of cells.

    levels: (R,N) uint8, 0 to 255 in the row's hue; in a signed grid 128 is zero.
    rows, columns: short names at the edges; row_words, column_words: the same for the reading line.
    details: (words, array name, "percent" | "rank" | "number" | "signed"), said of a cell; arrays:
    name -> (R,N); names: array name -> tokens to say with it, N or R·N. texts: R·N words drawn in
    the cells, bold: which of them; marks: R·N-indices crossed out; gap_before: a column that begins
    a new group. Sizes in pixels: left, the room for row names; least to most, a cell's width;
    height, of all rows together; row_least to row_most, of one.
    """

    title: str
    levels: np.ndarray
    rows: list[str]
    columns: list[str]
    row_words: list[str]
    column_words: list[str]
    row_hues: list[str]
    details: list[tuple[str, str, str]]
    arrays: dict[str, np.ndarray]
    names: dict[str, list[str]] = field(default_factory=dict)
    texts: list[str] | None = None
    bold: list[bool] | None = None
    marks: list[int] = field(default_factory=list)
    signed: bool = False
    toggles: bool = False
    gap_before: int | None = None
    column_title: str = ""
    left: int = 118
    least: int = 6
    most: int = 64
    height: int = 380
    row_least: int = 12
    row_most: int = 34
    text_most: int = 16


def show(
    grid: Grid, chosen: tuple[int, int], key: str, on_choose: Callable[[int, int], None],
    on_drag: Callable[[tuple[int, int], tuple[int, int]], None] | None = None,
) -> None:
    """Draw a grid; chosen: (row, column). `on_choose(row, column)` runs before the next run;
    `on_drag(from, onto)`, two cells (row, column), where one was dragged onto another."""
    arrays = {"levels": grid.levels, **grid.arrays}
    assert all(x.shape == grid.levels.shape for x in arrays.values()), "one value a cell"
    plain = ("title", "rows", "columns", "row_words", "column_words", "row_hues", "details")
    plain += ("texts", "bold", "marks", "signed", "toggles", "gap_before", "column_title", "left")
    plain += ("least", "most", "height", "row_least", "row_most", "text_most")
    header = {name: getattr(grid, name) for name in plain}
    header |= {f"{name}_words": words for name, words in grid.names.items()}
    header |= {"hues": HUES, "chosen": {"row": chosen[0], "column": chosen[1]}}
    header["drags"] = on_drag is not None

    def tell():
        cell = st.session_state[key].choose
        place = int(cell["row"]), int(cell["column"])
        if on_drag is not None and "from_row" in cell:
            on_drag((int(cell["from_row"]), int(cell["from_column"])), place)
        else:
            on_choose(*place)

    packed = {n: x if x.dtype == np.uint8 else x.astype(np.float32) for n, x in arrays.items()}
    _mount(key=key, data=canvas.pack(header, **packed), on_choose_change=tell)
    offer(key, _numbers, grid)


def _numbers(grid: Grid) -> Table:
    """A line a cell, with all that is said of it."""
    rows, columns = grid.row_words, grid.column_words
    return Table({"row": rows, "column": columns}, grid.arrays or {"level": grid.levels})


def levels(values: np.ndarray, top: float) -> np.ndarray:
    """values, 0 to top -> uint8 levels; what lies outside is clipped, NaN is 0."""
    share = np.nan_to_num(np.asarray(values, dtype=np.float64)) / (top or 1.0)
    return np.round(np.clip(share, 0, 1) * 255).astype(np.uint8)


def signed_levels(values: np.ndarray, top: float) -> np.ndarray:
    """values, −top to top -> uint8 levels with zero at 128; NaN is zero."""
    share = np.nan_to_num(np.asarray(values, dtype=np.float64)) / (top or 1.0)
    return np.round(128 + np.clip(share, -1, 1) * 127).astype(np.uint8)
