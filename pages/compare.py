"""Compare: two prompts or two models side by side; the values of one prompt put into the other."""

import streamlit as st

from components.frame import shell

shell.guard()

from components.compare import paths, remembered, two_models, views
from components.frame import second_prompt

bar, view, text = views.show_bar()
if not views.has_prompt() or not text:
    st.info("One prompt is empty, so nothing can be compared. Type both, or choose a pair.")
elif view == "models":
    two_models.show(text)
elif view == "prompts":
    views.two_prompts(second_prompt.both(text))
elif view == "patch":
    views.patch(remembered.two_runs(text), bar)
else:
    paths.show(second_prompt.both(text), bar)
