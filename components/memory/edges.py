"""A cut edge from a typed token to a told one as a part of the link: "7-1.11l2h5".

Token 7 of the prompt, to token 11 of prompt 1, in layer 2 head 5. Knows no memory: whether a told
token is read is run.py's to say.
"""

import re
from dataclasses import dataclass
from typing import Any

from components.frame.edge_list import WHERE, EdgeList, where, where_in_words

_EDGE = re.compile(rf"(\d{{1,6}})-(\d{{1,6}})\.(\d{{1,6}}){WHERE}", re.ASCII)


@dataclass(frozen=True)
class SlotEdge:
    """query: a token of the prompt, counted without <|endoftext|>; place: prompt, from 1, and position
    of the told token; layer, head: where it is cut, None: in all."""

    query: int
    place: tuple[int, int]
    layer: int | None = None
    head: int | None = None


def _read(part: str) -> SlotEdge:
    found = _EDGE.fullmatch(part)
    if found is None:
        raise ValueError(part)
    query, prompt, position, layer, head = (None if x is None else int(x) for x in found.groups())
    return SlotEdge(query, (prompt, position), layer, head)


def _write(edge: SlotEdge) -> str:
    return f"{edge.query}-{edge.place[0]}.{edge.place[1]}{where(edge)}"


def _allows(edge: Any) -> bool:
    return isinstance(edge, SlotEdge)


KIND = EdgeList(_read, _write, _allows, "7-1.11l2h5")


def in_words(edge: SlotEdge, typed: list[str], told: dict[tuple[int, int], str]) -> str:
    """An edge for the visitor; typed: the prompt's tokens, which may lack its own; told: place ->
    token."""
    query = f"{typed[edge.query]} ({edge.query})" if edge.query < len(typed) else f"token {edge.query}"
    key = f"{told.get(edge.place, 'token')} (prompt {edge.place[0]})"
    return f"{query} → {key} in {where_in_words(edge)}"
