"""Mnemoscope: see what GPT-2 attends to, caches and remembers. Start: streamlit run app.py"""

import streamlit as st

if __name__ == "app":  # the server imports this file first; then each visitor runs it as a script
    from components.frame import door, heard_once, limits, same_page, uploads

    limits.check()
    app = st.App(
        "app.py", lifespan=door.opened,
        middleware=[*door.MIDDLEWARE, *uploads.MIDDLEWARE, *same_page.MIDDLEWARE, *heard_once.MIDDLEWARE],
    )
else:
    sidebar = "expanded" if st.session_state.get("sidebar has news") else "collapsed"  # model_picker
    st.set_page_config(
        page_title="Mnemoscope", page_icon="🧠", layout="wide", initial_sidebar_state=sidebar
    )
    with st.spinner("Starting: loading torch and the model, a few seconds, once …"):
        # the shell first, as in every page: tests/unit/components/test_scripts.py says why
        from components.frame import shell

        shell.warm_up()
        from components import declared
    shell.show(declared.ALL, declared.above, declared.beside)
