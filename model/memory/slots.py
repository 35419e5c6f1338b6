"""A table of where every memory slot came from and how it was used. Holds no tensors of the
network.

Columns of equal length M, one row per slot; selecting and appending return a new table.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import Field, model_validator

from model.disk.schema import Count, Seconds, Told, checked


class Origin(NamedTuple):
    """A sentence, or part of one, that was folded into a summary slot (model.memory.summarising).

    prompt: its number, from 1; positions, tokens, texts, saliences: of each token, as in Slots;
    around: the sentence.
    """

    prompt: int
    positions: tuple[int, ...]
    tokens: tuple[int, ...]
    texts: tuple[str, ...]
    saliences: tuple[float, ...]
    around: str


@dataclass(frozen=True, eq=False)
class Slots:
    """Provenance and use of M slots.

    prompt (M,): number of the prompt that wrote the slot, from 1; position (M,): of the token in
    it; token (M,): its id; block (M,): slots of one sentence share a number and leave together;
    text, around (M,): the token, and its sentence, as shown; written (M,): seconds since 1970;
    salience (M,); n_reads (M,): prompts that read the slot with at least READ_FLOOR of weight;
    total_read, last_read (M,): read weight in all, and by the latest prompt that read the store;
    pinned (M,) bool: the visitor wants it kept, see eviction; origins (M,): the tuple of Origin of a
    summary slot, () for a slot that one token wrote. A summary's place is that of its most salient
    token.
    """

    prompt: np.ndarray
    position: np.ndarray
    token: np.ndarray
    block: np.ndarray
    text: np.ndarray
    around: np.ndarray
    written: np.ndarray
    salience: np.ndarray
    n_reads: np.ndarray
    total_read: np.ndarray
    last_read: np.ndarray
    pinned: np.ndarray
    origins: np.ndarray

    def __len__(self) -> int:
        return len(self.prompt)

    @property
    def n_tokens(self) -> np.ndarray:
        """How many tokens each slot holds, (M,): 1, or all that were folded into it."""
        sizes = [sum(len(o.positions) for o in every) if every else 1 for every in self.origins]
        return np.array(sizes, dtype=np.int64)

    @property
    def places(self) -> list[tuple[tuple[int, int], ...]]:
        """(prompt, position) of every token that each slot holds, M tuples."""
        own = zip(self.prompt.tolist(), self.position.tolist(), self.origins)
        return [
            tuple((o.prompt, i) for o in every for i in o.positions) if every else ((prompt, position),)
            for prompt, position, every in own
        ]

    def of_prompt(self, number: int) -> np.ndarray:
        """Which slots hold a token of that prompt, (M,) bool."""
        held = [any(p == number for p, _ in places) for places in self.places]
        return np.array(held, dtype=bool)

    def select(self, kept: np.ndarray) -> "Slots":
        """The slots of these indices (or of this mask), in that order."""
        return Slots(**{f.name: getattr(self, f.name)[kept] for f in fields(self)})

    def append(self, other: "Slots") -> "Slots":
        """These slots, then the other ones."""
        pairs = {f.name: (getattr(self, f.name), getattr(other, f.name)) for f in fields(self)}
        return Slots(**{name: np.concatenate(pair) for name, pair in pairs.items()})

    def pin(self, slot: int, pinned: bool) -> "Slots":
        """The table with a slot's whole sentence pinned, or let go."""
        sentence = self.block == self.block[slot]
        return replace(self, pinned=np.where(sentence, pinned, self.pinned))

    def read(self, weight: np.ndarray) -> "Slots":
        """weight (M,): what one prompt read from each slot -> the table with its uses counted."""
        return replace(
            self,
            n_reads=self.n_reads + (weight >= READ_FLOOR),
            total_read=self.total_read + weight,
            last_read=weight.astype(np.float64),
        )


READ_FLOOR = 0.01  # a lower read weight does not count as a read

_TYPES = {"text": object, "around": object, "pinned": bool, "origins": object}
_INTEGERS = ("prompt", "position", "token", "block", "n_reads")


def empty() -> Slots:
    """A table of no slots."""
    return Slots(**{f.name: np.zeros(0, _type(f.name)) for f in fields(Slots)})


def _type(name: str) -> Any:
    return _TYPES.get(name, np.int64 if name in _INTEGERS else np.float64)


def written(
    prompt: int,
    position: np.ndarray,
    token: np.ndarray,
    block: np.ndarray,
    text: Sequence[str],
    around: Sequence[str],
    now: float,
    salience: np.ndarray,
) -> Slots:
    """New slots of one prompt, never read, not pinned; the columns may be any sequences of equal length."""
    n = len(position)
    zeros = np.zeros(n)
    texts = [np.array(list(column), dtype=object) for column in (text, around)]
    return Slots(
        prompt=np.full(n, prompt),
        position=np.asarray(position, dtype=np.int64),
        token=np.asarray(token, dtype=np.int64),
        block=np.asarray(block, dtype=np.int64),
        text=texts[0],
        around=texts[1],
        written=np.full(n, float(now)),
        salience=np.asarray(salience, dtype=np.float64),
        n_reads=np.zeros(n, dtype=np.int64),
        total_read=zeros,
        last_read=zeros.copy(),
        pinned=np.zeros(n, dtype=bool),
        origins=column_of([()] * n),
    )


def column_of(values: Sequence[Any]) -> np.ndarray:
    """Any values, tuples too, as a column of objects, (M,)."""
    return np.fromiter(values, dtype=object, count=len(values))


def to_columns(slots: Slots) -> dict[str, list[Any]]:
    """The table as plain lists, for JSON."""
    return {f.name: getattr(slots, f.name).tolist() for f in fields(slots)}


Counts = Annotated[tuple[Count, ...], Field(strict=False)]  # JSON has lists, no tuples
Numbers = Annotated[tuple[float, ...], Field(strict=False)]
Texts = Annotated[tuple[str, ...], Field(strict=False)]
OriginTold = Annotated[tuple[Count, Counts, Counts, Texts, Numbers, str], Field(strict=False)]


class Columns(Told):
    """The columns of a table in a file. Older files have no column for pins or summaries: then no
    slot is pinned or a summary."""

    prompt: list[Count]
    position: list[Count]
    token: list[Count]
    block: list[Count]
    text: list[str]
    around: list[str]
    written: list[Seconds]
    salience: list[float]
    n_reads: list[Count]
    total_read: list[float]
    last_read: list[float]
    pinned: list[bool] = Field(default_factory=list)
    origins: list[Annotated[tuple[OriginTold, ...], Field(strict=False)]] = Field(
        default_factory=list
    )

    @model_validator(mode="after")
    def of_one_length(self) -> "Columns":
        """One row a slot, and one of each of a summary's tokens."""
        found = {len(column) for name, column in self if name in self.model_fields_set}
        if len(found) > 1:
            raise ValueError(f"slot columns have lengths {sorted(found)}; they must have one length")
        for origin in (one for every in self.origins for one in every):
            if not origin[1] or len({len(part) for part in origin[1:5]}) > 1:
                raise ValueError(f"{origin!r:.80} is no origin of a summary")
        return self


def from_columns(columns: dict[str, list[Any]]) -> Slots:
    """The table from plain lists; ValueError for columns that make none."""
    try:
        told = checked(Columns, columns)
    except ValueError as problem:
        raise ValueError(f"The file is damaged: {problem}. Restore a copy.") from problem
    n = len(told.prompt)
    origins = [tuple(Origin(*one) for one in every) for every in told.origins or [()] * n]
    found = dict(told) | {"pinned": told.pinned or [False] * n}
    return Slots(**{
        name: np.array(found[name], dtype=_type(name)) if name != "origins" else column_of(origins)
        for name in (f.name for f in fields(Slots))
    })


def by_place(table: Slots, weight: np.ndarray, other: Slots) -> np.ndarray:
    """weight (M,) of one store's slots -> for each slot of another store, the weight of the slot
    that the same token wrote, (M',), 0 if there is none. A summary, in either store, counts with
    the largest weight of its tokens."""
    at: dict[tuple[int, int], float] = {}
    for places, own in zip(table.places, np.asarray(weight, dtype=np.float64).tolist()):
        for place in places:
            at[place] = max(own, at.get(place, 0.0))
    return np.array(
        [max(at.get(place, 0.0) for place in places) for places in other.places], dtype=np.float64
    )
