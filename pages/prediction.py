"""Prediction: the distribution at any position, from logits to a draw; surprisal; the shift."""

import streamlit as st

from components.frame import shell

shell.guard()

from components.frame import second_prompt
from components.frame.choice_widgets import one_of
from components.prediction import beside, choice, run, views

reading = run.reading()
if reading is None:
    st.info("No token yet, so no prediction. Type a prompt above, or choose an example.")
    st.stop()

two = second_prompt.show_box()
with st.container(horizontal=True, vertical_alignment="center", key="prediction_bar"):
    view = one_of("View", choice.VIEW)
    views.show_follow(reading)
    second_prompt.switch()

at = views.show_strip(reading)
if two is not None:
    beside.show(two, view, reading, at)
elif view == "next":
    views.show_distribution(reading, at)
elif view == "surprisal":
    views.show_surprisal(reading, at)
else:
    views.show_shift(reading, at)
