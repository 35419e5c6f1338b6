"""The notes themselves: a list, and one of them to read, change or remove."""

import pandas as pd
import streamlit as st

from components.frame import whose
from components.frame.choices import choose, chosen
from components.kit import data_table, safe_text
from components.kit.export.offers import no_notebook
from components.notes import choice, run
from components.notes.bar import doing

HEIGHT = 420
NO_NOTEBOOK = (
    "No model numbers on this page: these are your notes. The answer's view has a notebook."
)


def show(now) -> None:
    """All notes on the left, the chosen one on the right."""
    no_notebook(NO_NOTEBOOK)
    notes = run.notes(now)
    left, right = st.columns([1.25, 1], gap="large")
    with left:
        _list(notes)
    with right:
        _editor(now, {note.id for note in notes})


def _list(notes) -> None:
    newest_first = notes[::-1]
    table = pd.DataFrame({
        "note": [note.title for note in newest_first],
        "characters": [len(note.text) for note in newest_first],
        "from": [note.source for note in newest_first],
        "changed": pd.to_datetime([note.changed for note in newest_first], unit="s", utc=True),
    })
    chosen = data_table.show(
        table, "notes_list", height=HEIGHT, on_select="rerun",
        selection_mode="single-row",
        column_config={"changed": st.column_config.DatetimeColumn(format="distance")},
    )
    rows = chosen.selection.rows
    row = newest_first[rows[0]].id if rows and rows[0] < len(newest_first) else None
    if row is not None and row != st.session_state.get("notes:row"):
        choose(choice.NOTE, row)
    st.session_state["notes:row"] = row


def _editor(now: run.Overview, ids: set[int]) -> None:
    number = chosen(choice.NOTE)
    if number is None:
        st.info("Choose a note with the box at its left to read, change or remove it.")
        return
    opened = _opened(number)
    if opened is None:
        st.info("This note was removed. Choose another one.")
        return
    if not now.may_change:
        _reader(opened)
        return
    st.text_input("Title", opened.title, key=f"notes_title {number}", max_chars=120)
    st.text_area("Text", opened.text, key=f"notes_text {number}", height=HEIGHT - 170)
    with st.container(horizontal=True):
        st.button("Save", key="notes_save", type="primary", on_click=doing(_save, opened))
        st.button("Keep as a new note", key="notes_copy",
                  on_click=doing(_keep_as_new, number))
        st.button("Reload", key="notes_reload", on_click=_forget, args=(number,),
                  help="Shows the note as it is in the file now; your unsaved words are lost")
        if now.shelf == whose.OWN:
            st.button("Share a copy", key="notes_share", on_click=doing(_share, number),
                      help="Everyone who opens this app can read it; only the server's owner can "
                           "remove it")
        st.button("Remove", key="notes_remove", on_click=doing(_remove, number))
    if number not in ids:
        st.warning("This note was removed meanwhile, in another window.")


def _reader(note) -> None:
    """A note that this visitor may read and copy."""
    st.markdown(f"**{safe_text.for_markdown(note.title)}**")
    st.code(note.text, language=None, wrap_lines=True, height=HEIGHT - 100)
    st.button("Copy to my notes", key="notes_take", on_click=doing(_take, note))


def _opened(number: int):
    """The note as it was when it was opened: a later change by others must not be overwritten."""
    held = st.session_state.get("notes:opened")
    if held is None or held.id != number:
        held = st.session_state["notes:opened"] = run.read_note(number)
    return held


def _typed(number: int) -> tuple[str, str]:
    """Title and text in the boxes now: they may have arrived with this click."""
    return tuple(st.session_state[f"notes_{part} {number}"] for part in ("title", "text"))


def _save(opened) -> None:
    if _typed(opened.id) != (opened.title, opened.text):
        run.edit(opened, *_typed(opened.id))
    _forget(opened.id)


def _keep_as_new(number: int) -> None:
    run.add_typed(*_typed(number))


def _take(note) -> None:
    run.add_typed(note.title, note.text)
    st.session_state["notes:news"] = f"“{note.title}” is a note of yours now."


def _share(number: int) -> None:
    title, text = _typed(number)
    run.share(title, text)
    st.session_state["notes:news"] = f"A copy of “{title}” is shared with everyone."


def _remove(number: int) -> None:
    run.delete([number])
    _forget(number)
    choose(choice.NOTE, None)


def _forget(number: int) -> None:
    for key in ("notes:opened", f"notes_title {number}", f"notes_text {number}"):
        st.session_state.pop(key, None)
