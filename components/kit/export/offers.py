"""What the pictures of a page offer to be taken away: for each its numbers, made only when asked for.

An offer holds the function and the choices that lead to the numbers, not the numbers: a visitor who
takes nothing away keeps nothing alive. Knows nothing of files.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import streamlit as st

from components.kit.export.table import Table

_OFFERS, _NOTEBOOK = "what pictures offer", "what a notebook computes"  # session keys


@dataclass(frozen=True)
class Notebook:
    """name: of a recipe, "" for none; where: what was chosen; run: gives the run that is computed and
    its prompt's text, None: the prompt's own; why_not: the sentence that says why there is none."""

    name: str = ""
    where: dict[str, Any] = field(default_factory=dict)
    run: Callable[[], tuple[Any, str]] | None = None
    why_not: str = ""


def begin() -> None:
    """A page is drawn anew: what pictures offered before does not hold any more."""
    st.session_state[_OFFERS] = {}
    st.session_state[_NOTEBOOK] = None


def offer(key: str, make: Callable[..., Table], *given) -> None:
    """The picture with this key shows make(*given); a later call with the same key replaces it."""
    st.session_state.setdefault(_OFFERS, {})[key] = partial(make, *given)


def numbers(key: str) -> Table | None:
    """What the picture with this key shows now; None where it offers nothing."""
    make = st.session_state.get(_OFFERS, {}).get(key)
    return None if make is None else make()


def notebook(name: str, run: Callable[[], tuple[Any, str]] | None = None, **where) -> None:
    """A notebook can compute this page's picture: name of its recipe, and what was chosen."""
    st.session_state[_NOTEBOOK] = Notebook(name, where, run)


def no_notebook(why: str) -> None:
    """No notebook can compute this page's picture."""
    st.session_state[_NOTEBOOK] = Notebook(why_not=why)


def wanted_notebook() -> Notebook:
    """What the page's notebook computes."""
    return st.session_state.get(_NOTEBOOK) or Notebook()
