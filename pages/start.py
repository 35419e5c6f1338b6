"""Start: the five kinds of memory in a GPT, with this model's and this prompt's own numbers."""

import streamlit as st

from components.frame import shell

shell.guard()

from components.frame import visit
from components.kit import next_token
from components.kit.units import show_bytes, show_count
from components.memory import choice, conversation
from components.start import five_memories as pictures
from components.start import run, token_strip
from components.start.card_row import card_row

now = run.memories()
told, n_slots = conversation.current().state, choice.settings().fusion.slots

read, write = st.columns(2, gap="large")
with read:
    noun = "token" if now.n_tokens == 1 else "tokens"
    st.markdown(f"##### {visit.model_name()} reads {now.n_tokens:,} {noun}")
    st.html(token_strip.strip(visit.token_texts(), visit.prompt().ids))
with write:
    st.markdown("##### and says what comes next")
    st.html(next_token.bars(run.next_tokens(5)))

st.markdown("#### Where a GPT remembers: five places")

CARDS = [
    (
        "Parametric",
        "in the weights",
        show_count(now.n_parameters),
        f"parameters, {show_bytes(now.parameter_bytes)} in RAM",
        pictures.parts_bar(now.parts),
        ("What training left in the weights. Your prompt changes none of it: chat history is not "
        "weights."),
        ("pages/anatomy.py", "Every tensor"),
    ),
    (
        "Context",
        "in the window",
        f"{now.n_tokens:,} of {now.n_positions:,}",
        "tokens of the window",
        pictures.window_gauge(now.n_tokens, now.n_positions),
        ("The text itself, read again at every step. It stores nothing: text that leaves the "
        "window is gone."),
        ("pages/tokens.py", "What fits in it"),
    ),
    (
        "Working",
        "keys and values",
        show_bytes(now.cache_bytes),
        f"now; {show_bytes(now.cache_bytes_per_token)} more a token",
        pictures.cache_grid(now.n_tokens, now.n_layers),
        "The KV cache saves computing and adds no knowledge: the answer is the same without it.",
        ("pages/cache.py", "Watch it grow"),
    ),
    (
        "Positional",
        "in a table",
        "{:,} × {:,}".format(*now.position_table),
        f"one vector a place, {show_bytes(now.position_bytes)}",
        pictures.position_curve(now.position_similarity, max(now.n_tokens - 1, 0)),
        ("Says where each token stands, not what it is. Without it, a prompt would be a bag of "
        "words."),
        ("pages/positions.py", "How order is told"),
    ),
    (
        "External",
        "outside",
        f"{len(told.bank):,} of {n_slots:,}",
        f"slots, {len(told.prompts):,} prompts told",
        pictures.slots(len(told.bank), n_slots),
        "Slots outlive a prompt. Plain GPT-2 has none: a new prompt starts blank.",
        ("pages/memory.py", "Tell it something"),
    ),
]

chosen = card_row(
    [(pictures.card(*card), f"{words} →", page) for *card, (page, words) in CARDS],
    key="five_memories",
)
if chosen:
    st.switch_page(chosen)
