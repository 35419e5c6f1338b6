"""The invitation while nothing was told: first the visitor's own sentence, then examples."""

import streamlit as st

from components.kit.own_sentence import SENTENCES
from components.memory import conversation


def show() -> None:
    """The invitation, while the memory holds no prompt."""
    if conversation.current().state.prompts:
        return
    with st.container(key="memory_invite", gap="xsmall"):
        st.markdown(
            "##### Tell it anything\nType a sentence of your own above and press **Enter**, or begin "
            "with one of these and change a word:"
        )
        with st.container(horizontal=True, gap="small"):
            for i, one in enumerate(SENTENCES):
                st.button(one.tell, key=f"sentence {i}", on_click=conversation.put, args=(one.tell,))
