"""Residual stream: what each block adds, what each layer would predict, who made a logit."""

import streamlit as st

from components.frame import shell

shell.guard()

from components.frame import visit
from components.frame.choice_widgets import one_of
from components.residual import choice, views

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
SHOW[one_of("View", choice.VIEW)](tokens, choice.position(len(tokens)))
