"""Memory: tell a prompt, ask in another; what is written, read and recalled, while you type."""

import streamlit as st

from components.frame import shell

shell.guard()

from components.memory import (
    choice,
    controls,
    conversation,
    gate_views,
    look,
    slot_views,
    switches,
    views,
    write_views,
)

shell.on_enter(conversation.remember)
controls.show_bar()
switches.show()
now = look.look()
views.show_laws(now)

if st.session_state.get("memory_view") not in choice.VIEWS:
    st.session_state.memory_view = "reads"
view = st.segmented_control(
    "View", list(choice.VIEWS), format_func=choice.VIEWS.get, key="memory_view",
    required=True, label_visibility="collapsed", persist_state="session",
)
if now.problem:
    st.warning(now.problem)
views.show_front(now)
if view == "reads" and not now.state.prompts:
    controls.show_first_visit()
elif view == "reads":
    views.show_reads(now)
elif view == "weights":
    views.show_weights(now)
elif view == "slots":
    slot_views.show(now)
elif view == "writes":
    write_views.show(now)
else:
    gate_views.show(now)
