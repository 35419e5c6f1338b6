"""One head's attention map at full resolution, with token labels; a click chooses a cell.

Knows nothing of where the weights come from.
"""

from collections.abc import Callable

import numpy as np
import streamlit as st

from components.kit import canvas, grid

EXACT_TOKENS = 512  # up to here weights are sent as float32, above as 256 levels of √weight
_mount = grid.component(
    "attention_map", "attention/head_map",
    '<div class="tools"></div>' + grid.CANVAS + grid.READING + grid.TIP,
)


def show(
    weights: np.ndarray,
    tokens: list[str],
    chosen: tuple[int, int],
    *,
    title: str,
    key: str,
    on_choose: Callable[[int, int | None], None],
    most_px: int,
) -> None:
    """weights (T,T), row = query; tokens: T display strings; chosen: (query, key).

    `on_choose(query, key)` runs before the next script run; key is None when a row's label was
    clicked. The map's side is at most `most_px`; `title` names the head.
    """
    triangle = canvas.lower_triangle(weights)
    sums = weights.sum(axis=1, dtype=np.float64).astype(np.float32)
    arrays = {"levels": canvas.levels(triangle), "sums": sums}
    if len(tokens) <= EXACT_TOKENS:
        arrays["weights"] = triangle.astype(np.float32)
    header = {"tokens": tokens, "title": title, "most_px": most_px}
    header |= {"chosen": {"query": chosen[0], "key": chosen[1]}}
    header |= {"chosen_weight": float(weights[chosen])}

    def tell():
        cell = st.session_state[key].choose
        on_choose(int(cell["query"]), None if cell["key"] is None else int(cell["key"]))

    _mount(key=key, data=canvas.pack(header, **arrays), on_choose_change=tell)
