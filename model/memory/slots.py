"""Where every memory slot came from and how it was used. Holds no tensors of the network.

Columns of equal length M, one row a slot; selecting and appending return a new table.
"""

from dataclasses import dataclass, fields, replace

import numpy as np


@dataclass(frozen=True, eq=False)
class Slots:
    """Provenance and use of M slots.

    prompt (M,): number of the prompt that wrote the slot, from 1; position (M,): of the token in
    it; token (M,): its id; block (M,): slots of one sentence share a number and leave together;
    text, around (M,): the token, and its sentence, as shown; written (M,): seconds since 1970;
    salience (M,); n_reads (M,): prompts that read the slot with at least READ_FLOOR of weight;
    total_read, last_read (M,): read weight in all, and by the latest prompt; pinned (M,) bool: the
    visitor wants it kept, see eviction.
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

    def __len__(self):
        return len(self.prompt)

    def select(self, kept) -> "Slots":
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


READ_FLOOR = 0.01  # a read weight below this is no read

_TYPES = {"text": object, "around": object, "pinned": bool}
_INTEGERS = ("prompt", "position", "token", "block", "n_reads")


def empty() -> Slots:
    """A table of no slots."""
    return Slots(**{
        f.name: np.zeros(0, _TYPES.get(f.name, np.int64 if f.name in _INTEGERS else np.float64))
        for f in fields(Slots)
    })


def written(prompt: int, position, token, block, text, around, now: float, salience) -> Slots:
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
    )


def to_columns(slots: Slots) -> dict[str, list]:
    """The table as plain lists, for JSON."""
    return {f.name: getattr(slots, f.name).tolist() for f in fields(slots)}


def from_columns(columns: dict[str, list]) -> Slots:
    """The table from plain lists; ValueError where a column is missing or of another length.

    Files from before there were pins have no column `pinned`: nothing is.
    """
    names = [f.name for f in fields(Slots)]
    columns = {"pinned": [False] * len(columns.get("prompt", []))} | columns
    missing = [name for name in names if name not in columns]
    lengths = {len(columns[name]) for name in names if name in columns}
    if missing or len(lengths) > 1:
        raise ValueError(
            f"wanted slot columns {', '.join(names)} of one length, found lengths "
            f"{sorted(lengths)} and {', '.join(missing) or 'none'} missing; the file is damaged"
        )
    blank = empty()
    return Slots(**{n: np.array(columns[n], dtype=getattr(blank, n).dtype) for n in names})


def by_place(table: Slots, weight: np.ndarray, other: Slots) -> np.ndarray:
    """weight (M,) of one store's slots -> the weight of those that the same tokens wrote into
    another store (M',), 0 where there is none."""
    at = {(p, i): w for p, i, w in zip(table.prompt.tolist(), table.position.tolist(), weight)}
    places = zip(other.prompt.tolist(), other.position.tolist())
    return np.array([at.get(place, 0.0) for place in places], dtype=np.float64)
