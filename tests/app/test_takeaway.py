"""Every page offers the menu "Take away", and a keystroke makes no file."""

import json
import runpy
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from components.kit.export import table
from model.loading import checkpoint
from model.run import tokens, trace
from model.takeaway import notebook
from tests.app import tree
from tests.waiting import PATIENCE_S

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


NOTEBOOKS = {  # page -> what is chosen there
    "start": {}, "anatomy": {"anatomy": "map"}, "tokens": {"tokens": "vectors"}, "attention": {"layer": "1"},
    "residual": {"residual_view": "Stream"}, "prediction": {"temperature": "0.7", "top_k": "5"}, "cache": {},
    "positions": {},
}


@pytest.mark.parametrize("where", NOTEBOOKS)
def test_the_notebook_of_a_page_finds_its_numbers(where, tmp_path):
    """Its code runs from top to bottom in an empty namespace."""
    app = opened(where, prompt="one two three one two", **NOTEBOOKS[where])
    name, chosen = app.session_state["what a notebook computes"]
    whole = checkpoint.load("embedded")
    run = trace.run(whole, tokens.encode(whole.tokenizer, "one two three one two"))
    cells = json.loads(notebook.made(whole, run, "", name, chosen))["cells"]
    path = tmp_path / "cells.py"
    path.write_text("\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code"))
    assert runpy.run_path(str(path))["found"]


def test_a_page_without_a_notebook_has_none():
    assert opened("training").session_state["what a notebook computes"] is None
