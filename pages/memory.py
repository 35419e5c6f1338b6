"""Memory: tell it anything, ask in a new prompt; the whole answer with memory and without, and what
is written and read for it, while you type."""

import streamlit as st

from components import frame

frame.guard()

from components import (
    memory_answers,
    memory_choice,
    memory_controls,
    memory_gate_views,
    memory_invite,
    memory_links,
    memory_look,
    memory_modules,
    memory_slot_views,
    memory_write_views,
)
from components import memory_views as views

memory_invite.show()
now = memory_look.look()
memory_answers.show(now)
memory_controls.show_bar()
memory_modules.show()
views.show_laws(now)

if st.session_state.get("memory_view") not in memory_choice.VIEWS:
    st.session_state.memory_view = "reads"
view = st.segmented_control(
    "View", list(memory_choice.VIEWS), format_func=memory_choice.VIEWS.get, key="memory_view",
    required=True, label_visibility="collapsed", persist_state="session",
)
if now.problem:
    st.warning(now.problem)
views.show_front(now)
if view == "reads" and not now.state.prompts:
    memory_controls.show_first_visit()
elif view == "reads":
    views.show_reads(now)
    memory_links.show(now)
elif view == "weights":
    views.show_weights(now)
elif view == "slots":
    memory_slot_views.show(now)
elif view == "writes":
    memory_write_views.show(now)
else:
    memory_gate_views.show(now)
