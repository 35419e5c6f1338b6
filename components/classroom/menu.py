"""The way into a class, beside the prompt box of every page: start one, or join one by its code."""

from collections.abc import Sequence
from urllib.parse import urlencode, urlsplit, urlunsplit

import streamlit as st

from components.frame import led, shared_link, workshop
from components.frame.choices import Choice
from components.kit.safe_text import for_markdown

_TROUBLE = "class_menu:trouble"  # session key


def show(page: str, declared: Sequence[Choice]) -> None:
    """Draw the menu; in a class the bar takes its place."""
    if led.is_in_class():
        return
    with st.popover("Class", key="class_menu", help="Lead a class, or follow one"):
        st.markdown("**Lead.** Who joins sees your page, prompt and choices while you make them.")
        st.button("Start a class", key="class_start", type="primary", width="stretch",
                  on_click=_begin, args=(page, declared))
        st.text_input("**Follow.** The code of your class", key="class_code", max_chars=12,
                      on_change=_join, placeholder="Four letters")
        if trouble := st.session_state.get(_TROUBLE):
            st.warning(for_markdown(trouble))
        st.multiselect(
            "**Workshop.** A link with your model and prompt, and only these pages", list(workshop.TITLES),
            key="workshop_pages", format_func=workshop.TITLES.get, placeholder="Choose pages",
        )
        if st.session_state.workshop_pages:
            st.code(_workshop_link(st.session_state.workshop_pages, declared), language=None,
                    wrap_lines=True)


def _workshop_link(pages: list[str], declared: Sequence[Choice]) -> str:
    """The first of these pages as it is now, and only these."""
    there = led.place(pages[0], declared)
    said = there.parameters | {"prompt": there.prompt, workshop.OPEN.name: workshop.OPEN.kind.write(pages)}
    parts = urlsplit(st.context.url or "")
    link = urlunsplit((parts.scheme, parts.netloc, f"{parts.path.rpartition('/')[0]}/{pages[0]}",
                       urlencode(said), ""))
    return shared_link.for_the_room(link)[0]


def _begin(page: str, declared: Sequence[Choice]) -> None:
    st.session_state.pop(_TROUBLE, None)
    try:
        led.start(page, declared)
    except (ValueError, OSError) as problem:
        st.session_state[_TROUBLE] = str(problem)


def _join() -> None:
    st.session_state.pop(_TROUBLE, None)
    try:
        led.join(st.session_state.class_code)
    except ValueError as problem:
        st.session_state[_TROUBLE] = str(problem)
