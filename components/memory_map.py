"""One softmax, one picture: a prompt's weights over Memory ∪ Local, memory's columns first.

Above, one row as bars over the same columns. A click chooses the row. Knows nothing of models.
"""

from collections.abc import Callable

import numpy as np
import streamlit as st

from components import canvas, palette

_mount = st.components.v2.component(
    "mnemoscope_memory_map",
    html='<div class="picture"><p class="sums"></p>'
    '<canvas tabindex="0" role="application"></canvas><p class="reading"></p></div>',
    css=canvas.style("memory_map.css"),
    js=canvas.script("memory_map.js"),
)


def show(
    weights: np.ndarray,
    rows: list[str],
    slots: list[str],
    at: int,
    *,
    of: str,
    key: str,
    on_choose: Callable[[int], None],
) -> None:
    """weights (T,K+T), rows sum to 1; rows: T token strings; slots: K strings, one a memory column;
    at: the row drawn as bars; of: whose weights these are."""
    header = {"rows": rows, "slots": slots, "of": of, "chosen": at, "memory": palette.MEMORY}
    header["sums"] = [float(x) for x in weights.sum(1, dtype=np.float64)]
    n_slots = len(slots)
    header["from_memory"] = [float(x) for x in weights[:, :n_slots].sum(1, dtype=np.float64)]

    def tell():
        on_choose(int(st.session_state[key].choose))

    data = canvas.pack(header, weights=np.ascontiguousarray(weights, np.float32))
    _mount(key=key, data=data, on_choose_change=tell)
