"""KV cache: what generation keeps, what it saves, and what happens when it is full."""

import streamlit as st

from components.frame import shell

shell.guard()

from components.cache import beyond, calculator, growth, timing
from components.frame import visit

VIEWS = {
    "growth": "Watch it grow",
    "time": "What it saves",
    "beyond": "When it is full",
    "bytes": "Bytes at scale",
}
if st.session_state.get("cache") not in VIEWS:
    st.session_state.cache = "growth"
view = st.segmented_control(
    "View", list(VIEWS), format_func=VIEWS.get, key="cache", required=True,
    label_visibility="collapsed", persist_state="session",
)
if view != "bytes" and len(visit.prompt().ids) == 0:
    st.info("No token yet, so no cache. Type a prompt above.")
    st.stop()
{
    "growth": growth.show, "time": timing.show, "beyond": beyond.show,
    "bytes": calculator.show,
}[view]()
