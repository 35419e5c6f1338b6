"""Pictures of kit/cell_grid.js in Chromium: where their cells are, how they are clicked."""

import re

from playwright.sync_api import expect


def grid(page, key: str):
    return page.locator(f".st-key-{key} canvas")


def middle(canvas, row: int, column: int, past_gap: bool = False) -> tuple[float, float]:
    """Where the middle of a cell is on its canvas, in pixels; the grid is not scrolled."""
    expect(canvas).to_have_attribute("data-places", re.compile(","))
    left, top, wide, high, gap = map(float, canvas.get_attribute("data-places").split(","))
    return left + (column + 0.5) * wide + (gap if past_gap else 0), top + (row + 0.5) * high


def click_cell(page, key: str, row: int, column: int, past_gap: bool = False) -> None:
    """Click the middle of a cell."""
    x, y = middle(grid(page, key), row, column, past_gap)
    grid(page, key).click(position={"x": x, "y": y})
