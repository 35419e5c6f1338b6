"""Start: the five kinds of memory in a GPT, with this model's and this prompt's own numbers."""

import streamlit as st

from components.frame import shell

shell.guard()

from components.attention import choice as attention
from components.frame import place
from components.frame.choices import choose
from components.kit.units import show_bytes, show_count
from components.memory import choice as memory
from components.memory import conversation, look, numbers
from components.prediction import choice as prediction
from components.residual import choice as residual
from components.start import five_memories as pictures
from components.start import run, views
from components.start.card_row import card_row
from components.tokens import choice as tokens

PARTS = {  # of the picture -> the page of that part, and what is chosen there
    "edge": ("attention", [(attention.VIEW, "One head")]),
    "block": ("attention", [(attention.VIEW, "All heads")]),
    "embedding": ("tokens", [(tokens.VIEW, "vectors")]),
    "node": ("residual", [(residual.VIEW, "Stream")]),
    "mlp": ("residual", [(residual.VIEW, "MLP")]),
    "lens": ("residual", [(residual.VIEW, "Logit lens")]),
    "logit": ("residual", [(residual.VIEW, "Who made this logit")]),
    "next": ("prediction", [(prediction.VIEW, "next")]),
    "weight": ("memory", [(memory.VIEW, "weights"), (memory.STORE, "bank"), (memory.ONE_HEAD, True)]),
    "slot": ("memory", [(memory.VIEW, "slots"), (memory.STORE, "bank")]),
    "edm": ("memory", [(memory.VIEW, "slots"), (memory.STORE, "edm")]),
    "early": ("memory", [(memory.VIEW, "gates")]),
    "late": ("memory", [(memory.VIEW, "gates")]),
}
PLACES = {one.name: one for one in (
    *place.CHOICES, residual.LENS_ROW, residual.LOGIT_OF, memory.ROW, memory.SLOT)}


def open_part(kind: str, **places) -> None:
    """Open the page of a part of the picture, with its token, layer and head chosen."""
    page, fixed = PARTS[kind]
    attention.forget_text()
    for name, value in places.items():
        choose(PLACES[name], value)
    for one, value in fixed:
        choose(one, value)
    st.switch_page(f"pages/{page}.py")


now = run.memories()
told, n_slots = conversation.current().state, memory.settings().fusion.slots
RUNS = {"with": numbers.asked_run, "without": numbers.plain_run}
TITLE = "**Mnemoscope** shows what a GPT attends to, caches and remembers"
if clicked := views.show(TITLE, look.look() if told.prompts else None, RUNS):
    open_part(**clicked)

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
        ("Says where each token stands, not what it is. Without it, only the causal mask tells "
        "order: which tokens a token can read."),
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
