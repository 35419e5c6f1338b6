"""A matrix of signed numbers on a canvas, rows named: vectors as strips, or cosines of all pairs.

Hover reads the exact value; a click chooses a row. Knows nothing of what the numbers mean.
"""

from collections.abc import Callable

import numpy as np
import streamlit as st

from components.kit import canvas, grid, palette

EXACT_VALUES = 1_100_000  # up to here values travel as float32, above as 255 levels
_mount = grid.component("tokens_map", "tokens/matrix", grid.CANVAS + grid.READING)


def show(
    values: np.ndarray,
    rows: list[str],
    limit: float,
    key: str,
    on_choose: Callable[[int], None],
    *,
    columns: list[str] | None = None,
    chosen: int | None = None,
    height: int = 480,
    say: str = "value",
    label: str = "",
) -> None:
    """values (R,N), full colour at ±limit; rows: R names; columns: N names, or None for numbers.

    With column names the map is square (side at most `height` px). `say` names a value in the
    reading below; label is read to the blind. `on_choose(row)` runs before the next script run.
    """
    R, N = values.shape
    header = {"R": R, "N": N, "rows": rows, "columns": columns, "limit": limit, "chosen": chosen}
    header |= {"height": height, "say": say, "label": label, "hues": {"hue": palette.EMBEDDING}}
    header["exact"] = values.size <= EXACT_VALUES
    if header["exact"]:
        arrays = {"values": values.astype(np.float32).ravel()}
    else:
        arrays = {"levels": levels(values, limit).ravel()}

    def tell():
        on_choose(int(st.session_state[key].choose))

    _mount(key=key, data=canvas.pack(header, **arrays), on_choose_change=tell)


def levels(values: np.ndarray, limit: float) -> np.ndarray:
    """Values, cut at ±limit -> uint8 levels 1 to 255, 128 is zero."""
    share = np.clip(values / limit, -1, 1) if limit else np.zeros_like(values)
    return (np.round(share * 127) + 128).astype(np.uint8)
