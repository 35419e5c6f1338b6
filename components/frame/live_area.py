"""A text area whose text reaches the script while it is being typed; the server may overwrite it.

Like the prompt box, without its address and its Enter. Streamlit's own live box waits for a pause of
the typist. Knows nothing of what is written in it.
"""

from collections.abc import Callable

import streamlit as st

from components.frame.choices import Choice, choose, chosen
from components.kit import assets

_mount = assets.component(
    "live_area",
    "frame/live_area",
    '<div class="box"><label for="text"></label>'
    '<textarea id="text" spellcheck="false" autocomplete="off"></textarea></div>',
)


def live_area(
    one: Choice, label: str, placeholder: str, rows: int, most: int,
    on_change: Callable[[], None] = lambda: None,
) -> str:
    """Draw the area; the choice is its text before and after, at most `most` characters. Any other
    text chosen overwrites the area. One row holds one line. on_change: runs before the script that
    a typed text begins."""
    key = f"{one.name}_area"
    wanted = chosen(one)
    kept = st.session_state.setdefault(f"{key}:kept", {"text": wanted, "revision": 0})
    if wanted != kept["text"]:
        kept.update(text=wanted, revision=kept["revision"] + 1)
    data = {"label": label, "placeholder": placeholder, "rows": rows, "most": most}
    _take(one, kept, st.session_state.get(key), most)

    def take() -> None:  # before the script, whose prompt box writes the choice into the address
        _take(one, kept, st.session_state[key], most)
        on_change()

    sent = _mount(key=key, data=data | kept, on_typed_change=take)
    _take(one, kept, sent, most)
    choose(one, kept["text"])
    return kept["text"]


def _take(one: Choice, kept: dict, sent, most: int) -> None:
    """What the browser sent last, made safe to encode, unless it was overwritten since.

    Streamlit may end a run at every touch of its state. So `kept` must never hold a text that
    the choice does not hold: the next run would take the older text for a new one.
    """
    typed = sent.get("typed") if sent else None
    if typed and int(typed["revision"]) == kept["revision"]:
        text = str(typed["text"]).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        choose(one, text[:most])
        kept["text"] = text[:most]
