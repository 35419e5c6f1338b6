"""What the visitor chose on the notes page. Keys in st.session_state; knows nothing of notes."""

import streamlit as st

VIEWS = {"answer": "One question", "five": "Five memories", "notes": "The notes"}
N_NOTES, SIZE = 3, 64  # passages in the prompt; tokens a passage, unless the visitor says otherwise
RANKINGS = {"both": "both together", "words": "words: BM25", "meaning": "meaning: cosine"}
SIZES = (16, 32, 64, 128, 256)


def view() -> str:
    """The chosen view."""
    chosen = st.session_state.get("notebook_view")
    return chosen if chosen in VIEWS else "answer"


def n_notes() -> int:
    """Passages put into the prompt, at most."""
    chosen = st.session_state.get("notes_n")
    return N_NOTES if chosen is None else int(chosen)


def ranking() -> str:
    """What the passages are ranked by."""
    chosen = st.session_state.get("notes_ranking")
    return chosen if chosen in RANKINGS else "both"


def size(n_positions: int) -> int:
    """Tokens of a passage, at most; no more than half the window."""
    chosen = st.session_state.get("notes_size") or SIZE
    return max(4, min(int(chosen), n_positions // 2))


def layer(n_layers: int) -> int:
    """The layer whose mean hidden state is a text's vector, 0 to n_layers; the middle by
    default."""
    chosen = st.session_state.get("notes_layer")
    return n_layers // 2 if chosen is None else min(int(chosen), n_layers)


def folder() -> str:
    """The folder of a sentence model that makes the vectors; "" for the loaded model."""
    return (st.session_state.get("notes_folder") or "").strip()


def variant(offered: list[str]) -> str:
    """The memory variant that answers; the simplest by default."""
    chosen = st.session_state.get("notes_variant")
    return chosen if chosen in offered else offered[0]
