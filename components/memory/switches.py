"""Which memory modules are read: five variants by name, and a switch for each module.

Modules that were not trained for the chosen model are shown too, disabled, with the reason.
"""

import streamlit as st

from components.frame import memory_weights, visit
from components.memory import choice
from model.disk.called import command
from model.memory.variants import VARIANTS

TITLES = {
    "gpt2": "GPT-2", "gpt2+rnn": "GPT-2 + RNN", "gpt2+edm": "GPT-2 + EDM", "gpt2+am": "GPT-2 + AM",
    "gpt2-m": "GPT2-M",
}
MODULES = {
    "early": ("Early RNN", ("A recurrent state carried from prompt to prompt, added over the "
              "embeddings")),
    "late": ("Late RNN", ("A recurrent state carried from prompt to prompt, added before the LM "
             "head")),
    "edm": ("EDM", ("External differentiable memory: slots of key and value, read before the "
            "middle block")),
    "am": ("AM", ("Attention over Local ∪ Memory: GPT-2's own past keys and values; nothing is "
           "trained")),
}


def show() -> None:
    """The variants as buttons and the modules as switches, in one row."""
    with st.container(horizontal=True, vertical_alignment="center", key="memory_modules"):
        with st.container(horizontal=True, width="content", key="memory_variants"):
            _buttons()
        with st.container(horizontal=True, width="content", key="memory_switches"):
            _switches()


def _buttons() -> None:
    there = choice.available()
    for name, parts in VARIANTS.items():
        lacks = parts - there
        st.button(
            TITLES[name], key=f"variant {name}", on_click=choice.use, args=(parts & there,),
            type="primary" if choice.modules() == parts else "secondary", disabled=bool(lacks),
            help=_why_missing() if lacks else None,
        )


def _switches() -> None:
    there = choice.available()
    for name, (title, what) in MODULES.items():
        key = f"module_{name}"
        st.session_state[key] = name in choice.modules()
        st.toggle(
            title, key=key, on_change=choice.switch, args=(name,), disabled=name not in there,
            help=what if name in there else f"{what}. {_why_missing()}",
        )


def _why_missing() -> str:
    if memory_weights.in_use() == memory_weights.NONE:
        return "Off in the sidebar: its memory weights are “none”."
    if visit.checkpoint().memory is not None:
        return "These memory weights were trained without it."
    return (
        f"No memory was trained for {visit.model_name()} yet. Train it on the page Training, or "
        f"with `{command('train memory')}`."
    )
