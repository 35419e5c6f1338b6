"""The bar below every page of a class: for the lecturer its code, how many follow, and what to do with
them; for a pupil whether they follow, and the way out and back.

It asks for the class's file several times a second, and at once where the lecturer is on this server
(frame/calling.py), and runs the page only where that has changed.
"""

from collections.abc import Sequence
from functools import lru_cache, partial
from urllib.parse import urlsplit, urlunsplit

import streamlit as st

from components.frame import calling, led, shared_link
from components.frame.choices import Choice, chosen
from components.kit import assets

EVERY_S = 0.4
STYLE = """<style>
:is(.st-key-class_place, [data-testid="stLayoutWrapper"]:has(> .st-key-class_place)) {
  position: fixed; inset: auto 0 0 0; z-index: 1000; width: auto !important; }
.stMainBlockContainer { padding-bottom: 6rem !important; }
</style>"""
_ACTED, _TROUBLE, _ASKED = "class:acted", "class:trouble", "class:asked"  # session keys
_mount = assets.component(
    "class_bar", "classroom/bar", '<section class="class" aria-label="Class"></section>'
)


def show(page: str, declared: Sequence[Choice]) -> None:
    """Draw the bar of the link's class; nothing where it names none. Its place is always there, or the
    prompt box behind it would be made anew."""
    st.session_state.pop(_ACTED, None)
    place = st.container(key="class_place")
    if led.is_in_class():
        st.html(STYLE)
        with place:
            st.fragment(_draw, run_every=EVERY_S)(page, declared)


def _draw(page: str, declared: Sequence[Choice]) -> None:
    if st.session_state.pop(_ACTED, False):
        st.rerun()
    if not led.is_in_class():
        return
    try:
        is_lecturer = led.leads()
        data = _of_lecturer(page, declared) if is_lecturer else _of_pupil()
    except (ValueError, OSError) as problem:
        data = {"role": "none", "code": "", "words": str(problem)}
    data["asks"] = 0 if led.is_known() else _asked_again()
    data["trouble"] = st.session_state.get(_TROUBLE, "")
    _mount(key="class_bar", data=data, on_browser_change=_hear, on_act_change=_act)


def _asked_again() -> int:
    """How often the browser was asked who it is: another number each time, or an answer that got lost
    would be the only one, since unchanged data does not reach the browser."""
    st.session_state[_ASKED] = st.session_state.get(_ASKED, 0) + 1
    return st.session_state[_ASKED]


def _of_lecturer(page: str, declared: Sequence[Choice]) -> dict:
    led.publish(page, declared)
    room = led.room()
    link, words, qr = _invitation(st.context.url or "", room.code)
    return {"role": "lecturer", "code": room.code, "key": led.key(), "n": led.n_here(),
            "frozen": room.frozen, "link": link, "words": words, "qr": qr}


def _of_pupil() -> dict:
    room = led.room()
    calling.listen(room.code)
    if room.ended:
        return {"role": "ended", "code": room.code}
    if led.has_news():
        calling.listen_no_more()
        st.rerun()
    if chosen(led.ALONE):
        return {"role": "alone", "code": room.code}
    led.say_here()
    return {"role": "follows", "code": room.code, "frozen": room.frozen}


@lru_cache(maxsize=100)
def _invitation(url: str, code: str) -> tuple[str, str, str]:
    """The class's link as the room opens it, a sentence about that, and the link's QR code as SVG."""
    parts = urlsplit(url)
    if not parts.netloc:
        return "", "", ""
    path = parts.path.rpartition("/")[0] + "/"
    link = urlunsplit((parts.scheme, parts.netloc, path, f"class={code}", ""))
    link, words = shared_link.for_the_room(link)
    return link, words, shared_link.qr_code(link).decode()


def _hear() -> None:
    """What the browser kept of itself."""
    sent = st.session_state.class_bar.browser
    if sent and not led.is_known():  # a second one may come late, from a page that was left
        led.know(str(sent["who"]), str(sent["key"]))
        st.session_state[_ACTED] = True


ACTS = {
    "gather": led.gather, "freeze": partial(led.freeze, True), "thaw": partial(led.freeze, False),
    "end": led.end, "let_go": led.let_go, "come_back": led.come_back, "leave": led.leave,
}


def _act() -> None:
    """What was clicked or pressed."""
    act = ACTS.get(st.session_state.class_bar.act)
    if act is None:
        return
    st.session_state[_ACTED] = True
    try:
        act()
        st.session_state.pop(_TROUBLE, None)
    except (ValueError, OSError) as problem:
        st.session_state[_TROUBLE] = str(problem)
