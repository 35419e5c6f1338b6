"""Attention: which token reads which; all heads, one head, one row, one cell; what
a cut changes, who wrote a score, what layers pass on."""

import streamlit as st

from components.frame import shell

shell.guard()

from components.attention import beside, choice, interventions, views
from components.frame import presenting, second_prompt
from components.frame.choice_widgets import holding, one_of

WIDTHS = {"All heads": [10, 11], "One head": [1, 3], "Rollout": [1, 6]}

now = views.look()
if now is None:
    st.info("No token yet, so no attention. Type a prompt above, or choose an example.")
    st.stop()

two = second_prompt.show_box()
with st.container(horizontal=True, vertical_alignment="center", key="bar"):
    view = one_of("View", choice.VIEW)
    st.button(
        "Follow the last token", key="follow_last_token", type="tertiary",
        on_click=choice.follow_last, disabled=not choice.is_chosen(),
    )
    second_prompt.switch()
if two is not None and second_prompt.shows_both(view, beside.VIEWS):
    beside.show(now, two, view)
    st.stop()

left, right = st.columns(WIDTHS.get(view, [1, 4]), gap="medium")
with left:
    shown = "map"
    if view == "All heads":
        shown = st.pills(
            "Each tile shows", list(choice.SHOWN.kind.titles), required=True, wrap=True,
            format_func=choice.SHOWN.kind.titles.get, label_visibility="collapsed",
            **holding(choice.SHOWN),
        )
    views.show_grid(now, shown)
with right:
    if view == "All heads":
        views.show_map(now, most_px=440)
    elif view == "One head":
        views.show_map(now, most_px=760)
    elif view == "Step by step":
        presenting.pictures({
            "The steps": lambda: views.show_steps(now),
            **({"One weight": lambda: views.show_cell(now)} if presenting.is_on() else {}),
        })
    elif view == "Cut":
        interventions.show_cut(now)
    elif view == "Why here?":
        interventions.show_why(now)
    elif view == "Rollout":
        interventions.show_rollout(now)
    else:
        views.show_bertviz(now, one_of("bertviz view", choice.BERTVIZ))
if view in ("All heads", "Step by step") and not presenting.is_on():
    views.show_cell(now)
