"""Positions: four ways to tell a transformer the order, on one prompt, and where each stops."""

import streamlit as st

from components.frame import shell

shell.guard()

from components.frame import visit
from components.frame.choice_widgets import one_of
from components.positions import choice, ends, order, views

view = one_of("View", choice.VIEW)
tokens = visit.token_texts()
if not tokens and view != "tables":
    st.info("No token yet, so no position. Type a prompt above.")
    st.stop()
{
    "side": views.side_by_side, "tables": views.tables, "rope": views.rope, "alibi": views.alibi,
    "order": order.order, "ends": ends.ends,
}[view](tokens)
