"""Link words and widget keys: only a widget that holds a declared choice has the choice's name.

Anything else under a link's word, such as a button, breaks every reload of a link that says it.
"""

import ast
from pathlib import Path

from components import declared
from components.frame import workshop

ROOT = Path(__file__).parents[3]
SOURCES = [*ROOT.glob("pages/*.py"), *ROOT.glob("components/**/*.py")]
FRAMES_OWN = {"prompt", "model"}  # the box's and the model picker's own words of the link
WORDS = {one.name for one in declared.ALL} | FRAMES_OWN


def keys(text: str) -> set[str]:
    """Every key that a call in a Python source is given as a text: key="…" """
    found = set()
    for node in ast.walk(ast.parse(text)):
        for given in getattr(node, "keywords", []) if isinstance(node, ast.Call) else []:
            if given.arg == "key" and isinstance(given.value, ast.Constant):
                found.add(given.value.value)
    return found


def session_words(text: str) -> set[str]:
    """Every key of st.session_state that a Python source names as a text or an attribute."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute) and _is_session(node.value):
            found.add(node.attr)
        elif isinstance(node, ast.Subscript) and _is_session(node.value):
            found |= {node.slice.value} if isinstance(node.slice, ast.Constant) else set()
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and (
                _is_session(node.func.value)):
            found |= {a.value for a in node.args[:1] if isinstance(a, ast.Constant)}
            found |= {given.arg for given in node.keywords}
    return found


def _is_session(node) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "session_state"


def test_no_widget_takes_a_link_word_for_its_key_by_hand():
    found = {key for path in SOURCES for key in keys(path.read_text())}
    assert len(found) > 100 and found & WORDS <= {"model"}  # the box of the model picker


def test_a_choice_is_read_and_written_through_its_declaration():
    found = {name for path in SOURCES for name in session_words(path.read_text())}
    assert len(found) > 30 and not found & {one.name for one in declared.ALL}


def test_every_word_is_declared_once():
    names = [one.name for one in declared.ALL]
    assert len(names) == len(set(names)) and not FRAMES_OWN & set(names)


def test_the_pages_are_those_of_the_folder():
    assert set(declared.BY_PAGE) == {path.stem for path in ROOT.glob("pages/*.py")}


def test_a_workshop_can_open_every_page():
    assert set(workshop.TITLES) == set(declared.BY_PAGE)
