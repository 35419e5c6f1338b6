"""Widgets that hold a declared choice. Their keys are the choices' names; no other widget has one
(tests/unit/components/test_keys.py)."""

import streamlit as st

from components.frame.choices import Choice, chosen


def holding(one: Choice) -> dict:
    """Arguments for a widget that holds a choice on every page. Give the widget no value of its own:
    it begins with the choice, and with the default where that may not be."""
    _set(one, chosen(one))
    return {"key": one.name, "persist_state": "session"}


def one_of(label: str, one: Choice, titles=None, *, shown: bool = False, help=None):
    """A choice among a few named values, side by side -> the chosen one. titles: value -> name of
    those that can be chosen now; by default all that the choice declares. shown: the label is to be
    read, not only heard."""
    titles = one.kind.titles if titles is None else titles
    if (wanted := chosen(one)) not in titles:
        wanted = next(iter(titles))
    _set(one, wanted)
    return st.segmented_control(
        label, list(titles), key=one.name, format_func=titles.get, required=True, help=help,
        label_visibility="visible" if shown else "collapsed", persist_state="session",
    )


def _set(one: Choice, value) -> None:
    """Only where it differs: a value that is set overwrites what is being typed."""
    if value is not None and st.session_state.get(one.name) != value:
        st.session_state[one.name] = value
