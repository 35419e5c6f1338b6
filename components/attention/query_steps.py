"""How one query of one head reads, with its real vectors; and the arithmetic of one weight.

Knows nothing of where the numbers come from.
"""

from collections.abc import Callable

import numpy as np
import streamlit as st

from components.kit import assets, canvas
from components.kit.units import show_number

MOST_KEYS = 14  # rows drawn: the keys with the largest weights and the chosen one
MOST_FUTURE = 2  # masked rows drawn

_steps = assets.component("attention_steps", "attention/query_steps", '<div class="picture"></div>')
_cell = assets.component(
    "attention_cell",
    "attention/cell",
    '<div class="picture"></div>',
    "attention/query_steps.css",
)


def show_steps(
    steps,
    tokens: list[str],
    query: int,
    chosen: int,
    *,
    key: str,
    on_choose: Callable[[int, int], None],
) -> None:
    """steps: what `run.steps` gives; tokens: T strings; chosen: the chosen key's position.

    Draws at most MOST_KEYS keys and says what the others hold. A click on a row chooses its key.
    """
    rows = shown_keys(steps.weights, query, chosen)
    future = np.arange(query + 1, min(len(tokens), query + 1 + MOST_FUTURE))
    shown = np.concatenate([rows, future])
    numbers = {"k": steps.k[shown], "v": steps.v[shown], "q": steps.q, "mixed": steps.mixed}
    numbers |= {"scores": steps.scores[shown], "scaled": steps.scaled[shown]}
    numbers |= {"weights": steps.weights[shown], "projected": steps.projected}
    numbers = {name: np.asarray(x, dtype=np.float32).ravel() for name, x in numbers.items()}
    header = {"query": query, "chosen": chosen, "query_token": tokens[query]}
    header |= {"positions": shown.tolist(), "tokens": [tokens[i] for i in shown]}
    header |= {"scaling": steps.scaling, "scaling_words": scaling_words(steps)}
    header |= {"n_hidden": query + 1 - len(rows), "n_future": len(tokens) - 1 - query}
    header |= {"hidden_weight": 1 - float(steps.weights[rows].sum(dtype=np.float64))}
    header |= {"sum": float(steps.weights.sum(dtype=np.float64)), "error": steps.residual_error}

    def tell():
        on_choose(query, int(st.session_state[key].choose))

    _steps(key=key, data=canvas.pack(header, **numbers), on_choose_change=tell)


def shown_keys(weights: np.ndarray, query: int, chosen: int) -> np.ndarray:
    """weights (T,) -> positions up to `query` to draw, in order: the heaviest and the chosen."""
    heaviest = np.argsort(-weights[: query + 1], kind="stable")[:MOST_KEYS]
    if chosen not in heaviest:
        heaviest[-1] = chosen
    return np.sort(heaviest)


def show_cell(cell, tokens: list[str], query: int, chosen: int, key: str) -> None:
    """cell: what `run.cell` gives, for `query` reading the key at `chosen`."""
    arrays = {"q": cell.q, "k": cell.k, "products": cell.products}
    arrays = {name: np.asarray(x, dtype=np.float32) for name, x in arrays.items()}
    names = ("score", "scaled", "scaling", "largest", "denominator", "weight")
    header = {name: getattr(cell, name) for name in names}
    header |= {"query": query, "key": chosen, "scaling_words": scaling_words(cell)}
    header |= {"query_token": tokens[query], "key_token": tokens[chosen]}
    _cell(key=key, data=canvas.pack(header, **arrays))


def scaling_words(part) -> str:
    """The factor on q·k in words: "÷ √32", or the number if a model scales otherwise."""
    width = len(part.q)
    return f"÷ √{width}" if np.isclose(part.scaling, width**-0.5) else f"× {show_number(part.scaling, 6)}"
