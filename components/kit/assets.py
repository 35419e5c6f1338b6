"""Components of ours on their way to the browser: styles, and a module with all that it imports.

Streamlit hands a component's script to the browser as text, where `import` finds no files. So each
imported module becomes a function that runs once and hands back what the module exports.
"""

import posixpath
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

_COMPONENTS = Path(__file__).parents[1]
_IMPORT = re.compile(r'^import (\{[^}]*\}) from "(\.[^"]+)";$', re.MULTILINE)
_SPARED = re.compile(r"^ +|^ *//.*\n", re.MULTILINE)  # a script goes with each message: a fifth less
_EXPORT = re.compile(r"^export (?=(?:const|class|(?:async )?function\*?) (\w+))", re.MULTILINE)

_DEFAULT = re.compile(r"^export default ", re.MULTILINE)
# What was sent last stays with the element, so that the page can be kept as a file (export/offline.js).
_KEEP = """export default (given) => {
given.parentElement.taken = { name: "%s", data: given.data };
return shown(given);
};"""
_MADE: dict[str, tuple[str, str, str]] = {}  # name -> script, HTML, CSS of every component


def component(name: str, script_name: str, html: str, css: str = ""):
    """Streamlit's mounting function. The script is a module below components/, without its .js;
    the style sheet stands beside it where `css` names no other."""
    style = text(css or f"{script_name}.css")
    _MADE[name] = (script_name, html, style)
    shown = _DEFAULT.sub("const shown = ", script(f"{script_name}.js"))
    mount = st.components.v2.component(
        f"mnemoscope_{name}", html=html, css=style, js=f"{shown}\n{_KEEP % name}"
    )
    return partial(_mounted, mount)


def _mounted(mount: Callable, *, key: str, **given: Any):
    heard = {name: partial(_hear, key, tell) for name, tell in given.items()
             if name.startswith("on_") and name.endswith("_change")}
    return mount(key=key, **given | heard)


def _hear(key: str, tell: Callable[[], None]) -> None:
    """Call tell(), which reads what happened in session state under `key`. Where a late message of the
    page before came between a page and its first click, Streamlit has dropped the component's state but
    not the click; with a state, however empty, the click is there again."""
    if key not in st.session_state:
        st.session_state[key] = {}
    tell()


def parts_of(name: str) -> dict[str, str]:
    """What a file needs to show a component without Streamlit: its HTML, its CSS, and a script whose
    body returns what the module exports as default. Raises ValueError for a name that was not made."""
    if name not in _MADE:
        raise ValueError(f"No component {name[:40]!r} was made here. Reload the page.")
    script_name, html, style = _MADE[name]
    shown = _DEFAULT.sub("const shown = ", script(f"{script_name}.js"))
    return {"html": html, "css": style, "script": f"{shown}\nreturn shown;"}


def text(name: str) -> str:
    """A file of ours, by its path below components/."""
    return (_COMPONENTS / name).read_text(encoding="utf-8")


def script(name: str) -> str:
    """A module, by its path below components/, behind every module that it imports."""
    modules: dict[str, str] = {}
    own = _linked(name, modules)
    return _SPARED.sub("", "\n".join([*modules.values(), own]))


def library(name: str) -> str:
    """What a module exports, as a constant of its name: kit/canvas.js -> kit_canvas."""
    modules: dict[str, str] = {}
    _add(name, modules)
    return "\n".join(modules.values())


def _linked(name: str, modules: dict[str, str]) -> str:
    """A module's text that takes what it imports from `modules`, where this puts it first."""

    def link(found: re.Match) -> str:
        names, path = found.groups()
        imported = posixpath.normpath(posixpath.join(posixpath.dirname(name), path))
        if imported not in modules:
            _add(imported, modules)
        return f"const {names.replace(' as ', ': ')} = {_constant(imported)};"

    return _IMPORT.sub(link, text(name))


def _add(name: str, modules: dict[str, str]) -> None:
    own = _linked(name, modules)
    body, names = _EXPORT.sub("", own), ", ".join(_EXPORT.findall(own))
    modules[name] = f"const {_constant(name)} = (() => {{\n{body}\nreturn {{ {names} }};\n}})();"


def _constant(name: str) -> str:
    return re.sub(r"\W", "_", name.removesuffix(".js"))
