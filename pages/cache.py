"""KV cache: what generation keeps, what it saves, and what happens when it is full."""

import streamlit as st

from components.frame import shell

shell.guard()

from components.cache import beyond, calculator, choice, growth, timing
from components.frame import visit
from components.frame.choice_widgets import one_of

view = one_of("View", choice.VIEW)
if view != "bytes" and len(visit.prompt().ids) == 0:
    st.info("No token yet, so no cache. Type a prompt above.")
    st.stop()
{
    "growth": growth.show, "time": timing.show, "beyond": beyond.show,
    "bytes": calculator.show,
}[view]()
