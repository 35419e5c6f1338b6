"""Presentation mode: large type, captions behind a "?", nothing beside the picture.

On by a button, the key P and `?present=1`. Its sizes stand in kit/presenting.css; knows no page.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext

import streamlit as st

from components.frame.choice_widgets import one_of
from components.frame.choices import Choice, Flag, Text, choose, chosen
from components.kit import assets

PRESENT = Choice("present", Flag(), False, own=True)
PICTURE = Choice("picture", Text(60), "")  # of a view with several: its title; "": the first
CHOICES = (PRESENT, PICTURE)
_mount = assets.component("presenting", "frame/presenting", "<i></i>", "kit/sizes.css")


def is_on() -> bool:
    """Whether the visitor presents: a page shows its picture first."""
    return chosen(PRESENT)


def folded(label: str, key: str):
    """Where a page puts what is not its picture: on a desk the place itself, in presentation mode
    a popover of this label."""
    return st.popover(label, key=key) if is_on() else nullcontext()


def pictures(of_view: Mapping[str, Callable[[], None]], widths: Sequence[int] = ()) -> None:
    """Draw a view's pictures, title -> what draws it: on a desk one below the other, or side by side
    in columns of these widths; in presentation mode the chosen one, which then has the screen to
    itself."""
    if not is_on():
        places = st.columns(widths, gap="large") if widths else [nullcontext()] * len(of_view)
        for place, show in zip(places, of_view.values()):
            with place:
                show()
        return
    of_view[one_of("Picture", PICTURE, {title: title for title in of_view})]()


def table_place():
    """Where a page draws a table: st.dataframe takes its type's size from the page when it is made,
    so it is made anew, one container deeper, once the browser says that its type is large."""
    place = st.container()
    return place.container() if _is_drawn_large() else place


def _is_drawn_large() -> bool:
    return bool(st.session_state.get("captions", {}).get("large"))


def row(key: str):
    """Where a page puts controls that in presentation mode share one row."""
    return st.container(horizontal=True, vertical_alignment="center", key=key) if is_on() else nullcontext()


def style() -> None:
    """The sizes of this run: those of a desk, and those of a hall where they were chosen."""
    st.html(f"<style>{assets.text('kit/sizes.css')}</style>")
    if is_on():
        st.html(f"<style>{assets.text('kit/presenting.css')}</style>")


def switch() -> None:
    """The button; Streamlit hears its key only where no text is being typed."""
    st.button("Stop" if is_on() else "Present", key="presenting", shortcut="p",
              on_click=choose, args=(PRESENT, not is_on()),
              help="Large type for a hall; explanations behind a “?”")
    _mount(key="captions", data={"large": _is_drawn_large(), "present": is_on()},
           on_large_change=lambda: None)
