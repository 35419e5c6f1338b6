"""What the visitor chose on the notes page. Knows nothing of notes."""

import re
from dataclasses import dataclass

from components.frame import whose
from components.frame.choices import Choice, OneOf, Text, Whole, chosen
from model.memory.variants import VARIANTS

VIEWS = {"answer": "One question", "five": "Five memories", "notes": "The notes"}
RANKINGS = {"both": "both together", "words": "words: BM25", "meaning": "meaning: cosine"}
SIZES = {n: str(n) for n in (16, 32, 64, 128, 256)}

SHELVES = {whose.OWN: "My notes", whose.SHARED: "Shared notes"}


@dataclass(frozen=True, eq=False)
class Shelf(OneOf):
    """One's own, the shared one, or, for the owner, a visitor's (`whose.shelves`)."""

    def read(self, said: str) -> str:
        return said if self.allows(said) else super().read(said)

    def allows(self, value) -> bool:
        return super().allows(value) or re.fullmatch(r"visitor [0-9a-f]{8}", str(value)) is not None


VIEW = Choice("notebook_view", OneOf(VIEWS), "answer")
N = Choice("notes_n", Whole(0, 8), 3)  # passages in the prompt, at most
RANKING = Choice("notes_ranking", OneOf(RANKINGS), "both")
SIZE = Choice("notes_size", OneOf(SIZES), 64)  # tokens of a passage, at most
LAYER = Choice("notes_layer", Whole())
VARIANT = Choice("notes_variant", OneOf({name: name for name, parts in VARIANTS.items() if parts}))
NOTE = Choice("notes_note", Whole())  # the one that is open
SHELF = Choice("notes_shelf", Shelf(SHELVES), whose.OWN)  # whose notes
# A link must not open a folder of the server: its visitor has to ask for it.
FOLDER = Choice("notes_folder", Text(), "", in_link=False)
CHOICES = (VIEW, N, RANKING, SIZE, LAYER, VARIANT, NOTE, SHELF, FOLDER)


def shelf() -> str:
    """Whose notes: a name of `whose.shelves`, the visitor's own where another may not be seen."""
    return chosen(SHELF) if chosen(SHELF) in whose.shelves() else whose.OWN


def n_notes() -> int:
    """Passages put into the prompt, at most."""
    return chosen(N)


def ranking() -> str:
    """What the passages are ranked by."""
    return chosen(RANKING)


def size(n_positions: int) -> int:
    """Tokens of a passage, at most; no more than half the window."""
    return max(4, min(chosen(SIZE), n_positions // 2))


def layer(n_layers: int) -> int:
    """The layer whose mean hidden state is a text's vector, 0 to n_layers; the middle by
    default."""
    at = chosen(LAYER)
    return n_layers // 2 if at is None else min(at, n_layers)


def folder() -> str:
    """The folder of a sentence model that makes the vectors; "" for the loaded model."""
    return chosen(FOLDER).strip()


def variant(offered: list[str]) -> str:
    """The memory variant that answers; the simplest by default."""
    return chosen(VARIANT) if chosen(VARIANT) in offered else offered[0]
