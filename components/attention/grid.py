"""All heads of a model at once: a tile for each head, in rows of layers; or one number for each.

A click or the arrow keys choose a head. Knows nothing of where the maps come from.
"""

from collections.abc import Callable

import numpy as np
import streamlit as st

from components.kit import canvas, grid

_mount = grid.component("attention_grid", "attention/grid", grid.CANVAS + grid.TIP)


def show_maps(
    pooled: np.ndarray,
    notes: list[str],
    chosen: tuple[int, int],
    *,
    key: str,
    on_choose: Callable[[int, int], None],
) -> None:
    """pooled (L,H,n,n), weights 0 to 1, row = query; notes: L·H texts shown when pointing at one.

    `on_choose(layer, head)` runs before the next script run.
    """
    n_layers, n_heads, n, _ = pooled.shape
    header = {"n_layers": n_layers, "n_heads": n_heads, "n": n}
    levels = canvas.levels(canvas.lower_triangle(pooled))
    _show(header, {"levels": levels}, notes, chosen, key, on_choose)


def show_numbers(
    numbers: np.ndarray,
    top: float,
    notes: list[str],
    chosen: tuple[int, int],
    *,
    key: str,
    on_choose: Callable[[int, int], None],
) -> None:
    """numbers (L,H), coloured from 0 to `top`; NaN stays an empty tile. Otherwise as show_maps."""
    n_layers, n_heads = numbers.shape
    header = {"n_layers": n_layers, "n_heads": n_heads, "top": top}
    arrays = {"numbers": numbers.astype(np.float32)}
    _show(header, arrays, notes, chosen, key, on_choose)


def _show(header, arrays, notes, chosen, key, on_choose) -> None:
    def tell():
        choice = st.session_state[key].choose
        on_choose(int(choice["layer"]), int(choice["head"]))

    header |= {"notes": notes, "chosen": {"layer": chosen[0], "head": chosen[1]}}
    _mount(key=key, data=canvas.pack(header, **arrays), on_choose_change=tell)
