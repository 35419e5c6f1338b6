"""Every page offers the menu "Take away", and a keystroke makes no file."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from components.kit.export import table
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
