"""Prediction: the distribution at any position, from logits to a draw; surprisal; the shift."""

import streamlit as st

from components.frame import shell

shell.guard()

from components.prediction import run, views

VIEWS = {
    "next": "What comes next",
    "surprisal": "Surprisal",
    "shift": "Why shifted by one",
}

reading = run.reading()
if reading is None:
    st.info("No token yet, so no prediction. Type a prompt above, or choose an example.")
    st.stop()

if st.session_state.get("prediction") not in VIEWS:
    st.session_state.prediction = "next"
with st.container(horizontal=True, vertical_alignment="center", key="prediction_bar"):
    view = st.segmented_control(
        "View", list(VIEWS), format_func=VIEWS.get, key="prediction", required=True,
        label_visibility="collapsed", persist_state="session",
    )
    views.show_follow(reading)

at = views.show_strip(reading)
if view == "next":
    views.show_distribution(reading, at)
elif view == "surprisal":
    views.show_surprisal(reading, at)
else:
    views.show_shift(reading, at)
