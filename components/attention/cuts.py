"""A cut edge between two tokens as a part of the link: "9-4l3h6x0.5": query, key, where, times what.

Knows no prompt: whether an edge exists is model.analysis.cutting's to say.
"""

import re
from typing import Any

from components.frame.choices import Decimal
from components.frame.edge_list import WHERE, EdgeList, where, where_in_words
from model.run.cut_edges import CutEdge

_EDGE = re.compile(rf"(\d{{1,6}})-(\d{{1,6}}){WHERE}(?:x(.+))?", re.ASCII)
_FACTOR = Decimal(-10, 10)


def _read(part: str) -> CutEdge:
    found = _EDGE.fullmatch(part)
    if found is None:
        raise ValueError(part)
    query, key, layer, head = (None if text is None else int(text) for text in found.groups()[:4])
    factor = None if found[5] is None else float(_FACTOR.read(found[5]))
    return CutEdge(query, key, layer, head, factor)


def _write(edge: CutEdge) -> str:
    factor = "" if edge.factor is None else f"x{_FACTOR.write(edge.factor)}"
    return f"{edge.query}-{edge.key}{where(edge)}{factor}"


def _allows(edge: Any) -> bool:
    return isinstance(edge, CutEdge) and edge.key <= edge.query


KIND = EdgeList(_read, _write, _allows, "3-1l2h0_3-0x0.5")


def in_words(edge: CutEdge, tokens: list[str]) -> str:
    """An edge for the visitor; tokens: T strings, of a prompt that may lack its tokens."""
    names = [f"{tokens[i]} ({i})" if i < len(tokens) else f"token {i}" for i in (edge.query, edge.key)]
    how = "cut" if edge.factor is None else f"score × {_FACTOR.write(edge.factor).replace('-', '−')}"
    return f"{names[0]} → {names[1]} in {where_in_words(edge)}: {how}"
