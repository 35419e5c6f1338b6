"""Start: the five kinds of memory in a GPT, with this model's and this prompt's own numbers."""

import streamlit as st

from components.frame import shell

shell.guard()

from components.attention import choice as attention
from components.frame import place
from components.frame.choices import choose
from components.memory import choice as memory
from components.memory import conversation, look, numbers
from components.prediction import choice as prediction
from components.residual import choice as residual
from components.start import cards, run, views
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


told = conversation.current().state
RUNS = {"with": numbers.asked_run, "without": numbers.plain_run}
TITLE = "**Mnemoscope** shows what a GPT attends to, caches and remembers"
if clicked := views.show(TITLE, look.look() if told.prompts else None, RUNS):
    open_part(**clicked)

st.markdown("#### Where a GPT remembers: five places")

CARDS = {  # memory: where it is, what it does, and the link's words and page
    "Parametric": (
        "in the weights",
        ("What training left in the weights. Your prompt changes none of it: chat history is not "
        "weights."), "Every tensor", "pages/anatomy.py",
    ),
    "Context": (
        "in the window",
        ("The text itself, read again at every step. It stores nothing: text that leaves the "
        "window is gone."), "What fits in it", "pages/tokens.py",
    ),
    "Working": (
        "keys and values",
        "The KV cache saves computing and adds no knowledge: the answer is the same without it.",
        "Watch it grow", "pages/cache.py",
    ),
    "Positional": (
        "in a table",
        ("Says where each token stands, not what it is. Without it, only the causal mask tells "
        "order: which tokens a token can read."), "How order is told", "pages/positions.py",
    ),
    "External": (
        "outside", "Slots outlive a prompt. Plain GPT-2 has none: a new prompt starts blank.",
        "Tell it something", "pages/memory.py",
    ),
}
n_slots = memory.settings().fusion.slots
drawn = cards.faces(run.memories(), len(told.bank), n_slots, len(told.prompts))
if chosen := cards.show(CARDS, drawn):
    st.switch_page(chosen)
