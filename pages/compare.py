"""Compare: two prompts or two models side by side; the values of one prompt put into the other."""

import streamlit as st

from components.frame import shell

shell.guard()

from components.compare import look, paths, two_models, views

bar, view, text = views.show_bar()
if view == "models" and views.has_prompt():
    two_models.show(text)
    st.stop()
if not views.has_prompt() or not text:
    st.info("One prompt is empty, so nothing can be compared. Type both, or choose a pair.")
    st.stop()
two = look.both(text)
if view == "prompts":
    views.two_prompts(two)
elif view == "patch":
    views.patch(two, bar)
else:
    paths.show(two, bar)
