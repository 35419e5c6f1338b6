"""The prompt box: a text area whose text reaches the script while it is being typed.

Streamlit's own text area waits for Ctrl+Enter or blur. Knows nothing of models or tokens.
"""

from collections.abc import Mapping
from pathlib import Path

import streamlit as st

_HERE = Path(__file__).parent
_mount = st.components.v2.component(
    "mnemoscope_live_prompt",
    html='<div class="box"><label for="text">Prompt</label>'
    '<textarea id="text" rows="1" spellcheck="false" autocomplete="off" aria-describedby="note">'
    '</textarea><p id="note" role="status"></p></div>',
    css=(_HERE / "live_prompt.css").read_text(encoding="utf-8"),
    js=(_HERE / "live_prompt.js").read_text(encoding="utf-8"),
)


def live_prompt(
    value: str, key: str, placeholder: str, max_chars: int, address: Mapping[str, str | None] = {}
) -> str:
    """Draw the box and return its text: at most `max_chars` characters, no lone surrogates.

    `value` is the text the app wants. Hand back what this function returned last time and the
    visitor keeps typing undisturbed; hand it anything else (an example was chosen) and the box
    is overwritten. Each overwrite raises a revision number that the browser sends back with
    every text, so that letters typed into the old text cannot undo it.
    The browser also keeps `?prompt=` equal to the text and the other parameters of the link as
    `address` says (address.py), without adding to its history.
    """
    memory = st.session_state.setdefault(f"{key}:memory", {"text": value, "revision": 0})
    is_new = not memory.get("mounted")
    if value != memory["text"]:
        memory.update(text=value, revision=memory["revision"] + 1)
    typed = _typed(st.session_state.get(key), max_chars)
    if typed and typed["revision"] == memory["revision"]:
        memory["text"] = typed["text"]
    data = {"placeholder": placeholder, "max_chars": max_chars}
    data |= {"value": memory["text"], "revision": memory["revision"], "address": dict(address)}
    state = _mount(key=key, data=data, on_typed_change=lambda: None)
    typed = _typed(state, max_chars)
    if is_new and typed:  # the server forgot this visitor, the browser did not
        memory.update(typed)
    memory["mounted"] = True
    return memory["text"]


def _typed(state, max_chars: int) -> dict | None:
    """What the browser sent last: {"text", "revision"}, made safe to encode; None before that."""
    sent = state.get("typed") if state else None
    if not sent:
        return None
    text = str(sent["text"]).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return {"text": text[:max_chars], "revision": int(sent["revision"])}
