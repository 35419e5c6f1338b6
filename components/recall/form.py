"""The form of a probe as a timeline: tell (anything), wait, ask, answer; examples; settings.

Knows nothing of results.
"""

from contextlib import nullcontext

import streamlit as st

from components.frame import presenting
from components.frame.choice_widgets import holding
from components.frame.choices import chosen
from components.frame.live_area import live_area
from components.kit.own_sentence import SENTENCES
from components.kit.safe_text import for_markdown
from components.recall import choice
from model.memory import eviction, salience


def show() -> str:
    """The form -> the text of the distraction, "" if it is made up."""
    with _place():
        text = _show_boxes()
    with st.container(horizontal=True, vertical_alignment="center", key="recall_look"):
        st.markdown(f"**{choice.look_sentence()}**")
        _menus()
    return text


def _place():
    """Where the boxes stand: in presentation mode folded, so that the answers are seen first."""
    if not presenting.is_on():
        return nullcontext()
    told, asked = for_markdown(chosen(choice.TELL)), for_markdown(chosen(choice.ASK))
    return st.expander(f"Tell {told}, ask {asked}", key="recall_boxes")


def _show_boxes() -> str:
    _invite()
    tell, wait, ask, answer = st.columns([5, 3.6, 4, 2], gap="small")
    with tell:
        live_area(choice.TELL, "1 · Tell: one prompt a line", "Any sentence of yours", 3,
                  choice.MOST_TELL)
    with wait:
        text = _wait()
    with ask:
        live_area(choice.ASK, "3 · Ask: a new prompt", "A question about it", 3,
                  choice.MOST_ASK)
    with answer:
        live_area(choice.ANSWER, "4 · Answer", "where it is known", 3, choice.MOST_ASK)
    return text


def _invite() -> None:
    """The visitor's own sentence first; sentences of several kinds to begin with."""
    with st.container(horizontal=True, vertical_alignment="center", key="recall_invite"):
        st.markdown("**Tell it anything**: type over the sentence below, or begin with", width="content")
        for one in SENTENCES:
            st.button(one.kind, key=f"recall sentence {one.kind}", on_click=choice.use_sentence,
                      args=(one,), help=one.tell)


def _wait() -> str:
    asked = chosen(choice.DISTANCE)  # an episode may have waited any number of tokens
    st.select_slider(
        "**2 · Wait**: tokens of other talk", sorted({*choice.DISTANCES, asked}),
        format_func=lambda n: f"{n:,}", **holding(choice.DISTANCE),
    )
    source = st.selectbox(
        "Talk about", list(choice.SOURCES), format_func=choice.SOURCES.get,
        label_visibility="collapsed", **holding(choice.SOURCE),
    )
    if source == "own":
        return live_area(
            choice.TEXT, "Your text", "repeated until it is long enough", 1, choice.MOST_TEXT
        )
    return _book() if source == "file" else ""


def _book() -> str:
    file = st.file_uploader("A text file", type=["txt", "md"], key="recall_book",
                            label_visibility="collapsed", max_upload_size=20)
    if file is None:
        return ""
    try:
        text = file.getvalue().decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    if not text.strip() or "\x00" in text:
        st.warning("This file is no UTF-8 text, so made-up talk is used. Choose a text file in "
                   "UTF-8.")
        return ""
    return text


def _menus() -> None:
    with st.popover("Other probes", key="recall_examples"):
        for name, one in choice.EXAMPLES.items():
            st.button(f"**{name}**", key=f"recall example {name}", on_click=choice.use_example,
                      args=(name,), width="stretch")
            st.caption(one.look)
    with st.popover("Memory", key="recall_memory"):
        _settings()


def _first(usual: str, names) -> list[str]:
    """Names, the usual one first."""
    return sorted(names, key=lambda name: name != usual)


def _settings() -> None:
    st.select_slider("Slots at most", choice.SLOTS, **holding(choice.BUDGET))
    st.selectbox(
        "Eviction: who leaves a full memory", _first(choice.PLAIN.policy, eviction.NAMES),
        format_func=eviction.title, **holding(choice.POLICY),
    )
    st.selectbox("Salience of a sentence (AM)", _first(choice.PLAIN.fusion.score, salience.SCORES),
                 help="The EDM always uses its learned gate", **holding(choice.SCORE))
    st.number_input("Write at most so many per prompt", 0, 64, **holding(choice.BEST),
                    help="The most salient sentences (AM) and words (EDM); 0: all that reach the "
                         "threshold")
