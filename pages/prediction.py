"""Prediction: the distribution at any position, from logits to a draw; surprisal; the shift."""

import streamlit as st

from components.frame import shell

shell.guard()

from components.frame.choice_widgets import one_of
from components.prediction import choice, run, views

reading = run.reading()
if reading is None:
    st.info("No token yet, so no prediction. Type a prompt above, or choose an example.")
    st.stop()

with st.container(horizontal=True, vertical_alignment="center", key="prediction_bar"):
    view = one_of("View", choice.VIEW)
    views.show_follow(reading)

at = views.show_strip(reading)
if view == "next":
    views.show_distribution(reading, at)
elif view == "surprisal":
    views.show_surprisal(reading, at)
else:
    views.show_shift(reading, at)
