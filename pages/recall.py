"""Recall: what did the memory recall, from where, how surely, and would it have said so anyway?"""

import streamlit as st

from components import frame

frame.guard()

from components import (
    recall_board,
    recall_causes,
    recall_choice,
    recall_curves,
    recall_file,
    recall_views,
)

if st.session_state.get("recall_view") not in recall_choice.VIEWS:
    st.session_state.recall_view = "probe"
view = st.segmented_control(
    "View", list(recall_choice.VIEWS), format_func=recall_choice.VIEWS.get, key="recall_view",
    required=True, label_visibility="collapsed", persist_state="session",
)
if view == "probe":
    recall_views.show()
elif view == "cause":
    recall_causes.show()
elif view == "curves":
    recall_curves.show(recall_curves.CURVES, "recall_curve")
elif view == "tasks":
    recall_curves.show(recall_curves.TASKS, "recall_task")
elif view == "file":
    recall_file.show()
else:
    recall_board.show()
