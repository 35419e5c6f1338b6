"""Cut edges as a word of the link: "22-11l3h6_9-4x0.5": query and key, where, times what.

Knows no prompt: whether an edge exists is model.analysis.cutting's to say.
"""

import re
from typing import Any

from components.frame.choices import Decimal
from model.run.cut_edges import CutEdge

MOST = 40  # edges in a link
_EDGE = re.compile(r"(\d{1,6})-(\d{1,6})(?:l(\d{1,4})(?:h(\d{1,4}))?)?(?:x(.+))?", re.ASCII)
_FACTOR = Decimal(-10, 10)


class Cuts:
    """A list of at most MOST CutEdges between tokens."""

    def read(self, said: str) -> list[CutEdge]:
        """A link's word as edges. Raises ValueError for another word."""
        found = [_read(part) for part in said.split("_") if part]
        if not self.allows(found):
            raise ValueError(said)
        return found

    def write(self, value: Any) -> str:
        """Edges as a link's word."""
        return "_".join(map(_written, value))

    def allows(self, value: Any) -> bool:
        """Whether the page may hold this value."""
        return isinstance(value, list) and len(value) <= MOST and all(
            isinstance(edge, CutEdge) and edge.key <= edge.query for edge in value)

    def words(self) -> str:
        """What a link may say, in words."""
        return f"at most {MOST} cuts such as “3-1l2h0_3-0x0.5”"


def _read(part: str) -> CutEdge:
    found = _EDGE.fullmatch(part)
    if found is None:
        raise ValueError(part)
    query, key, layer, head = (None if text is None else int(text) for text in found.groups()[:4])
    factor = None if found[5] is None else float(_FACTOR.read(found[5]))
    return CutEdge(query, key, layer, head, factor)


def _written(edge: CutEdge) -> str:
    layer = "" if edge.layer is None else f"l{edge.layer}"
    head = "" if edge.head is None else f"h{edge.head}"
    factor = "" if edge.factor is None else f"x{_FACTOR.write(edge.factor)}"
    return f"{edge.query}-{edge.key}{layer}{head}{factor}"


def in_words(edge: CutEdge, tokens: list[str]) -> str:
    """An edge for the visitor; tokens: T strings, of a prompt that may lack its tokens."""
    names = [f"{tokens[i]} ({i})" if i < len(tokens) else f"token {i}" for i in (edge.query, edge.key)]
    where = "all layers" if edge.layer is None else f"layer {edge.layer}"
    where += "" if edge.head is None else f" head {edge.head}"
    how = "cut" if edge.factor is None else f"score × {_FACTOR.write(edge.factor).replace('-', '−')}"
    return f"{names[0]} → {names[1]} in {where}: {how}"
