"""Recall: what did memory recall, from which slot, how surely, and without memory too?"""

import streamlit as st

from components.frame import shell

shell.guard()

from components.recall import board, causes, choice, curves, probe_file, views

if st.session_state.get("recall_view") not in choice.VIEWS:
    st.session_state.recall_view = "probe"
view = st.segmented_control(
    "View", list(choice.VIEWS), format_func=choice.VIEWS.get, key="recall_view",
    required=True, label_visibility="collapsed", persist_state="session",
)
if view == "probe":
    views.show()
elif view == "cause":
    causes.show()
elif view == "curves":
    curves.show(curves.CURVES, "recall_curve")
elif view == "tasks":
    curves.show(curves.TASKS, "recall_task")
elif view == "file":
    probe_file.show()
else:
    board.show()
