"""Mnemoscope: see what GPT-2 attends to, caches and remembers. Start: streamlit run app.py"""

import streamlit as st

st.set_page_config(
    page_title="Mnemoscope", page_icon="🧠", layout="wide", initial_sidebar_state="collapsed"
)
with st.spinner("Starting: loading torch and the model, a few seconds, once …"):
    from components import frame

    frame.warm_up()
frame.show()
