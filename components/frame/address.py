"""What a link carries: read once per visitor, then kept in the address bar by the prompt box.

The words are the choices that the features declare (frame/choices.py). `bind="query-params"` would
add a history entry for every value set by a click, and one for every bound widget when a visitor
returns to a page; here Back always means the page before.
"""

from collections.abc import Iterable

import streamlit as st

from components.frame.choices import Choice

MOST_SHOWN = 40  # characters of a wrong word that are repeated to the visitor


def open_link(declared: Iterable[Choice]) -> list[str]:
    """Copy the link's words into st.session_state, once per visit -> a sentence for each that does
    not hold; it is ignored."""
    if "link opened" in st.session_state:
        return []
    st.session_state["link opened"] = True
    problems = []
    for one in declared:
        said = st.query_params.get(one.name) if one.in_link else None
        if said is None:
            continue
        try:
            st.session_state[one.name] = one.kind.read(said)
        except ValueError:
            problems.append(_problem(one, said))
    return problems


def parameters(declared: Iterable[Choice]) -> dict[str, str | None]:
    """Name -> its value in the address now; None: it is not in the address."""
    now = st.session_state.to_dict()  # one copy costs less than a read for each choice
    return {one.name: _said(one, now.get(one.name)) for one in declared if one.in_link}


def left_out(declared: Iterable[Choice]) -> list[str]:
    """What is chosen now and is not in the address, because it is too long or no link can say it."""
    now = st.session_state.to_dict()
    return list(dict.fromkeys(
        one.what or one.name.replace("_", " ") for one in declared
        if one.in_link and (value := now.get(one.name)) not in (None, one.default)
        and one.kind.write(value) is None
    ))


def _said(one: Choice, value) -> str | None:
    """A default says nothing: links stay short."""
    return None if value is None or value == one.default else one.kind.write(value)


def _problem(one: Choice, said: str) -> str:
    shown = said if len(said) <= MOST_SHOWN else f"{said[:MOST_SHOWN]}…"
    return f"The link says {one.name} = “{shown}”, which was left out: it may say {one.kind.words()}."
