"""Training: memory modules learn on a frozen GPT-2 while you watch."""

import streamlit as st

from components.frame import shell

shell.guard()

from components.training import form, lesson, views

VIEWS = {"curves": "Watch a training", "new": "Train your own", "lesson": "What it learns from"}
if st.session_state.get("training_view") not in VIEWS:
    st.session_state.training_view = "curves"
view = st.segmented_control(
    "View", list(VIEWS), format_func=VIEWS.get, key="training_view", required=True,
    label_visibility="collapsed", persist_state="session",
)
views.say_problem()
if view == "new":
    form.show()
elif view == "lesson":
    lesson.show()
else:
    views.show()
