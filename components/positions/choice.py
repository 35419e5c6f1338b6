"""What the visitor chose on the Positions page: a head, a pair of tokens, an edit, a shift.

The values come from the link, a click, or a default. The head and the cell are shared with other
pages (frame/place.py).
"""

import streamlit as st

from components.frame import visit
from components.frame.choices import Choice, OneOf, Whole, choose, chosen
from components.frame.place import AT, HEAD, KEY, LAYER, QUERY
from components.positions import run

VIEWS = {
    "side": "Side by side", "tables": "Learned and sinusoidal", "rope": "RoPE", "alibi": "ALiBi",
    "order": "Order matters", "ends": "Where each stops",
}
TABLES = {"learned": "Learned: wpe", "sinusoidal": "Sinusoidal: a formula, nothing learned"}
EDITS = {
    "words": "Shuffle the words",
    "positions": "Shuffle the positions",
    "both": "Shuffle words with their positions",
    "shift": "Shift all positions",
    "none": "No positions",
    "none_words": "No positions, words shuffled",
}
ENDS = {
    "learned": "Learned: the table ends",
    "rope": "RoPE: angles never seen",
    "alibi": "ALiBi: weights fade",
    "norm": "Larger positions: LayerNorm",
}

VIEW = Choice("positions", OneOf(VIEWS), "side")
TABLE = Choice("positions_table", OneOf(TABLES), "learned")
SCHEME_ROW = Choice("scheme_row", Whole(), 0)  # of the rows side by side: which scheme's is framed
EDIT = Choice("order", OneOf(EDITS), "words")
SHIFT = Choice("shift", Whole(0, 1_000_000))
SHUFFLE = Choice("shuffle", Whole(0, 99_999), 0)
END = Choice("ends", OneOf(ENDS), "learned")
CHOICES = (VIEW, TABLE, SCHEME_ROW, EDIT, SHIFT, SHUFFLE, END)

SETTLED_TOKENS = 4  # with this many tokens a guessed head stays, so that it does not jump


def head(left=None, right=None) -> tuple[int, int]:
    """Two boxes; the chosen (layer, head), by default the one that reads the token before most.

    left, right: where the boxes go; without them into a row of their own.
    """
    config = visit.checkpoint().model.config
    layer, number = chosen(LAYER), chosen(HEAD)
    fits = layer is not None and number is not None
    if not (fits and layer < config.n_layer and number < config.n_head):
        layer, number = _guess()
    if left is None:
        left, right, _ = st.columns([1, 1, 4])
    with left:
        _box("Layer", config.n_layer, layer, LAYER, (layer, number))
    with right:
        _box("Head", config.n_head, number, HEAD, (layer, number))
    return layer, number


def _guess() -> tuple[int, int]:
    kept = st.session_state.get("positions:guess")
    name = visit.checkpoint().fingerprint
    if kept is None or kept[0] != name or len(visit.prompt().ids) < SETTLED_TOKENS:
        kept = (name, *run.guessed_head())
        st.session_state["positions:guess"] = kept
    return kept[1:]


def _box(label: str, n: int, at: int, one: Choice, now: tuple[int, int]) -> None:
    key = f"positions:{one.name}"
    st.session_state[key] = at

    def take():
        choose(LAYER, now[0])
        choose(HEAD, now[1])
        choose(one, st.session_state[key])

    st.selectbox(
        label, range(n), key=key, format_func=lambda i: f"{label} {i}", on_change=take,
        label_visibility="collapsed",
    )


def pair(n_tokens: int) -> tuple[int, int]:
    """The chosen (query, key), by default the last token and the one before it."""
    query, key = chosen(QUERY), chosen(KEY)
    if query is None or query >= n_tokens:
        query, key = n_tokens - 1, None
    if key is None or key > query:
        key = max(0, query - 1)
    return query, key


def choose_pair(query: int, key: int) -> None:
    """Remember a query and a key that it can read."""
    choose(QUERY, query)
    choose(KEY, min(key, query))


def head_and_pair(tokens: list[str]) -> tuple[int, int, int, int]:
    """Four boxes in a row: layer and head, who reads and who is read."""
    boxes = st.columns([1, 1, 2, 2], vertical_alignment="bottom")
    layer, number = head(*boxes[:2])
    query, key = pair(len(tokens))
    with boxes[2]:
        _token_box("query", tokens, query, lambda i: choose_pair(i, key))
    with boxes[3]:
        _token_box("key", tokens[: query + 1], key, lambda i: choose_pair(query, i))
    return layer, number, query, key


def _token_box(name: str, tokens: list[str], at: int, take) -> None:
    box = f"positions:{name}"
    st.session_state[box] = at
    st.selectbox(
        name, range(len(tokens)), key=box, label_visibility="collapsed",
        format_func=lambda i: f"{name} {i}  {tokens[i]}",
        on_change=lambda: take(st.session_state[box]),
    )


def position(n_positions: int, default: int) -> int:
    """A slider over the table's positions."""
    at = default if chosen(AT) is None else min(chosen(AT), n_positions - 1)
    if n_positions < 2:
        return 0
    st.session_state["positions:at"] = at
    return st.slider(
        "Position", 0, n_positions - 1, key="positions:at",
        on_change=lambda: choose(AT, st.session_state["positions:at"]),
    )


def shift(n_tokens: int, n_positions: int) -> int:
    """A number box; it accepts shifts beyond the window too: the page then says what is wrong."""
    room = n_positions - n_tokens
    wanted = chosen(SHIFT)
    st.session_state["positions:shift"] = min(
        min(100, room) if wanted is None else wanted, 1_000_000
    )
    return st.number_input(
        "Shift all positions by", 0, 1_000_000, step=1, key="positions:shift",
        on_change=lambda: choose(SHIFT, st.session_state["positions:shift"]),
        help=f"0 to {room:,} keeps these {n_tokens:,} tokens inside the table of {n_positions:,}",
    )


def seed() -> int:
    """Which shuffle."""
    return chosen(SHUFFLE)


def again() -> None:
    """The next shuffle."""
    choose(SHUFFLE, (seed() + 1) % 100_000)
