"""Memory: tell it anything, ask in a new prompt. The page shows the whole answer with memory and
without, and what is written and read, while you type."""

import streamlit as st

from components.frame import shell

shell.guard()

from components.frame import presenting
from components.frame.choice_widgets import one_of
from components.memory import (
    answers,
    beside,
    choice,
    controls,
    conversation,
    gate_views,
    invite,
    knives,
    links,
    look,
    opened,
    rest,
    slot_views,
    switches,
    views,
    write_views,
)


def show_variants(now):
    """Variants, modules and laws; what comes back is the laws' place."""
    switches.show()
    return views.show_laws(now)


shell.on_enter(conversation.remember)
if opened.show():
    shell.on_enter(opened.rests)
    st.stop()
if not presenting.is_on():
    invite.show()
now = look.look()
said = answers.place(now)
is_low = choice.chosen(choice.VIEW) == "interventions"  # its picture is as high as the window
if not presenting.is_on():
    controls.show_bar()
if not (presenting.is_on() or is_low):
    laws = show_variants(now)

with st.container(horizontal=True, vertical_alignment="center", key="memory_views"):
    view = one_of("View", choice.VIEW)
    compared_with = beside.show_bar()
if now.problem:
    st.warning(now.problem)
views.show_front(now)
each = chain = None
if beside.shows(now, compared_with):
    beside.show(now, compared_with)
elif view == "reads" and not now.state.prompts:
    controls.show_first_visit()
elif view == "reads":
    each = views.show_reads(now)
    chain = links.show(now)
elif view == "weights":
    views.show_weights(now)
elif view == "slots":
    slot_views.show(now)
elif view == "writes":
    write_views.show(now)
elif view == "gates":
    gate_views.show(now)
else:
    each = knives.show(now)
if presenting.is_on():
    with st.expander("Tell, variants, settings, laws", key="memory_controls"):
        invite.show()
        controls.show_bar()
        laws = show_variants(now)
elif is_low:
    with st.expander("Variants, modules, laws", key="memory_variants_below"):
        laws = show_variants(now)
drawn = rest.mark(now.text)
answers.show(now, said, drawn)
rest.then(drawn, each, chain, views.prove(now, laws))
