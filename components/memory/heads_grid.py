"""Every head as one square: how much of a token's attention went to memory. A click chooses one."""

from collections.abc import Callable

import numpy as np
import streamlit as st

from components.kit import assets, canvas, palette

_mount = assets.component(
    "memory_heads",
    "memory/heads_grid",
    '<div class="picture"><div class="heads"></div><p class="reading"></p></div>',
)


def show(
    share: np.ndarray,
    token: str,
    chosen: tuple[int, int] | None,
    key: str,
    on_choose: Callable[[int, int], None],
) -> None:
    """share (L,H), 0 to 1, of the row of `token`; chosen (layer, head), None: the mean of all.
    `on_choose(layer, head)` runs before the next script run."""
    n_layers, n_heads = share.shape
    header = {"n_layers": n_layers, "n_heads": n_heads, "hues": {"memory": palette.MEMORY}}
    header["token"] = token
    header["chosen"] = None if chosen is None else {"layer": chosen[0], "head": chosen[1]}

    def tell():
        head = st.session_state[key].choose
        on_choose(int(head["layer"]), int(head["head"]))

    data = canvas.pack(header, share=share.astype(np.float32).ravel())
    _mount(key=key, data=data, on_choose_change=tell)
