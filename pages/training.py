"""Training: memory modules learn on a frozen GPT-2, in the open, while you watch."""

import streamlit as st

from components import frame

frame.guard()

from components import training_form, training_lesson  # noqa: E402
from components import training_views as views  # noqa: E402

VIEWS = {"curves": "Watch a training", "new": "Train your own", "lesson": "What it learns from"}
if "training_next_view" in st.session_state:  # a training was started: watch it
    st.session_state.training_view = st.session_state.pop("training_next_view")
if st.session_state.get("training_view") not in VIEWS:
    st.session_state.training_view = "curves"
view = st.segmented_control(
    "View", list(VIEWS), format_func=VIEWS.get, key="training_view", required=True,
    label_visibility="collapsed", persist_state="session",
)
if view == "new":
    training_form.show()
elif view == "lesson":
    training_lesson.show()
else:
    views.show()
