"""Residual stream: what each block adds, what each layer would predict, who made a logit."""

import streamlit as st

from components.frame import shell

shell.guard()

from components.frame import second_prompt, visit
from components.frame.choice_widgets import one_of
from components.residual import beside, choice, views

SHOW = {
    "Stream": views.stream,
    "Logit lens": views.logit_lens,
    "Who made this logit": views.who_made_it,
    "Switch off": views.switch_off,
    "MLP": views.mlp,
    "LayerNorm": views.layer_norm,
}

if visit.trace() is None:
    st.info("No token yet, so no stream. Type a prompt above.")
    st.stop()
tokens = visit.token_texts()
two = second_prompt.show_box()
with st.container(horizontal=True, vertical_alignment="center", key="residual_bar"):
    view = one_of("View", choice.VIEW)
    second_prompt.switch()
if two is not None and second_prompt.shows_both(view, beside.VIEWS):
    beside.show(two, view, choice.position(len(tokens)))
else:
    SHOW[view](tokens, choice.position(len(tokens)))
