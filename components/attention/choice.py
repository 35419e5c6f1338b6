"""The chosen head and cell: from the link, from a click, or a good guess.

And which view of them. The head and the cell are shared with other pages (frame/place.py).
"""

import numpy as np
import streamlit as st

from components.attention import head_facts
from components.frame.choices import Choice, OneOf, choose, chosen
from components.frame.place import HEAD, KEY, LAYER, QUERY

SETTLED_TOKENS = 4  # with this many tokens a guessed head stays, so that it does not jump
VIEWS = {name: name for name in ("All heads", "One head", "Step by step", "bertviz")}
_CELL_TOKENS = "attention:cell tokens"  # session key: the text in which the cell was chosen
BERTVIZ_VIEWS = {name: name for name in ("head", "model", "neuron")}

VIEW = Choice("view", OneOf(VIEWS), "All heads")
SHOWN = Choice("shown", OneOf(head_facts.SHOWN), "map")
BERTVIZ = Choice("bertviz", OneOf(BERTVIZ_VIEWS), "head")
CHOICES = (VIEW, SHOWN, BERTVIZ)


def choose_head(layer: int, head: int) -> None:
    """Remember a head."""
    choose(LAYER, layer)
    choose(HEAD, head)


def choose_cell(query: int | None, key: int | None) -> None:
    """Remember a cell; without a key, the one that the query reads most."""
    choose(QUERY, query)
    choose(KEY, key)


def forget_text() -> None:
    """The next cell is chosen in the prompt as it is now, not in the text that the page showed
    last."""
    st.session_state.pop(_CELL_TOKENS, None)


def follow_last() -> None:
    """Forget the chosen cell: the last token's row is shown again as the prompt grows."""
    choose_cell(None, None)


def is_chosen() -> bool:
    """Whether the visitor, or the link, chose a row."""
    return chosen(QUERY) is not None


def follow_text(tokens: list[str]) -> bool:
    """Keep the chosen cell on its words in a changed prompt, T strings; True where it changed.

    Tokens before the change keep their positions, tokens after it move along. If the query's token
    is gone, the last token is followed again.
    """
    before = st.session_state.get(_CELL_TOKENS, tokens)
    st.session_state[_CELL_TOKENS] = tokens
    query, key = chosen(QUERY), chosen(KEY)
    if query is None:
        return False
    places = _places(before, tokens)
    if query not in places:
        choose_cell(None, None)
    elif key is not None and key <= query:
        choose_cell(places[query], places.get(key))
    else:
        choose_cell(places[query], key)
    return (chosen(QUERY), chosen(KEY)) != (query, key)


def _places(old: list[str], new: list[str]) -> dict[int, int]:
    """Position in `old` -> in `new`, for the tokens before and after the part that differs; empty
    if less than half is the same: then it is another text."""
    most = min(len(old), len(new))
    start = next((i for i in range(most) if old[i] != new[i]), most)
    rest = range(1, most - start + 1)
    end = next((i for i in rest if old[-i] != new[-i]), most - start + 1) - 1
    if 2 * (start + end) < most:
        return {}
    moved = {len(old) - i: len(new) - i for i in range(1, end + 1)}
    return {i: i for i in range(start)} | moved


def head(facts: dict[str, np.ndarray], n_tokens: int) -> tuple[int, int]:
    """The chosen (layer, head); if none is chosen, or this model lacks it, an informative one."""
    n_layers, n_heads = facts["entropy"].shape
    layer, head = chosen(LAYER), chosen(HEAD)
    if layer is not None and head is not None and layer < n_layers and head < n_heads:
        return layer, head
    guess = telling_head(facts)
    if n_tokens >= SETTLED_TOKENS:
        choose_head(*guess)
    return guess


def telling_head(facts: dict[str, np.ndarray]) -> tuple[int, int]:
    """The head with the highest induction score if that is 0.25 or more, else the one that reads
    the previous token most; the first where neither exists."""
    for name, least in (("induction", 0.25), ("previous", 0.0)):
        scores = np.nan_to_num(facts[name], nan=-1.0)
        if scores.max() >= least:
            layer, head = np.unravel_index(scores.argmax(), scores.shape)
            return int(layer), int(head)
    return 0, 0


def cell(weights: np.ndarray) -> tuple[int, int]:
    """The chosen (query, key) of a map (T,T); by default the last query and what it reads most."""
    query, key = chosen(QUERY), chosen(KEY)
    if query is None or query >= len(weights):
        query, key = len(weights) - 1, None
    if key is None or key > query:
        key = int(weights[query].argmax())
    return query, key
