"""One softmax, one picture: a prompt's weights over Memory ∪ Local, memory's columns first.

Above, one row as bars over the same columns. A click chooses the row. Knows nothing of models.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import streamlit as st

from components.kit import canvas, grid, palette

_mount = grid.component(
    "memory_map", "memory/weights_map", '<p class="sums"></p>' + grid.CANVAS + grid.READING
)


@dataclass(frozen=True, eq=False)
class WeightsMap:
    """weights (T,K+R), rows sum to 1; rows: T token strings; slots: K strings, one a memory column;
    rest: R strings, what else a row can read; of: whose weights these are. title, rest_title: the
    two groups of columns; causal: of the rest, a row sees its own column and those before; start:
    the row that is the prompt's token 0."""

    weights: np.ndarray
    rows: list[str]
    slots: list[str]
    rest: list[str]
    of: str
    title: str = "memory"
    rest_title: str = "this prompt"
    causal: bool = True
    start: int = 0


def show(drawn: WeightsMap, at: int, key: str, on_choose: Callable[[int], None]) -> None:
    """Draw it; at: the row drawn as bars. `on_choose(row)` runs before the next script run."""
    header = {name: value for name, value in vars(drawn).items() if name != "weights"}
    header |= {"chosen": at, "hues": {"memory": palette.MEMORY}}
    header["sums"] = [float(x) for x in drawn.weights.sum(1, dtype=np.float64)]
    from_memory = drawn.weights[:, : len(drawn.slots)].sum(1, dtype=np.float64)
    header["from_memory"] = [float(x) for x in from_memory]

    def tell():
        on_choose(int(st.session_state[key].choose))

    data = canvas.pack(header, weights=np.ascontiguousarray(drawn.weights, np.float32))
    _mount(key=key, data=data, on_choose_change=tell)
