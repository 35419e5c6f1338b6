"""What a link carries: read once per visitor, then kept in the address bar by the prompt box.

`bind="query-params"` would add a history entry for every value set by a click, and one for every
bound widget when a visitor returns to a page; here Back always means the page before. Each page
knows which of its values make sense; the frame's own are listed here.
"""

import streamlit as st

FRAME = {"cut": ("start", "end")}  # the widgets of every page and what they may say
WORDS = (*FRAME, "view", "shown", "bertviz", "cache", "kind", "anatomy", "tensor", "size", "tokens",
         "word", "token", "token_search",
         "token_vectors", "token_likeness", "token_map", "token_list", "sum_a", "sum_b", "sum_c",
         "prediction", "follow", "temperature", "top_p", "residual_view", "off", "off_fill",
         "stream_shown", "lens_shown", "cache_place", "cache_preset", "cache_numbers",
         "size_numbers", "positions", "positions_table", "order", "ends", "training_view",
         "training", "notebook_view", "recall_view",
         "recall_variant", "variant", "memory_view", "memory_store")
NUMBERS = ("layer", "head", "query", "key", "at", "step", "piece", "cache_budget", "cache_most",
           "cache_t", "top_k", "seed", "draws", "norm", "lens_row", "logit_of", "logit_against",
           "shift", "shuffle")
FLAGS = ("cache_log", "cache_again")  # "1" or "0"
MOST_DIGITS = 9  # of a number; Python refuses to read thousands of them


def open_link() -> None:
    """Copy the link's parameters into st.session_state, once per visit; nonsense is ignored."""
    if "link_opened" in st.session_state:
        return
    st.session_state.link_opened = True
    for name in WORDS:
        said = st.query_params.get(name)
        if said is not None and said in FRAME.get(name, (said,)):
            st.session_state[name] = said
    for name in NUMBERS:
        said = st.query_params.get(name, "")
        if said.isdecimal() and len(said) <= MOST_DIGITS:
            st.session_state[name] = int(said)
    for name in FLAGS:
        if (said := st.query_params.get(name)) in ("0", "1"):
            st.session_state[name] = said == "1"


def parameters() -> dict[str, str | None]:
    """Name -> its value in the address now; None: it is not in the address."""
    values = {name: st.session_state.get(name) for name in WORDS + NUMBERS}
    flags = {name: st.session_state.get(name) for name in FLAGS}
    values |= {name: None if value is None else int(value) for name, value in flags.items()}
    return {name: None if value is None else str(value) for name, value in values.items()}
