"""Memory: tell it anything, ask in a new prompt. The page shows the whole answer with memory and
without, and what is written and read, while you type."""

import streamlit as st

from components.frame import shell

shell.guard()

from components.memory import (
    answers,
    choice,
    controls,
    conversation,
    gate_views,
    invite,
    links,
    look,
    slot_views,
    switches,
    views,
    write_views,
)

shell.on_enter(conversation.remember)
invite.show()
now = look.look()
answers.show(now)
controls.show_bar()
switches.show()
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
    links.show(now)
elif view == "weights":
    views.show_weights(now)
elif view == "slots":
    slot_views.show(now)
elif view == "writes":
    write_views.show(now)
else:
    gate_views.show(now)
