"""Cut edges from a typed token to a told one as a word of the link: "7-1.11l2h5_6-1.11".

Token 7 of the prompt, to token 11 of prompt 1, in layer 2 head 5; without a head, the layer; without
both, all layers. Knows no memory: whether a told token is read is run.py's to say.
"""

import re
from dataclasses import dataclass
from typing import Any

MOST = 40  # edges in a link
_EDGE = re.compile(r"(\d{1,6})-(\d{1,6})\.(\d{1,6})(?:l(\d{1,4})(?:h(\d{1,4}))?)?", re.ASCII)


@dataclass(frozen=True)
class SlotEdge:
    """query: a token of the prompt, counted without <|endoftext|>; place: prompt, from 1, and position
    of the told token; layer, head: where it is cut, None: in all."""

    query: int
    place: tuple[int, int]
    layer: int | None = None
    head: int | None = None


class SlotEdges:
    """A list of at most MOST SlotEdges."""

    def read(self, said: str) -> list[SlotEdge]:
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
            isinstance(edge, SlotEdge) for edge in value)

    def words(self) -> str:
        """What a link may say, in words."""
        return f"at most {MOST} cuts such as “7-1.11l2h5”"


def _read(part: str) -> SlotEdge:
    found = _EDGE.fullmatch(part)
    if found is None:
        raise ValueError(part)
    query, prompt, position, layer, head = (None if x is None else int(x) for x in found.groups())
    return SlotEdge(query, (prompt, position), layer, head)


def _written(edge: SlotEdge) -> str:
    layer = "" if edge.layer is None else f"l{edge.layer}"
    head = "" if edge.head is None else f"h{edge.head}"
    return f"{edge.query}-{edge.place[0]}.{edge.place[1]}{layer}{head}"


def in_words(edge: SlotEdge, typed: list[str], told: dict[tuple[int, int], str]) -> str:
    """An edge for the visitor; typed: the prompt's tokens, which may lack its own; told: place ->
    token."""
    query = f"{typed[edge.query]} ({edge.query})" if edge.query < len(typed) else f"token {edge.query}"
    where = "all layers" if edge.layer is None else f"layer {edge.layer}"
    where += "" if edge.head is None else f" head {edge.head}"
    return f"{query} → {told.get(edge.place, 'token')} (prompt {edge.place[0]}) in {where}"
