"""Every page offers the menu "Take away", and a keystroke makes no file."""

import json
import runpy
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from components import declared
from components.kit.export import table
from components.memory import choice as memory
from tests.app import tree
from tests.waiting import PATIENCE_S

TOLD = memory.TOLD.kind.write([("My name is James Theory. I live in New York.", {})])
PAGES = sorted(path.stem for path in (Path(__file__).parents[2] / "pages").glob("*.py"))


def opened(page: str, **link) -> AppTest:
    app = AppTest.from_file("../../app.py", default_timeout=PATIENCE_S)
    for name, value in link.items():
        app.query_params[name] = value
    app.run()
    return app.switch_page(f"pages/{page}.py").run()


@pytest.mark.parametrize("where", PAGES)
def test_every_page_offers_the_menu(where):
    app = opened(where)
    assert not app.exception
    assert [name for name, *_ in tree.components(app)].count("takeaway") == 1
    told = tree.sent(app, "takeaway")
    assert told["model"] == "embedded" and told["reply"] == {} and len(told["file"]) == 0


def test_without_a_prompt_the_menu_stands_too():
    app = opened("attention", prompt="")
    assert not app.exception and tree.sent(app, "takeaway")["page"] == "Attention"


def test_drawing_a_page_makes_no_table(monkeypatch):
    """What a picture offers costs nothing until somebody asks for it."""

    def refused(*_, **__):
        raise AssertionError("a table was made that nobody asked for")

    monkeypatch.setattr(table.Table, "__post_init__", refused)
    for page in ("attention", "prediction", "cache", "memory", "tokens", "residual"):
        assert not opened(page).exception


VIEW_NAMES = {"anatomy", "tokens", "view", "memory_view", "recall_view", "notebook_view", "residual_view",
              "prediction", "compare", "cache", "positions", "training_view"}
WITHOUT = {  # page, view -> what is said of it in place of a notebook
    ("cache", "time"): "how long this machine took", ("cache", "bytes"): "products of the sizes",
    ("notebook", "five"): "five pages", ("notebook", "notes"): "No model numbers",
    ("recall", "curves"): "hundreds of runs", ("recall", "tasks"): "hundreds of runs",
    ("recall", "file"): "a probe of its own", ("recall", "board"): "hundreds of runs",
    ("training", "curves"): "recorded during a training", ("training", "new"): "No model numbers",
    ("training", "lesson"): "No model numbers", ("lessons", ""): "No model numbers",
}
LINKS = {  # what a page's link says besides
    "memory": {"prompt": "Where do I live? I live in", "memory_told": TOLD},
    "compare": {"other_prompt": "one six three one six"},
    "recall": {"recall_words": "1.6"}, "prediction": {"temperature": "0.7", "top_k": "5"},
}


def notebook_of(app: AppTest) -> tuple[str, bytes]:
    """What the menu answers to a click on Notebook: why there is none, and the file."""
    app.session_state["takeaway"] = {"ask": {"number": 1, "kind": "notebook"}}
    app.run()
    assert not app.exception
    told = tree.sent(app, "takeaway")
    return told["reply"].get("problem", ""), bytes(told["file"])


def found_by(content: bytes, folder: Path) -> dict:
    """A notebook's cells, run from top to bottom in an empty namespace -> what it found."""
    path = folder / "cells.py"
    cells = json.loads(content)["cells"]
    path.write_text("\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code"))
    return runpy.run_path(str(path))["found"]


@pytest.mark.slow
@pytest.mark.parametrize("where", declared.BY_PAGE)
def test_every_view_has_a_notebook_that_finds_its_numbers_or_says_why_not(where, tmp_path):
    view = next((one for one in declared.BY_PAGE[where] if one.name in VIEW_NAMES), None)
    app = opened(where, **{"prompt": "one two three one two"} | LINKS.get(where, {}))
    if where == "notebook":
        next(one for one in app.button if str(one.key).startswith("notes show")).click().run()
    for shown in [""] if view is None else view.kind.titles:
        if view is not None:
            app.session_state[view.name] = shown
            app.run()
        problem, content = notebook_of(app)
        assert WITHOUT.get((where, shown), "") in problem, (shown, problem)
        assert bool(content) != ((where, shown) in WITHOUT), (shown, problem)
        assert not content or found_by(content, tmp_path), shown


def test_while_nothing_is_told_the_menu_says_what_to_do():
    problem, content = notebook_of(opened("memory", prompt=""))
    assert "type a prompt" in problem and content == b""


def test_what_needs_no_prompt_has_a_notebook_without_one(tmp_path):
    problem, content = notebook_of(opened("tokens", prompt="", tokens="neighbours"))
    assert problem == "" and found_by(content, tmp_path)["ids"]
