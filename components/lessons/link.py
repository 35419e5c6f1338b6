"""A step's link: read like an address, then put into effect.

A link may say what the choices of all pages may say; how it is presented is the visitor's. Raises
ValueError for what no page can show.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import streamlit as st

from components.frame import draw_choice, place, presenting, second_prompt, visit
from components.frame.choices import Choice, choose
from components.lessons import choice

MODEL_WORDS = {"model", "model_device", "model_dtype", "memory_weights"}
Pages = Mapping[str, tuple[Choice, ...]]  # page -> the choices that it declares


@dataclass(frozen=True)
class Place:
    """A page, the prompt for it ("" = leave the visitor's), and the choices to make there."""

    page: str
    prompt: str
    values: dict[str, Any]


def read(link: str, pages: Pages) -> Place:
    """"attention?view=One+head&prompt=…", with or without a server in front -> a Place."""
    parts = urlsplit(link)
    page = parts.path.strip("/").rpartition("/")[2] or "start"
    if page not in pages:
        raise ValueError(f"there is no page “{page}”. Pages: {', '.join(pages)}")
    said = dict(parse_qsl(parts.query, keep_blank_values=True))
    prompt = said.pop("prompt", "")
    known = {one.name: one for one in (*_everywhere(), *(c for own in pages.values() for c in own))}
    own_words = {one.name for one in (*choice.CHOICES, presenting.PRESENT, visit.CUT)}
    values = {name: _value(name, text, known) for name, text in said.items() if name not in own_words}
    return Place(page, prompt, values)


def _everywhere() -> tuple[Choice, ...]:
    return (*place.CHOICES, *draw_choice.CHOICES, *second_prompt.CHOICES, presenting.PICTURE)


def _value(name: str, said: str, known: Mapping[str, Choice]) -> Any:
    if name in MODEL_WORDS:
        raise ValueError(f"a lesson runs on any model: leave “{name}” out of its link")
    if name not in known or not known[name].in_link:
        raise ValueError(f"no page has a parameter “{name}”")
    kind = known[name].kind
    try:
        return kind.read(said)
    except ValueError:
        raise ValueError(f"{name} = “{said[:40]}”: it may say {kind.words()}") from None


def enter(there: Place, pages: Pages) -> None:
    """Set the session as the link says: the page's own choices and the places to look at begin
    anew. Call it before any widget is drawn."""
    for one in (*_everywhere(), *pages[there.page]):
        if one.default is None:  # a widget that finds its own value takes no None
            st.session_state.pop(one.name, None)
        else:
            choose(one, one.default)
    for name, value in there.values.items():
        st.session_state[name] = value
    if there.prompt:
        st.session_state.prompt = there.prompt
