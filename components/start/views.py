"""The picture of the whole model on the Start page, with the choices above it."""

from collections.abc import Callable

import streamlit as st

from components.frame import visit
from components.frame.choice_widgets import holding, one_of
from components.frame.choices import choose, chosen
from components.kit.export.offers import notebook
from components.start import choice, run, whole
from components.start.whole import Source

STATES = {"early": "the recurrent memory at the embeddings",
          "late": "the recurrent memory before the LM head"}
SHORT = {"slot": "AM", "edm": "EDM"}


def show(title: str, moment, runs: dict[str, Callable]) -> dict | None:
    """Draw it -> what was clicked, to be opened; None without a prompt. title: Markdown, beside the
    choices; moment: see `run.seen`; runs: "with" and "without" memory, what gives a notebook its run."""
    has_memory = moment is not None and moment.asked is not None
    with st.container(horizontal=True, vertical_alignment="center", key="flow_row"):
        st.markdown(title)
        mode = one_of("Widths", choice.FLOW)
        if has_memory:
            st.toggle("Memory", **holding(choice.FLOW_MEMORY))
        seen = run.seen(moment, chosen(choice.FLOW_MEMORY))
        if seen is None:
            st.info("No token yet, so nothing flows. Type a prompt above, or choose an example.")
            return None
        n = len(seen.names) - seen.n_start
        found = run.whole(seen, choice.position(n) + seen.n_start)
        token = _word(found.next) if mode == "logit" else None
        _offer(seen, moment, found.flow.position, token, runs)
    parts = None
    if token is not None:
        made = run.logit(seen, found.flow.position, token)
        parts = made, visit.show_tokens([token])[0]
    drawn = whole.Picture(
        visit.plain_model_name(), seen.names, seen.trace.ids, seen.n_start, visit.checkpoint().model.config.n_head, found,
        lambda kind, number: _source(seen, kind, number), parts, has_memory,
    )
    return whole.show(
        drawn, "whole", lambda t: choice.choose_position(max(0, t - seen.n_start), n))


def _offer(seen: run.Seen, moment, at: int, token: int | None, runs: dict[str, Callable]) -> None:
    """What the picture's notebook computes: with memory what was read of it, else the flow or the logit."""
    if seen.state is not None:
        notebook("memory", runs["with"], row=at - seen.n_start, head=None, edm_head=None,
                 told=seen.state.prompts)
        return
    own = None if moment is None or moment.asked is None else runs["without"]
    if token is None:
        notebook("flow", own, at=at)
    else:
        notebook("logit parts", own, at=at, token=token, against=None)


def _word(top) -> int:
    """The next token whose logit is split: the chosen one; while none is, the most probable, also as
    the prompt changes."""
    ids, wanted = top.ids.tolist(), chosen(choice.FLOW_OF)
    if wanted is None or wanted >= visit.checkpoint().model.config.vocab_size:
        wanted = ids[0]
    first, ids = ids[0], ids if wanted in ids else [*ids, wanted]
    names = visit.show_tokens(ids)
    st.session_state["flow_word_box"] = wanted

    def take():
        """The first is not chosen, but followed."""
        token = st.session_state["flow_word_box"]
        choose(choice.FLOW_OF, None if token == first else token)

    return st.selectbox(
        "Word", ids, format_func=lambda token: names[ids.index(token)], key="flow_word_box",
        label_visibility="collapsed", width=160, on_change=take,
    )


def _source(seen: run.Seen, kind: str, number: int) -> Source:
    """What an edge from memory begins at."""
    if kind in STATES:
        told = f"RNN state: that of {STATES[kind]}, carried from earlier prompts."
        return Source(kind, 0, "RNN", "state", told)
    if kind == "slot":
        slots, number = seen.state.bank.slots, int(seen.trace.reading.kept[number])
    else:
        slots = seen.state.external.slots
    store = "the attention bank" if kind == "slot" else "the EDM"
    told = (f"{SHORT[kind]} {slots.text[number]}: slot {number} of {store}, told in prompt "
            f"{slots.prompt[number]}: “{slots.around[number]}”.")
    return Source(kind, number, SHORT[kind], str(slots.text[number]), told)
