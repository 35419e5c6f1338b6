"""The chosen head and cell: from the link, from a click, or a good guess.

And which view of them. The head and the cell are shared with other pages (frame/place.py).
"""

from dataclasses import replace

import numpy as np
import streamlit as st

from components.attention import cuts, head_facts
from components.frame.choices import Cell, Choice, Decimal, OneOf, choose, chosen
from components.frame.place import HEAD, KEY, LAYER, QUERY
from model.run.cut_edges import CutEdge

SETTLED_TOKENS = 4  # with this many tokens a guessed head stays, so that it does not jump
VIEWS = {name: name for name in (
    "All heads", "One head", "Step by step", "Cut", "Why here?", "Rollout", "bertviz",
)}
_CELL_TOKENS = "attention:cell tokens"  # session key: the text in which the cell was chosen
BERTVIZ_VIEWS = {name: name for name in ("head", "model", "neuron")}

VIEW = Choice("view", OneOf(VIEWS), "All heads")
SHOWN = Choice("shown", OneOf(head_facts.SHOWN), "map")
BERTVIZ = Choice("bertviz", OneOf(BERTVIZ_VIEWS), "head")
CUTS = Choice("cuts", cuts.KIND, [])  # edges that are cut, in the order of cutting
SCOPE = Choice("cut_in", OneOf(
    {"head": "in this head", "layer": "in its layer", "all": "in all layers"}), "head")
HOW = Choice("cut_how", OneOf({"cut": "score −∞", "scale": "score × …"}), "cut")
FACTOR = Choice("cut_factor", Decimal(-10, 10), 0.5)
WRITERS = Choice("writers", Cell())  # a cell of the map of who wrote a score
PASSED = Choice("passed_on", OneOf(  # of two prompts side by side
    {"raw": "Raw attention", "rollout": "Rollout", "contributions": "Contributions"}), "contributions")
CHOICES = (VIEW, SHOWN, BERTVIZ, CUTS, SCOPE, HOW, FACTOR, WRITERS, PASSED)


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
    """Keep the chosen cell and the cuts on their words in a changed prompt, T strings; True where one
    changed.

    Tokens before the change keep their positions, tokens after it move along. If the query's token
    is gone, the last token is followed again; a cut whose token is gone goes with it.
    """
    before = st.session_state.get(_CELL_TOKENS, tokens)
    st.session_state[_CELL_TOKENS] = tokens
    places = _places(before, tokens)
    has_moved = _move_cuts(places)
    return _move_cell(places) or has_moved


def _move_cell(places: dict[int, int]) -> bool:
    """Keep the chosen cell; places: as `_places` gives them. True where it moved."""
    query, key = chosen(QUERY), chosen(KEY)
    if query is None:
        return False
    if query not in places:
        choose_cell(None, None)
    elif key is not None and key <= query:
        choose_cell(places[query], places.get(key))
    else:
        choose_cell(places[query], key)
    return (chosen(QUERY), chosen(KEY)) != (query, key)


def _move_cuts(places: dict[int, int]) -> bool:
    before = chosen(CUTS)
    now = [replace(edge, query=places[edge.query], key=places[edge.key]) for edge in before
           if edge.query in places and edge.key in places]
    choose(CUTS, now or None)
    return now != before


def edge(layer: int, head: int, query: int, key: int) -> CutEdge:
    """The chosen cell as an edge, in the chosen heads, changed in the chosen way."""
    scope, factor = chosen(SCOPE), chosen(FACTOR) if chosen(HOW) == "scale" else None
    return CutEdge(query, key, None if scope == "all" else layer, head if scope == "head" else None,
                   None if factor is None else float(factor))


def keep_cut(one: CutEdge) -> None:
    """Add an edge to the cuts."""
    choose(CUTS, [*chosen(CUTS), one])


def undo_cut(at: int) -> None:
    """Take one cut back, by its place in the list."""
    cuts = chosen(CUTS)
    choose(CUTS, cuts[:at] + cuts[at + 1 :] or None)


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
