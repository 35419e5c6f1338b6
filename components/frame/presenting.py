"""Presentation mode: large type, captions behind a "?", nothing beside the picture.

On by a button, the key P and `?present=1`. Its sizes stand in kit/presenting.css; knows no page.
"""

from contextlib import nullcontext

import streamlit as st

from components.frame.choices import Choice, Flag, choose, chosen
from components.kit import assets

PRESENT = Choice("present", Flag(), False)
_mount = assets.component("presenting", "frame/presenting", "<i></i>", "kit/sizes.css")


def is_on() -> bool:
    """Whether the visitor presents: a page shows its picture first."""
    return chosen(PRESENT)


def folded(label: str, key: str):
    """Where a page puts what is not its picture: on a desk the place itself, in presentation mode
    a popover of this label."""
    return st.popover(label, key=key) if is_on() else nullcontext()


def style() -> None:
    """The sizes of this run: those of a desk, and those of a hall where they were chosen."""
    st.html(f"<style>{assets.text('kit/sizes.css')}</style>")
    if is_on():
        st.html(f"<style>{assets.text('kit/presenting.css')}</style>")


def switch() -> None:
    """The button; Streamlit hears its key only where no text is being typed."""
    st.button("Stop presenting" if is_on() else "Present", key="presenting", shortcut="p",
              on_click=choose, args=(PRESENT, not is_on()),
              help="Large type for a hall; explanations behind a “?”")
    if is_on():
        _mount(key="captions")
