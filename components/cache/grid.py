"""The KV cache as a picture: layers × tokens, K above V; a click chooses one cached vector.

Knows nothing of where the cache comes from.
"""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from components.kit import canvas, grid

ROOM = 16  # empty columns drawn after the cached ones: room for the cache to grow
_mount = grid.component("cache_grid", "cache/grid", grid.CANVAS + grid.TIP)


@dataclass(frozen=True)
class CachePicture:
    """What is drawn. n_before, n_entries: columns cached before and after the step; n_columns: the
    most columns that anyone has run so far; chosen: (layer, token, "K" or "V")."""

    tokens: list[str]
    n_layers: int
    n_heads: int
    d_head: int
    cell_bytes: int
    n_prompt: int
    n_before: int
    n_entries: int
    n_columns: int
    chosen: tuple[int, int, str]


def show(
    picture: CachePicture, n_positions: int, *, key: str, on_choose: Callable[[int, int, str], None]
) -> None:
    """`on_choose(layer, token, kind)` runs before the next script run."""

    def tell():
        cell = st.session_state[key].choose
        on_choose(int(cell["layer"]), int(cell["token"]), "V" if cell["kind"] == "V" else "K")

    layer, token, kind = picture.chosen
    header = {name: value for name, value in vars(picture).items() if name != "chosen"}
    header["chosen"] = {"layer": layer, "token": token, "kind": kind}
    grown = -(-(picture.n_columns + 1) // ROOM) * ROOM
    header["n_columns"] = max(picture.n_columns, min(grown, n_positions))
    _mount(key=key, data=canvas.pack(header), on_choose_change=tell)
