"""A list of cut edges as a word of the link: "22-11l3h6_9-4", edges with underscores between.

What the edges of the prompt and those to told tokens share: the list, and where an edge is cut.
Knows no prompt and no memory: whether an edge exists is the model's to say.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

WHERE = r"(?:l(\d{1,4})(?:h(\d{1,4}))?)?"  # in a pattern: layer and head; without both, all layers


class Edge(Protocol):
    """layer, head: where it is cut, None: in all."""

    @property
    def layer(self) -> int | None: ...

    @property
    def head(self) -> int | None: ...


@dataclass(frozen=True, eq=False)
class EdgeList:
    """A list of at most `most` edges.

    read_one: one edge's part of the word -> the edge; raises ValueError for another text; write_one:
    its inverse; allows_one: whether the page may hold it; example: edges as a link says them.
    """

    read_one: Callable[[str], Any]
    write_one: Callable[[Any], str]
    allows_one: Callable[[Any], bool]
    example: str
    most: int = 40

    def read(self, said: str) -> list:
        found = [self.read_one(part) for part in said.split("_") if part]
        if not self.allows(found):
            raise ValueError(said)
        return found

    def write(self, value: Any) -> str:
        return "_".join(map(self.write_one, value))

    def allows(self, value: Any) -> bool:
        return isinstance(value, list) and len(value) <= self.most and all(map(self.allows_one, value))

    def words(self) -> str:
        return f"at most {self.most} cuts such as “{self.example}”"


def where(edge: Edge) -> str:
    """An edge's layer and head as WHERE reads them."""
    layer = "" if edge.layer is None else f"l{edge.layer}"
    return layer + ("" if edge.head is None else f"h{edge.head}")


def where_in_words(edge: Edge) -> str:
    """Where an edge is cut, for the visitor."""
    layer = "all layers" if edge.layer is None else f"layer {edge.layer}"
    return layer + ("" if edge.head is None else f" head {edge.head}")
