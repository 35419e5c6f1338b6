"""What the visitor chose on the Positions page: a head, a pair of tokens, an edit, a shift.

The values come from the link, a click, or a default; frame/address.py carries them in the link.
"""

import streamlit as st

from components.frame import visit
from components.positions import run

SETTLED_TOKENS = 4  # with this many tokens a guessed head stays, so that it does not jump


def head(left=None, right=None) -> tuple[int, int]:
    """Two boxes; the chosen (layer, head), by default the one that reads the token before most.

    left, right: where the boxes go; without them into a row of their own.
    """
    config = visit.checkpoint().model.config
    layer, number = st.session_state.get("layer"), st.session_state.get("head")
    fits = layer is not None and number is not None
    if not (fits and layer < config.n_layer and number < config.n_head):
        layer, number = _guess()
    if left is None:
        left, right, _ = st.columns([1, 1, 4])
    with left:
        _box("Layer", config.n_layer, layer, "layer", (layer, number))
    with right:
        _box("Head", config.n_head, number, "head", (layer, number))
    return layer, number


def _guess() -> tuple[int, int]:
    kept = st.session_state.get("positions:guess")
    name = visit.checkpoint().fingerprint
    if kept is None or kept[0] != name or len(visit.prompt().ids) < SETTLED_TOKENS:
        kept = (name, *run.guessed_head())
        st.session_state["positions:guess"] = kept
    return kept[1:]


def _box(label: str, n: int, chosen: int, name: str, now: tuple[int, int]) -> None:
    key = f"positions:{name}"
    st.session_state[key] = chosen

    def take():
        st.session_state.layer, st.session_state.head = now
        st.session_state[name] = st.session_state[key]

    st.selectbox(
        label, range(n), key=key, format_func=lambda i: f"{label} {i}", on_change=take,
        label_visibility="collapsed",
    )


def pair(n_tokens: int) -> tuple[int, int]:
    """The chosen (query, key), by default the last token and the one before it."""
    query, key = st.session_state.get("query"), st.session_state.get("key")
    if query is None or query >= n_tokens:
        query, key = n_tokens - 1, None
    if key is None or key > query:
        key = max(0, query - 1)
    return query, key


def choose_pair(query: int, key: int) -> None:
    """Remember a query and a key that it can read."""
    st.session_state.query, st.session_state.key = query, min(key, query)


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


def _token_box(name: str, tokens: list[str], chosen: int, take) -> None:
    box = f"positions:{name}"
    st.session_state[box] = chosen
    st.selectbox(
        name, range(len(tokens)), key=box, label_visibility="collapsed",
        format_func=lambda i: f"{name} {i}  {tokens[i]}",
        on_change=lambda: take(st.session_state[box]),
    )


def position(n_positions: int, default: int) -> int:
    """A slider over the table's positions, the key `at`."""
    at = st.session_state.get("at")
    at = default if at is None else min(at, n_positions - 1)
    if n_positions < 2:
        return 0
    st.session_state["positions:at"] = at
    return st.slider(
        "Position", 0, n_positions - 1, key="positions:at",
        on_change=lambda: st.session_state.update(at=st.session_state["positions:at"]),
    )


def shift(n_tokens: int, n_positions: int) -> int:
    """A number box; it accepts shifts beyond the window too: the page then says what is wrong."""
    room = n_positions - n_tokens
    wanted = st.session_state.get("shift")
    st.session_state["positions:shift"] = min(
        min(100, room) if wanted is None else wanted, 1_000_000
    )
    return st.number_input(
        "Shift all positions by", 0, 1_000_000, step=1, key="positions:shift",
        on_change=lambda: st.session_state.update(shift=st.session_state["positions:shift"]),
        help=f"0 to {room:,} keeps these {n_tokens:,} tokens inside the table of {n_positions:,}",
    )


def seed() -> int:
    """Which shuffle."""
    return int(st.session_state.get("shuffle") or 0)


def again() -> None:
    """The next shuffle."""
    st.session_state.shuffle = (seed() + 1) % 100_000
