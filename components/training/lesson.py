"""What memory learns from: an episode drawn and coloured, and the reasons for this training."""

import html

import streamlit as st

from components.frame import presenting
from components.frame.choice_widgets import one_of
from components.frame.choices import chooser, chosen
from components.kit import palette
from components.kit.export.offers import no_notebook
from components.training import choice, episode, run

WHY = (
    (
        palette.VALUE, "Why the answer",
        ("Cross-entropy on the answer's tokens. Its gradient flows from the answer through the "
         "read into the writes of every earlier prompt: what is stored is learned, not designed."),
    ),
    (
        palette.RESIDUAL, "Why KL to the base",
        ("Everywhere else, and on ordinary text, the model with memory must stay close to the "
         "frozen GPT-2: KL(base ‖ with memory). Trained on answers alone, it would forget how "
         "to talk."),
    ),
    (
        palette.SURPRISAL, "Why questions nobody answered",
        ("{unknown:.0%} of the questions ask what was never told, some of them with another "
         "person's memory. There GPT-2's own “I do not know” is right: memory learns to stay "
         "silent."),
    ),
    (
        palette.MEMORY, "Why gates start closed",
        ("Each module enters through a matrix W_o that is exactly zero: at step 0 the model is "
         "GPT-2, bit for bit. Only a lower loss opens the matrix; the curve of ‖W_o‖ shows when."),
    ),
)
NO_NOTEBOOK = (
    "No model numbers on this page: it shows the texts that memory learns from."
)


def show() -> None:
    """Controls, the episode, and the reasons."""
    no_notebook(NO_NOTEBOOK)
    row = st.container(horizontal=True, vertical_alignment="bottom", key="training_lesson_row")
    with row, presenting.folded("Lesson and values", "training_lesson_choice"):
        lesson = one_of("Lesson", choice.LESSON, shown=True)
        source = one_of("Values and phrasings", choice.SOURCE, shown=True)
    number = chosen(choice.EPISODE)
    row.button("Another episode", key="training_another", on_click=chooser(choice.EPISODE, number + 1))
    drawn = run.draw(lesson, source, number)
    st.html(episode.legend(drawn.episode.held_out))
    presenting.pictures({"Told": lambda: _told(drawn), "Asked": lambda: _asked(drawn)}, [1, 1])
    if not presenting.is_on():
        _why(run.LESSONS[lesson].plan.unknown)


def _told(drawn) -> None:
    st.markdown("##### Told, prompt by prompt: GPT-2 reads, memory writes")
    with st.container(key="training_told"):
        st.html(episode.told(episode.spoken(drawn.episode, drawn.prompts)))


def _asked(drawn) -> None:
    st.markdown("##### Asked, each in a new prompt: only memory can answer")
    first = len(drawn.prompts) + 1
    with st.container(key="training_asked"):
        st.html("".join(
            episode.asked(ask, first + i, run.LEAD_WEIGHT)
            for i, ask in enumerate(drawn.episode.asks)
        ))


def _why(unknown: float) -> None:
    cells = "".join(
        f'<div style="border-top:5px solid {hue};padding:.5em 0;line-height:1.45">'
        f"<b>{html.escape(title)}</b><br>{html.escape(text.format(unknown=unknown))}</div>"
        for hue, title, text in WHY
    )
    st.html(
        '<div style="display:grid;grid-template-columns:repeat(auto-fit,minmax(240px,1fr));'
        f'gap:1.4em;margin-top:.6em">{cells}</div>'
    )
