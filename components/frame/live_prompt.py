"""The prompt box: a text area whose text reaches the script while it is being typed.

Streamlit's own text area waits for Ctrl+Enter or blur. Knows nothing of models or tokens.
"""

import time
from collections.abc import Callable, Mapping

import streamlit as st

from components.kit import assets

_mount = assets.component(
    "live_prompt",
    "frame/live_prompt",
    '<div class="box"><textarea aria-label="Prompt" spellcheck="false" autocomplete="off" '
    'aria-describedby="note"></textarea><p id="note" role="status"></p></div>',
)


def live_prompt(
    value: str,
    key: str,
    placeholder: str,
    max_chars: int,
    address: Mapping[str, str | None] = {},
    on_commit: Callable[[str], bool] | None = None,
    hidden: bool = False,
    on_text: Callable[[str], None] = lambda text: None,
) -> str:
    """Draw the box and return its text: at most `max_chars` characters, no lone surrogates.

    `value` is the text the app wants. Hand back what this function returned last time and the
    visitor keeps typing undisturbed; hand it anything else (an example was chosen) and the box
    is overwritten. Each overwrite raises a revision number that the browser sends back with
    every text, so that letters typed into the old text cannot undo it.
    The browser also keeps `?prompt=` equal to the text and the other parameters of the link as
    `address` says (address.py), without adding to its history.
    hidden: the box is invisible; text and link are kept.
    on_text: called with the typed text before this function uses it. A run may end while the box is
    drawn and then returns nothing; an app that keeps its `value` in `on_text` never hands back an
    older text. With `on_commit`, Enter passes it the whole text before the next script run; if it
    returns True, the box is emptied. Without it, Enter begins a new line.
    """
    memory = st.session_state.setdefault(f"{key}:memory", {"text": value, "revision": 0})
    memory["max_chars"] = max_chars
    is_new = not memory.get("mounted")
    if value != memory["text"]:
        memory.update(text=value, revision=memory["revision"] + 1)
    typed = _typed(st.session_state.get(key), max_chars)
    if typed and typed["revision"] == memory["revision"]:
        on_text(typed["text"])  # first: Streamlit may end the run there, and with it ours
        memory["text"] = typed["text"]
    data = {"placeholder": placeholder, "max_chars": max_chars, "commits": on_commit is not None,
            "hidden": hidden}
    data |= {"value": memory["text"], "revision": memory["revision"], "address": dict(address)}

    def commit():
        sent = _made_safe(st.session_state[key].commit, max_chars)
        if on_commit and sent and sent["revision"] == memory["revision"] and on_commit(sent["text"]):
            overwrite(key, "")

    state = _mount(key=key, data=data, on_typed_change=lambda: None, on_commit_change=commit)
    typed = _typed(state, max_chars)
    if is_new and typed:  # the server forgot this visitor, the browser did not
        on_text(typed["text"])
        memory.update(typed)
    memory["mounted"] = True
    return memory["text"]


def overwrite(key: str, text: str) -> None:
    """Put a text into the box, whatever the browser still sends; the caller passes `live_prompt`
    the same text as its value."""
    memory = st.session_state.setdefault(f"{key}:memory", {"text": text, "revision": 0})
    memory.update(text=text, revision=memory["revision"] + 1)


def replace_all(key: str, text: str) -> None:
    """The same, also where the browser has known this box for longer than this server: the revision
    is above any that another server gave it."""
    overwrite(key, text)
    memory = st.session_state[f"{key}:memory"]
    memory.update(revision=max(memory["revision"], time.time_ns() // 1_000_000), mounted=True)


def text_now(key: str) -> str:
    """The text in the box; works also in a callback, which runs before the box is drawn again."""
    memory = st.session_state.get(f"{key}:memory", {"text": "", "revision": 0})
    typed = _typed(st.session_state.get(key), memory.get("max_chars", 0))
    return typed["text"] if typed and typed["revision"] == memory["revision"] else memory["text"]


def _typed(state, max_chars: int) -> dict | None:
    """What the browser sent last: {"text", "revision"}, made safe to encode; None before that."""
    return _made_safe(state.get("typed") if state else None, max_chars)


def _made_safe(sent, max_chars: int) -> dict | None:
    if not sent:
        return None
    text = str(sent["text"]).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return {"text": text[:max_chars], "revision": int(sent["revision"])}
