"""Every page offers the menu "Take away", and a keystroke makes no file."""

import json
import runpy
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

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


NOTEBOOKS = [  # page, what is chosen there
    ("start", {}), ("anatomy", {"anatomy": "map"}), ("tokens", {"tokens": "vectors"}),
    ("attention", {"layer": "1"}), ("residual", {"residual_view": "Stream"}),
    ("prediction", {"temperature": "0.7", "top_k": "5"}), ("cache", {}), ("positions", {}),
    *(("memory", {"memory_view": view, "prompt": "Where do I live? I live in", "memory_told": TOLD})
      for view in ("reads", "weights", "slots", "writes", "gates")),
    ("recall", {"recall_view": "probe"}), ("recall", {"recall_view": "cause", "recall_words": "1.6"}),
]


def notebook_of(app: AppTest) -> tuple[str, bytes]:
    """What the menu answers to a click on Notebook: why there is none, and the file."""
    app.session_state["takeaway"] = {"ask": {"number": 1, "kind": "notebook"}}
    app.run()
    assert not app.exception
    told = tree.sent(app, "takeaway")
    return told["reply"].get("problem", ""), bytes(told["file"])


@pytest.mark.parametrize("where, link", NOTEBOOKS)
def test_the_notebook_of_a_page_finds_its_numbers(where, link, tmp_path):
    """Its code runs from top to bottom in an empty namespace."""
    problem, content = notebook_of(opened(where, **{"prompt": "one two three one two"} | link))
    assert problem == ""
    path = tmp_path / "cells.py"
    cells = json.loads(content)["cells"]
    path.write_text("\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code"))
    assert runpy.run_path(str(path))["found"]


@pytest.mark.parametrize("where, link, why", [
    ("training", {}, "This view has no notebook"),
    ("recall", {"recall_view": "curves"}, "python -m model recall curves"),
    ("memory", {"prompt": ""}, "type a prompt"),
])
def test_what_has_no_notebook_says_why(where, link, why):
    problem, content = notebook_of(opened(where, **link))
    assert why in problem and content == b""
