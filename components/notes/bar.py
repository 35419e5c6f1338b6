"""The notes page's buttons: whose notes, add, import, search settings, export, first visit. Knows no
tensors."""

import logging
from functools import partial

import streamlit as st

from components.frame import live_prompt, presenting, visit, whose
from components.frame.choice_widgets import holding
from components.frame.choices import choose
from components.frame.shell import DEFAULT_PROMPT
from components.notes import choice, run
from components.notes.run import EXAMPLES

QUESTION = "Where do I live? I live in"


def show() -> run.Overview:
    """The buttons for the notes, in one row, and messages to the visitor -> the notes after
    that."""
    _read_files()
    now = run.overview()
    with st.container(horizontal=True, vertical_alignment="center", key="notes_bar"):
        _whose()
        if now.shelf == whose.OWN:
            with st.popover("Add a note", key="notes_add"):
                _add()
            n_imports = st.session_state.get("notes:imports", 0)  # closed again behind each of them
            with st.popover("Import files", key=f"notes_import {n_imports}"):
                _import()
        with st.popover("Search settings", key="notes_settings"):
            _settings()
        with st.popover("Export, remove", key="notes_manage"):
            _manage(now)
        if now.n_examples and now.may_change:
            st.button(
                f"Remove the {now.n_examples:,} examples", key="notes_remove_examples",
                on_click=doing(run.delete_examples),
            )
    _tell(now)
    return now


def doing(act, *args):
    """A callback that does it, or keeps the message that says why not."""

    def do():
        try:
            act(*args)
        except ValueError as problem:
            st.session_state["notes:trouble"] = " ".join(str(problem).split())
        else:
            st.session_state.pop("notes:trouble", None)

    return do


def show_empty(now: run.Overview) -> None:
    """No note is kept yet: examples, side by side; on other shelves a sentence."""
    if now.shelf != whose.OWN:
        st.info("Nothing is shared yet. Open one of your notes, and press “Share a copy”."
                if now.shelf == whose.SHARED else "No note is left here.")
        return
    st.markdown(
        "**No notes yet.** Begin with made-up ones, add your own, or import text, Markdown or PDF."
    )
    for column, example in zip(st.columns(len(EXAMPLES)), EXAMPLES):
        with column.container(border=True, height="stretch", key=f"notes first {example.name}"):
            st.markdown(f"##### {example.name}")
            most = 2 if presenting.is_on() else 6
            shown = example.texts if len(example.texts) <= most else example.texts[:min(most, 4)]
            more = len(example.texts) - len(shown)
            rows = [*shown, *([f"… {more} more"] if more else [])]
            st.markdown("\n".join(f"- {text}" for text in rows))
            st.markdown(f"Ask: **{example.question}** …")
            if not presenting.is_on():
                st.caption(example.look)
            st.button(
                "Show me", key=f"notes show {example.name}", on_click=doing(_begin, example),
                type="primary" if example is EXAMPLES[0] else "secondary",
            )


def _begin(example) -> None:
    run.add(example.drafts)
    st.session_state.prompt = example.question
    live_prompt.overwrite("prompt_box", example.question)


def _tell(now) -> None:
    for line in st.session_state.pop("notes:trouble", "").split("\n"):
        if line:
            st.error(_sentence(line))
    for line in st.session_state.pop("notes:news", "").split("\n"):
        if line:
            st.info(_sentence(line))
    noun = "note" if now.n_notes == 1 else "notes"
    of = {
        whose.OWN: "of yours, which other visitors do not see",
        whose.SHARED: "that visitors shared with everyone",
    }.get(now.shelf, f"of {now.shelf}")
    st.markdown(
        "**Notes are text put into the prompt; the network itself remembers nothing.** "
        f"{now.n_notes:,} {noun} {of}."
    )


def _whose() -> None:
    choose(choice.SHELF, choice.shelf())
    st.selectbox(
        "Whose notes", list(whose.shelves()), format_func=lambda name: choice.SHELVES.get(name, name),
        label_visibility="collapsed", width=170, on_change=_close_note, **holding(choice.SHELF),
    )


def _close_note() -> None:
    """A note's number means another note on another shelf."""
    choose(choice.NOTE, None)
    st.session_state.pop("notes:opened", None)


def _add() -> None:
    st.text_input("Title, if you like", key="notes_new_title", max_chars=120)
    st.text_area("Note", key="notes_new_text", height=160,
                 placeholder="My name is James Theory. I live in New York.")
    st.button("Keep this note", key="notes_keep", type="primary", on_click=doing(_add_typed))


def _add_typed() -> None:
    """The text in the boxes now: it may have arrived with this click."""
    typed = st.session_state
    run.add_typed(typed.notes_new_title, typed.notes_new_text)
    typed.notes_new_title = typed.notes_new_text = ""
    _ask_something()


def _ask_something() -> None:
    """The app's first prompt holds its own answer, so notes would change nothing: keep only its
    question."""
    if st.session_state.get("prompt") == DEFAULT_PROMPT:
        st.session_state.prompt = QUESTION
        live_prompt.overwrite("prompt_box", QUESTION)


def _import() -> None:
    files = st.file_uploader(
        "Text, Markdown, PDF, or notes exported here", accept_multiple_files=True,
        key=f"notes_files {st.session_state.get('notes:imports', 0)}", max_upload_size=50,
    )
    st.button("Keep as notes", key="notes_import_go", type="primary", disabled=not files,
              on_click=_line_up, args=(files,))


def _line_up(files) -> None:
    """These files are to be read; the box that held them begins anew."""
    waiting = st.session_state.setdefault("notes:waiting", [])
    waiting += [(file.name, file.getvalue()) for file in files]
    st.session_state["notes:imports"] = st.session_state.get("notes:imports", 0) + 1
    _ask_something()


def _read_files() -> None:
    """Read the files that wait, each until it is kept or refused: a keystroke that ends this run
    loses none, the next run begins that file again."""
    waiting = st.session_state.get("notes:waiting")
    if not waiting:
        return
    bar = st.progress(0.0, "Reading …")
    while waiting:
        name, content = waiting[0]
        try:
            odd = run.import_file(name, content, partial(_show_pages, bar, name))
            _add_to("notes:news", odd or f"“{name}” is kept as a note.")
        except ValueError as problem:
            _add_to("notes:trouble", " ".join(str(problem).split()))
        except Exception:  # a mistake of ours: the file would be read again at every run of the page
            logging.getLogger(__name__).exception("a notes file could not be read")
            _add_to("notes:trouble", f"“{name}” could not be read and is left out. Choose another file.")
        del waiting[0]
    bar.empty()


def _add_to(key: str, words: str) -> None:
    """One more sentence for the visitor, on a line of its own."""
    words = words[:1].upper() + words[1:].rstrip(".") + "."
    st.session_state[key] = "\n".join(filter(None, [st.session_state.get(key, ""), words]))


def _show_pages(bar, name: str, pages: tuple[int, int]) -> None:
    done, total = pages
    bar.progress(done / total, f"{name}: page {done:,} of {total:,}")


def _settings() -> None:
    config = visit.checkpoint().model.config
    st.slider("Passages put into the prompt", 0, 8, **holding(choice.N))
    st.selectbox("Ranked by", list(choice.RANKINGS), format_func=choice.RANKINGS.get,
                 **holding(choice.RANKING))
    st.select_slider("Size of a passage, in tokens at most", list(choice.SIZES),
                     **holding(choice.SIZE))
    st.session_state["notes:layer"] = choice.layer(config.n_layer)  # another model has others
    st.number_input(
        "Layer whose mean hidden state is a text's vector", 0, config.n_layer, key="notes:layer",
        disabled=bool(choice.folder()),
        on_change=lambda: choose(choice.LAYER, st.session_state["notes:layer"]),
        help=f"0: the embeddings; {config.n_layer}: after the last block. The mean leaves out "
        "<|endoftext|>. Another layer, model or size makes another index.",
    )
    st.text_input(
        "Or the folder of a sentence-embedding model", max_chars=1000,
        placeholder="/path/with/config.json and model.safetensors", **holding(choice.FOLDER),
        help="A GPT was trained to continue texts, not to compare them: a model trained for that "
        "finds more. Only safetensors are read, and no code of the folder runs.",
    )
    offered = run.variants()
    if len(offered) > 1:
        choose(choice.VARIANT, choice.variant(offered))
        st.selectbox("The network's own memory in “Five memories”", offered,
                     **holding(choice.VARIANT))


def _manage(now) -> None:
    st.download_button(
        "Export all notes (JSON)", partial(run.export, now.file), "notes.json", key="notes_export",
        on_click="ignore", disabled=not now.n_notes,
        help="One file with every note; Import files reads it back",
    )
    if not now.may_change:
        return
    sure = st.checkbox(f"Yes, remove all {now.n_notes:,} notes", key="notes_sure",
                       disabled=not now.n_notes)
    st.button("Remove all notes", key="notes_remove_all", disabled=not sure or not now.n_notes,
              on_click=doing(_remove_all))


def _remove_all() -> None:
    run.delete_all()
    st.session_state.notes_sure = False


def _sentence(problem: str) -> str:
    """A problem as Markdown that shows it literally: a capital first, a full stop last."""
    text = problem.strip()
    text = text[:1].upper() + text[1:].rstrip(".") + "."
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>#$:~|" else c for c in text)
