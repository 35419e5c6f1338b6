"""The five cards below the picture: what each memory holds now, as a number and a drawing.

Knows no words of the cards; the page has them.
"""

from collections.abc import Mapping

from components.kit.units import show_bytes, show_count
from components.start import five_memories as pictures
from components.start.card_row import card_row
from model.analysis.five_memories import FiveMemories


def faces(
    now: FiveMemories, n_held: int, n_slots: int, n_told: int
) -> dict[str, tuple[str, str, str]]:
    """Memory -> its number, what that counts, and its drawing (HTML). n_held of n_slots slots are
    full, after n_told prompts."""
    return {
        "Parametric": (
            show_count(now.n_parameters), f"parameters, {show_bytes(now.parameter_bytes)} in RAM",
            pictures.parts_bar(now.parts),
        ),
        "Context": (
            f"{now.n_tokens:,} of {now.n_positions:,}", "tokens of the window",
            pictures.window_gauge(now.n_tokens, now.n_positions),
        ),
        "Working": (
            show_bytes(now.cache_bytes), f"now; {show_bytes(now.cache_bytes_per_token)} more a token",
            pictures.cache_grid(now.n_tokens, now.n_layers),
        ),
        "Positional": (
            "{:,} × {:,}".format(*now.position_table),
            f"one vector a place, {show_bytes(now.position_bytes)}",
            pictures.position_curve(now.position_similarity, max(now.n_tokens - 1, 0)),
        ),
        "External": (
            f"{n_held:,} of {n_slots:,}", f"slots, {n_told:,} prompts told",
            pictures.slots(n_held, n_slots),
        ),
    }


def show(words: Mapping[str, tuple[str, str, str, str]], drawn: Mapping) -> str | None:
    """The cards in a row -> the page whose card was clicked. words: memory -> where it is, what it
    does, its link's words and page; drawn: what `faces` gives."""
    cards = [
        (pictures.card(name, where, *drawn[name], what), f"{link} →", page)
        for name, (where, what, link, page) in words.items()
    ]
    return card_row(cards, key="five_memories")
