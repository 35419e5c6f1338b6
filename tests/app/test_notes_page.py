"""The notes page without a browser: what it says is what the file, the search and the model say."""

import io
import json
import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from components.frame import whose
from model.disk.home import home
from model.loading import checkpoint
from model.notes import index, search
from model.notes.embedding_text import HiddenStates
from model.notes.note import Draft, path
from model.notes.prompt import build
from model.notes.store import opened
from model.recall import five_answers
from model.recall.note_examples import EXAMPLES
from model.run import tokens
from tests.app import tree
from tests.waiting import PATIENCE_S

QUESTION = "Where do I live? I live in"
HOSTILE = "<script>alert(1)</script> **b** `a` $x^2$ [a](b) \u202e abc </script> \x00 🧠 שלום."
VIEWS = ("answer", "five", "notes")


@pytest.fixture(scope="module")
def loaded():
    return checkpoint.load("embedded")


@pytest.fixture
def app():
    return AppTest.from_file("../../app.py", default_timeout=PATIENCE_S)


def keep(*texts, source="typed"):
    with opened() as store:
        return store.add([Draft("", text, source) for text in texts])


def kept():
    with opened() as store:
        return [note.text for note in store.notes()]


def open_page(app, prompt=QUESTION, view="answer"):
    app.query_params["prompt"] = prompt
    app.switch_page("pages/notebook.py")
    app.session_state["notebook_view"] = view
    app.run()
    assert not app.exception
    return app


def ask(app, prompt, view="answer"):
    app.session_state["prompt"], app.session_state["notebook_view"] = prompt, view
    app.run()
    assert not app.exception
    return app


def drawn(app):
    """The page's HTML as words: tags, and what is written only on hover, left out."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", tree.html(app)))


def cards(app):
    """Name of a memory -> the words of its card."""
    found = re.split(r'data-memory="(\w+)"', tree.html(app))
    return {name: re.sub(r"<[^>]+>", " ", body) for name, body in zip(found[1::2], found[2::2])}


def test_the_first_visit_is_one_click_and_can_be_removed(app):
    open_page(app, prompt="")
    assert "No notes yet" in " ".join(m.value for m in app.markdown)
    app.button(key="notes show James Theory").click().run()
    assert not app.exception and app.session_state["prompt"] == QUESTION
    assert kept() == list(EXAMPLES[0].texts)
    assert "New York." in drawn(app)
    keep("My own note.")
    app.run()
    app.button(key="notes_remove_examples").click().run()
    assert not app.exception and kept() == ["My own note."]


def test_the_page_says_what_the_models_side_says(app, loaded):
    keep(*EXAMPLES[0].texts)
    open_page(app)
    made = index.Maker(loaded, 64, HiddenStates(loaded, 3))
    with opened() as store:
        vector = made.embedder.embed([QUESTION])[0]
        found = search.search(store, made, QUESTION, vector, 8)
    prompt = build(loaded, QUESTION, [c.text for c in found[:3]], 16)
    shown = drawn(app)
    for c in found:
        assert c.text in shown and f"{c.cosine:.3f}" in shown and f"{c.fused:.4f}" in shown
        assert c.bm25 is None or f"{c.bm25:.3f}" in shown
    for part in prompt.parts:
        if part.of is not None:
            assert f"in the prompt, tokens {part.start} to {part.stop - 1}" in shown
    names = " ".join(tokens.display(loaded.tokenizer, prompt.ids[1:]))
    marks = re.sub(r"(note \d: .*?|your question) · \d+ tokens?", "", shown)
    assert names.replace(" ", "") in marks.replace(" ", "")
    assert f"{prompt.n_note_tokens} for the notes" in shown
    assert f"{len(prompt.ids) - prompt.n_note_tokens} for the question" in shown
    for ids in (prompt.ids, five_answers.alone(loaded, QUESTION).ids):
        assert five_answers.answer(loaded, ids).text.strip() in shown


def test_five_memories_side_by_side(app):
    keep(*EXAMPLES[1].texts)
    found = cards(open_page(app, view="five"))
    assert list(found) == ["weights", "prompt", "cache", "memory", "notes"]
    assert "New York." in found.pop("notes")
    assert all("New York." not in words for words in found.values())
    assert "of 91 notes" in found["prompt"] and "of 91 notes" in found["memory"]
    assert re.search(r"from the prompt&#x27;s: (0|\d × 10⁻[⁴-⁹])\.", found["cache"])
    bold = re.search(r"(\d+)\s+of 512 tokens", found["prompt"])[1]
    assert bold == re.search(r"(\d+)\s+of 512 tokens", found["cache"])[1]
    assert "9 of 512 tokens" in re.sub(r"\s+", " ", found["memory"])


def test_no_note_in_the_prompt_is_the_question_alone(app):
    keep(*EXAMPLES[0].texts)
    app.session_state["notes_n"] = 0
    open_page(app)
    assert "0 for the notes" in drawn(app)
    first, second = re.findall(r"1\.45em[^>]*>(?:<bdi>)?([^<]+)", tree.html(app))
    assert first == second


def test_ranked_by_words_alone(app):
    keep(*EXAMPLES[0].texts)
    app.session_state["notes_ranking"] = "words"
    open_page(app, "Tell me of Whiskers")
    assert "My name is James Theory." not in drawn(app) and "Whiskers" in drawn(app)


def test_a_note_is_typed_changed_and_removed(app):
    open_page(app, prompt="")
    app.text_area(key="notes_new_text").set_value("I live in Oslo.").run()
    app.button(key="notes_keep").click().run()
    assert kept() == ["I live in Oslo."] and app.text_area(key="notes_new_text").value == ""
    with opened() as store:
        number = store.notes()[0].id
    app.session_state["notes_note"] = number
    ask(app, QUESTION, "notes")
    app.text_area(key=f"notes_text {number}").set_value("I live in Lima.").run()
    app.button(key="notes_save").click().run()
    assert kept() == ["I live in Lima."]
    assert "Lima" in drawn(ask(app, QUESTION)) and "Oslo" not in drawn(app)
    ask(app, QUESTION, "notes")
    app.button(key="notes_remove").click().run()
    assert kept() == [] and not app.exception


def test_a_change_elsewhere_is_not_overwritten(app):
    (number,) = keep("I live in Oslo.")
    app.session_state["notes_note"] = number
    open_page(app, view="notes")
    with opened() as store:
        store.edit(store.note(number), "", "I live in Rome.")
    app.text_area(key=f"notes_text {number}").set_value("I live in Lima.").run()
    app.button(key="notes_save").click().run()
    assert "changed meanwhile" in app.error[0].value and kept() == ["I live in Rome."]
    assert app.text_area(key=f"notes_text {number}").value == "I live in Lima."
    app.button(key="notes_copy").click().run()
    assert kept() == ["I live in Rome.", "I live in Lima."]


def test_a_blank_note_is_refused_in_one_sentence(app):
    open_page(app, prompt="")
    app.text_area(key="notes_new_text").set_value("  \n").run()
    app.button(key="notes_keep").click().run()
    assert "some text" in app.error[0].value and kept() == [] and not app.exception


def test_a_file_that_we_fail_to_read_locks_nobody_out(app, monkeypatch):
    from components.notes import run

    def broken(name, content):
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(run, "import_file", broken)
    open_page(app)
    app.file_uploader(key="notes_files 0").set_value([("odd.txt", b"I live in Rome.", "text/plain")]).run()
    app.button(key="notes_import_go").click().run()
    assert not app.exception and any("“odd.txt” could not be read" in e.value for e in app.error)
    app.run()
    assert not app.exception and not app.error


def test_files_are_imported_and_bad_ones_named(app):
    open_page(app)
    app.file_uploader(key="notes_files 0").set_value([
        ("good.md", b"# Home\n\nI live in Oslo.", "text/markdown"),
        ("bad.bin", b"\x9f\x00\xfe", "application/octet-stream"),
        ("scan.pdf", _blank_pdf(), "application/pdf"),
    ]).run()
    app.button(key="notes_import_go").click().run()
    assert not app.exception and kept() == ["Home\nI live in Oslo."]
    said = [error.value.replace("\\", "") for error in app.error]  # a line for each file
    assert "“bad.bin”: neither text" in said[0]
    assert "“scan.pdf”: this PDF holds no text on its 1 page." in said[1]
    assert app.info[0].value == "“good.md” is kept as a note."
    assert "Oslo" in drawn(app)


def _blank_pdf():
    import pypdf

    writer, out = pypdf.PdfWriter(), io.BytesIO()
    writer.add_blank_page(100, 100)
    writer.write(out)
    return out.getvalue()


def test_export_and_remove_all(app):
    from components.notes import run

    keep("One.", "Two 🧠.")
    open_page(app)
    told = json.loads(run.export(str(path())))
    assert [n["text"] for n in told["notes"]] == ["One.", "Two 🧠."]
    assert app.button(key="notes_remove_all").disabled
    app.checkbox(key="notes_sure").check().run()
    app.button(key="notes_remove_all").click().run()
    assert kept() == [] and not app.exception
    assert "No notes yet" in " ".join(m.value for m in app.markdown)


def test_a_notes_file_that_cannot_be_used_is_one_sentence(app, monkeypatch, tmp_path):
    file = tmp_path / "bad" / "notes.sqlite3"
    file.parent.mkdir()
    file.write_bytes(b"no database " * 99)
    monkeypatch.setenv("MNEMOSCOPE_HOME", str(file.parent))
    open_page(app)
    assert "no notes file" in app.error[0].value and file.read_bytes() == b"no database " * 99
    monkeypatch.setenv("MNEMOSCOPE_HOME", "/proc/nowhere")
    app.run()
    assert "cannot be read or written" in app.error[0].value and not app.exception


def test_somebody_else_writing_costs_a_sentence(app):
    keep("One.")
    open_page(app)
    app.text_area(key="notes_new_text").set_value("Two.").run()
    with opened() as other, other.writing():
        app.button(key="notes_keep").click().run()
        assert app.error[0].value.startswith("Another program is writing")
        assert app.text_area(key="notes_new_text").value == "Two." and not app.exception
    app.button(key="notes_keep").click().run()
    assert kept() == ["One.", "Two."]


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("prompt", ["", "a", HOSTILE, "word " * 700])
def test_no_prompt_breaks_a_view(app, view, prompt):
    keep(HOSTILE, "I live in Oslo.", "word " * 900)
    open_page(app, prompt, view)
    assert not app.error and "<script>" not in tree.html(app)


def test_a_small_passage_size_makes_more_passages(app):
    keep("I live in Oslo. " + "It rains. " * 40)
    app.session_state["notes_size"] = 16
    open_page(app)
    assert drawn(app).count("It rains.") > 8


def test_a_folder_of_the_server_opens_only_for_its_owner(app, monkeypatch):
    keep("I live in Oslo.")
    monkeypatch.setattr(whose, "is_owner", lambda: False)
    monkeypatch.setattr(whose, "folder", home)
    app.session_state["notes_folder"] = str(Path("/etc"))
    open_page(app)
    assert "only for its owner" in app.error[0].value
