"""Attention: which token reads which; all heads, one head, one row, one cell."""

import streamlit as st

from components.frame import shell

shell.guard()

from components.attention import choice, head_facts, views

WIDTHS = {"All heads": [10, 11], "One head": [1, 3], "Step by step": [1, 4], "bertviz": [1, 4]}
MAY_SAY = {
    "view": list(WIDTHS), "shown": list(head_facts.SHOWN), "bertviz": ["head", "model", "neuron"],
}

now = views.look()
if now is None:
    st.info("No token yet, so no attention. Type a prompt above, or choose an example.")
    st.stop()

for name, values in MAY_SAY.items():  # a link may say anything
    if st.session_state.get(name) not in values:
        st.session_state[name] = values[0]
with st.container(horizontal=True, vertical_alignment="center", key="bar"):
    view = st.segmented_control(
        "View", MAY_SAY["view"], key="view", required=True, label_visibility="collapsed",
        persist_state="session",
    )
    st.button(
        "Follow the last token", key="follow_last_token", type="tertiary",
        on_click=choice.follow_last, disabled=not choice.is_chosen(),
    )

left, right = st.columns(WIDTHS[view], gap="medium")
with left:
    shown = "map"
    if view == "All heads":
        shown = st.pills(
            "Each tile shows", MAY_SAY["shown"], format_func=head_facts.SHOWN.get, required=True,
            key="shown", label_visibility="collapsed", persist_state="session", wrap=True,
        )
    views.show_grid(now, shown)
with right:
    if view == "All heads":
        views.show_map(now, most_px=440)
    elif view == "One head":
        views.show_map(now, most_px=760)
        views.show_downloads(now)
    elif view == "Step by step":
        views.show_steps(now)
    else:
        kind = st.segmented_control(
            "bertviz view", MAY_SAY["bertviz"], required=True, key="bertviz",
            label_visibility="collapsed", persist_state="session",
        )
        views.show_bertviz(now, kind)
if view in ("All heads", "Step by step"):
    views.show_cell(now)
