"""Compare: two prompts or two models side by side; the values of one prompt put into the other."""

import streamlit as st

from components.frame import shell

shell.guard()

from components.compare import look, paths, two_models, views

bar, view, text = views.show_bar()
if not views.has_prompt() or not text:
    st.info("One prompt is empty, so nothing can be compared. Type both, or choose a pair.")
elif view == "models":
    two_models.show(text)
elif view == "prompts":
    views.two_prompts(look.both(text))
elif view == "patch":
    views.patch(look.both(text), bar)
else:
    paths.show(look.both(text), bar)
