"""Values that a declared choice may have, for tests that try every declaration."""

from components.attention import cuts
from components.frame.choices import (
    Cell,
    Cells,
    Choice,
    Decimal,
    Flag,
    OneOf,
    Several,
    Text,
    ValueKind,
    Whole,
)
from components.memory import edges
from components.memory.edges import SlotEdge
from components.memory.told import Tellings
from model.run.cut_edges import CutEdge


def values(kind: ValueKind) -> list:
    """A few values that this kind allows, small ones first."""
    if isinstance(kind, OneOf):
        return list(kind.titles)
    if isinstance(kind, Several):
        names = list(kind.titles)
        return [names[:1], names[-2:], []]
    if isinstance(kind, Whole):
        return [n for n in (1, 2, 0, kind.most) if kind.least <= n <= kind.most]
    if isinstance(kind, Decimal):
        return [kind.least + (kind.most - kind.least) * part for part in (0.25, 0.5)]
    if isinstance(kind, Flag):
        return [True, False]
    if isinstance(kind, Text):
        return ["the", "a b"]
    if isinstance(kind, Cell):
        return [(1, 1), (0, 2)]
    if kind is cuts.KIND:
        return [[CutEdge(5, 2, 1, 0)], [CutEdge(5, 2), CutEdge(4, 1, 2, None, 0.5)]]
    if kind is edges.KIND:
        return [[SlotEdge(5, (1, 3), 1, 0)], [SlotEdge(5, (1, 3)), SlotEdge(4, (1, 2), 2)]]
    if isinstance(kind, Tellings):
        return [[("I live in Rome.", {})]]
    assert isinstance(kind, Cells), kind
    return [[(1, 2)], [(1, 2), (1, 3)]]


def other(one: Choice, now):
    """An allowed value other than `now` and the default."""
    return next(value for value in values(one.kind) if value not in (now, one.default))
