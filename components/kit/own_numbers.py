"""Values that a visitor changed in a calculator, as one word of the link.

The word is, say, "gpt3:n_layer=24,n_head=16": a preset, then the values that differ from it.
Knows nothing of what the values mean.
"""

from collections.abc import Callable

import streamlit as st


def changed(name: str, preset: str) -> dict[str, str]:
    """The changes that the link's word `name` makes to this preset; {} if it names another one."""
    of, _, parts = str(st.session_state.get(name) or "").partition(":")
    told = (part.partition("=") for part in parts.split(",") if of == preset)
    return {field: value for field, _, value in told if value}


def number(said: str | None, plain: int, most: int) -> int:
    """The given value if it is a whole number from 1 to `most`, else the plain one."""
    fits = said is not None and said.isdecimal() and len(said) <= len(str(most))
    return int(said) if fits and 1 <= int(said) <= most else plain


def remember(name: str, preset: str, plain: dict, key_of: Callable[[str], str]) -> None:
    """Write the word anew from the widgets `key_of(field)`; for `on_change`. plain: field -> value
    of the preset."""
    now = {field: st.session_state.get(key_of(field), value) for field, value in plain.items()}
    parts = [f"{field}={value}" for field, value in now.items() if value != plain[field]]
    st.session_state[name] = f"{preset}:{','.join(parts)}" if parts else None
