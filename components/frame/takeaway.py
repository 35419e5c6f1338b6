"""The menu "Take away", on every page: each picture as PNG, SVG, CSV and NPZ, and the page's link.

The browser draws the files of a picture; the server is asked only for exact numbers, and only when a
visitor wants them. Knows no page's content.
"""

import json
from collections.abc import Callable
from functools import partial

import numpy as np
import streamlit as st
from plotly.offline import get_plotlyjs

from components.frame import results, shared_link, visit
from components.kit import assets, canvas
from components.kit.export import offers, table
from model.takeaway import memory_reads, notebook, trace_file

KEY = "takeaway"
NO_NOTEBOOK = "This view has no notebook. Take its pictures' numbers as CSV or NPZ."
_mount = assets.component("takeaway", "frame/takeaway", '<div class="menu picture"></div>')
FILES: dict[str, Callable[[table.Table], bytes]] = {"csv": table.as_csv, "npz": table.as_npz}


@st.fragment
def show(page: str, left_out: list[str]) -> None:
    """Draw the menu; a file that was asked for goes to the browser with it, once. left_out: what the
    page's link does not carry."""
    asked = (st.session_state.get(KEY) or {}).get("ask")
    reply, file = ({}, b"") if not asked else _answer(asked)
    header = {"page": page, "model": visit.checkpoint().name, "reply": reply}
    header["left_out"] = left_out
    data = canvas.pack(header, file=np.frombuffer(file, dtype=np.uint8))
    _mount(key=KEY, data=data, on_ask_change=lambda: None)


def _trace_file() -> bytes:
    """The prompt's trace, and what was told besides."""
    run = visit.trace()
    if run is None:
        raise ValueError("No token yet, so no trace. Type a prompt.")
    (state, settings), chosen = visit.memory(), visit.checkpoint()
    reads = None
    if state is not None:
        try:
            work = partial(memory_reads.of, chosen, state, run.ids, settings)
            reads = results.computed(None, work, doing="Reading the prompt with memory …")
        except ValueError:  # it does not fit beside the memory: the file holds both, and no reads
            reads = None
    return trace_file.as_bytes(chosen, run, visit.prompt().text, state, reads)


def _notebook() -> bytes:
    """The picture's numbers, to be computed without this program."""
    wanted = offers.wanted_notebook()
    if not wanted.name:
        raise ValueError(wanted.why_not or NO_NOTEBOOK)
    run, text = (visit.trace(), visit.prompt().text) if wanted.run is None else wanted.run()
    if run is None and wanted.name not in notebook.WITHOUT_PROMPT:
        raise ValueError("No token yet, so nothing to compute. Type a prompt.")
    work = partial(notebook.made, visit.checkpoint(), run, text, wanted.name, wanted.where)
    return results.computed(None, work, doing="Computing what the notebook has to find …")


def _page_parts(needs: dict) -> bytes:
    """What the browser puts into a file of the whole page: scripts of our pictures, and Plotly's."""
    parts = {name: assets.parts_of(name) for name in needs["components"]}
    plotly = get_plotlyjs() if needs["has_charts"] else ""
    return json.dumps({"components": parts, "plotly": plotly}).encode()


PAGE_FILES: dict[str, Callable[[], bytes]] = {"trace": _trace_file, "notebook": _notebook}


def _answer(asked: dict) -> tuple[dict, bytes]:
    """asked: its number, the kind of file, and the picture's key or the link -> what the browser is
    told, and the file; b"" where the picture offers none, or with the sentence that says why not."""
    reply = {"number": asked["number"]}
    try:
        if asked["kind"] == "qr":
            link, words = shared_link.for_the_room(asked["link"])
            return reply | {"link": link, "words": words}, shared_link.qr_code(link)
        if asked["kind"] == "link":
            link, words = shared_link.for_the_room(asked["link"])
            return reply | {"link": link, "words": words}, b""
        if asked["kind"] == "page":
            return reply, _page_parts(asked["needs"])
        if asked["kind"] in PAGE_FILES:
            return reply, PAGE_FILES[asked["kind"]]()
        found = offers.numbers(asked["picture"])
        return reply, b"" if found is None else FILES[asked["kind"]](found)
    except ValueError as problem:
        return reply | {"problem": str(problem)}, b""
    finally:
        visit.let_go()
