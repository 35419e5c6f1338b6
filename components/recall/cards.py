"""The variants side by side: the answer of each, its probability, and what memory gained.

A click chooses one. Knows nothing of models.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import streamlit as st

from components.kit import assets, palette

_mount = assets.component(
    "recall_variants",
    "recall/cards",
    '<div class="cards" role="radiogroup" aria-label="Variants"></div>',
)


@dataclass(frozen=True)
class Bar:
    """A token of the expected answer: its text, probability, and rank, 1 the most probable."""

    text: str
    p: float
    rank: int


@dataclass(frozen=True)
class Card:
    """name, title, what: the variant's. said: its continuation; mark: "right", "wrong" or "";
    tokens: of the answer; gained: words on Δ log probability; head: the verdict in two words."""

    name: str
    title: str
    what: str
    said: str
    mark: str
    tokens: list[Bar]
    gained: str
    head: str


def show(cards: list[Card], chosen: str, key: str, on_choose: Callable[[str], None]) -> None:
    """Draw them; `on_choose(name)` runs before the next script run."""
    hues = {"memory": palette.MEMORY, "right": palette.VALUE, "wrong": palette.SURPRISAL}
    data = {"cards": [asdict(card) for card in cards], "chosen": chosen, "hues": hues}

    def tell():
        on_choose(str(st.session_state[key].choose))

    _mount(key=key, data=data, on_choose_change=tell)
