"""Lessons: ten minutes each, one idea a step, with questions to predict; and the glossary."""

import streamlit as st

from components.frame import shell

shell.guard()

from components import declared
from components.lessons import listing

st.markdown(
    "A lesson opens the pages for you, one idea a step, and asks before it tells. "
    "**Page Down** or **N** goes on, **Page Up** or **B** goes back, **R** reveals, **1** to **6** pick."
)
listing.show(declared.BY_PAGE)
st.markdown("#### Glossary")
listing.show_glossary()
