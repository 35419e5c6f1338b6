"""Keys of buttons are no words of a link: setting a button from the address raises an exception."""

import ast
from pathlib import Path

from components.frame import address

ROOT = Path(__file__).parents[3]
BUTTONS = {"button", "download_button", "form_submit_button", "link_button"}


def keys_of_buttons(text: str):
    """The key of every call of a button in a Python source, where it is written as a text."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and (
                node.func.attr in BUTTONS):
            for given in node.keywords:
                if given.arg == "key" and isinstance(given.value, ast.Constant):
                    yield given.value.value


def test_no_button_has_the_name_of_a_link_parameter():
    words = {*address.WORDS, *address.NUMBERS, *address.FLAGS}
    sources = [*ROOT.glob("pages/*.py"), *ROOT.glob("components/**/*.py")]
    found = {key for path in sources for key in keys_of_buttons(path.read_text())}
    assert len(found) > 10 and not found & words
