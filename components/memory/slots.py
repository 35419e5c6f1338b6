"""All slots of a memory up to its budget, coloured by their read weight now.

A click opens a slot. Knows nothing of models.
"""

from collections.abc import Callable

import numpy as np
import streamlit as st

from components.kit import assets, canvas, palette

_mount = assets.component(
    "memory_slots",
    "memory/slots",
    '<div class="picture"><div class="slots"></div><p class="reading"></p></div>',
)


def show(
    slots,
    now: np.ndarray,
    kept: np.ndarray,
    budget: int,
    chosen: int,
    key: str,
    on_choose: Callable[[int], None],
    strong: str = "retrieved for this prompt",
) -> None:
    """slots: the table (model.memory.slots.Slots) of M slots; now (M,): read weight now; kept:
    slots drawn with a strong border (`strong` says what it means); budget: slots drawn, empty ones
    dashed."""
    header = {"text": slots.text.tolist(), "around": slots.around.tolist()}
    header |= {"prompt": slots.prompt.tolist(), "position": slots.position.tolist()}
    header |= {"pinned": slots.pinned.tolist(), "tokens": slots.n_tokens.tolist(), "strong": strong}
    header |= {"kept": kept.tolist(), "n": max(budget, len(slots)), "budget": budget}
    header |= {"chosen": chosen, "hues": {"memory": palette.MEMORY}}

    def tell():
        on_choose(int(st.session_state[key].choose))

    numbers = {"now": now, "total": slots.total_read, "salience": slots.salience}
    data = canvas.pack(header, **{name: x.astype(np.float32) for name, x in numbers.items()})
    _mount(key=key, data=data, on_choose_change=tell)
