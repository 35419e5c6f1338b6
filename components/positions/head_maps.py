"""One head's map under several schemes, side by side; a click chooses a cell in all of them.

Knows nothing of what the schemes are.
"""

from collections.abc import Callable

import numpy as np
import streamlit as st

from components.kit import canvas, grid

MOST_SQUARES = 224  # per side of a tile
EXACT_TOKENS = 128  # up to here every weight travels as float32
_mount = grid.component("positions_maps", "positions/head_maps", grid.CANVAS + grid.READING)


def show(
    maps: list[np.ndarray],
    names: list[str],
    tags: list[str],
    notes: list[str],
    tokens: list[str],
    chosen: tuple[int, int],
    key: str,
    on_choose: Callable[[int, int], None],
) -> None:
    """maps: n of (T,T), row = query; names and tags stand over each tile, notes under it; chosen:
    (query, key). `on_choose(query, key)` runs before the next script run."""
    cell = -(-len(tokens) // MOST_SQUARES)
    triangles = [canvas.lower_triangle(pooled_max(weights, cell)) for weights in maps]
    arrays = {"levels": canvas.levels(np.concatenate(triangles))}
    if len(tokens) <= EXACT_TOKENS:
        arrays["weights"] = np.concatenate(triangles).astype(np.float32)
    header = {"names": names, "tags": tags, "notes": notes, "tokens": tokens, "cell": cell}
    header |= {"n": -(-len(tokens) // cell), "chosen": {"query": chosen[0], "key": chosen[1]}}
    header["chosen_weights"] = [float(weights[chosen]) for weights in maps]

    def tell():
        cell = st.session_state[key].choose
        on_choose(int(cell["query"]), int(cell["key"]))

    _mount(key=key, data=canvas.pack(header, **arrays), on_choose_change=tell)


def pooled_max(weights: np.ndarray, cell: int) -> np.ndarray:
    """(T,T) -> (n,n), the largest weight of each cell × cell; a mean would lose single links."""
    starts = np.arange(0, len(weights), cell)
    return np.maximum.reduceat(np.maximum.reduceat(weights, starts, 0), starts, 1)
