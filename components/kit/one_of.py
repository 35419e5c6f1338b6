"""One of a few named options, side by side. The choice travels in the link, under its own key."""

import streamlit as st


def one_of(label: str, options: dict, key: str, default=None, *, shown: bool = False, help=None):
    """options: value -> name. The choice of the link or of the visitor is taken if it is an option,
    else `default`, else the first. shown: the label is visible, not only for screen readers."""
    if st.session_state.get(key) not in options:
        st.session_state[key] = default if default is not None else next(iter(options))
    return st.segmented_control(
        label, list(options), key=key, format_func=options.get, required=True, help=help,
        label_visibility="visible" if shown else "collapsed", persist_state="session",
    )
