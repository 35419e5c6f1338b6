"""Positions: how order is told to a transformer, four ways on one prompt, and where each stops."""

import streamlit as st

from components import frame

frame.guard()

from components import positions_ends, positions_order, run
from components import positions_views as views
from components.one_of import one_of

VIEWS = {
    "side": "Side by side",
    "tables": "Learned and sinusoidal",
    "rope": "RoPE",
    "alibi": "ALiBi",
    "order": "Order matters",
    "ends": "Where each stops",
}

view = one_of("View", VIEWS, "positions")
tokens = run.token_texts()
if not tokens and view != "tables":
    st.info("No token has no place: type a prompt above.")
    st.stop()
{
    "side": views.side_by_side, "tables": views.tables, "rope": views.rope, "alibi": views.alibi,
    "order": positions_order.order, "ends": positions_ends.ends,
}[view](tokens)
