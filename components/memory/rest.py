"""What waits until typing rests: too much for every key. Its place is as high before it is filled.

Knows nothing of what is drawn.
"""

import html
import time
from collections.abc import Callable
from functools import partial

import streamlit as st

from components.frame import results, turnstile

REST_S = 0.3  # typing rests when no key came for so long

Later = Callable[[], None] | None  # draws what its place waits for; None: nothing waits


def mark(text: str) -> Callable[[], None]:
    """Where the page says that it has drawn the picture of this text: from then on the prompt box
    may send the next, which ends this script."""
    place = st.empty()
    return partial(place.html, f'<i data-drawn="{html.escape(text)}"></i>')


def then(drawn: Callable[[], None], *later: Later) -> None:
    """Once typing rests, draw what waits, in this order; a newer key ends the waiting. drawn: of
    `mark`."""
    waiting = [draw for draw in later if draw is not None]
    if not waiting:
        return
    pause(drawn)
    for draw in waiting:
        draw()


def pause(drawn: Callable[[], None]) -> None:
    """Wait until typing rests; meanwhile others draw, and a newer key ends this script."""
    for _ in range(round(REST_S / results.YIELD_S)):
        drawn()  # again, so that Streamlit can end this script
        with turnstile.outside():
            time.sleep(results.YIELD_S)
