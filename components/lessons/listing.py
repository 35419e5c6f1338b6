"""The list of all lessons, those that are broken, and the glossary."""

import streamlit as st

from components.frame import presenting
from components.kit import glossary
from components.kit.export.offers import no_notebook
from components.kit.safe_text import for_markdown
from components.lessons import bar, run
from components.lessons.link import Pages
from model.lessons.lesson import Lesson

COLUMNS = 3
NO_NOTEBOOK = (
    "No model numbers on this page: a lesson shows them on the pages that it opens. Take the notebook there."
)


def show(pages: Pages) -> None:
    """Every lesson with a button that begins it; what is wrong with those that cannot be shown."""
    no_notebook(NO_NOTEBOOK)
    shelf = run.all_lessons(pages)
    for problem in shelf.broken.values():
        st.warning(for_markdown(f"A lesson was left out. {problem}"))
    lessons = list(shelf.lessons.values())
    for first in range(0, len(lessons), COLUMNS):
        for column, lesson in zip(st.columns(COLUMNS), lessons[first : first + COLUMNS]):
            with column:
                _card(lesson)


def _card(lesson: Lesson) -> None:
    with st.container(border=True, height="stretch"):
        st.markdown(f"##### {for_markdown(lesson.title)}")
        if not presenting.is_on():
            st.markdown(glossary.marked(for_markdown(lesson.about)), unsafe_allow_html=True)
        st.button(f"Begin: {len(lesson.steps)} steps", key=f"begin {lesson.name}",
                  on_click=bar.open_step, args=(lesson.name,))


def show_glossary() -> None:
    """Every term and what it means."""
    st.html(glossary.table())
