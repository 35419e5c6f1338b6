"""What waits until typing rests: too much for every key. Its place is as high before it is filled.

Knows nothing of what is drawn.
"""

import time
from collections.abc import Callable

import streamlit as st

from components.frame import results

REST_S = 0.3  # typing rests when no key came for so long

Later = Callable[[], None] | None  # draws what its place waits for; None: nothing waits


def then(*later: Later) -> None:
    """Once typing rests, draw what waits, in this order; a newer key ends the waiting."""
    waiting = [draw for draw in later if draw is not None]
    if not waiting:
        return
    pulse = st.empty()
    for _ in range(round(REST_S / results.YIELD_S)):
        time.sleep(results.YIELD_S)
        pulse.empty()  # where nothing moves
    for draw in waiting:
        draw()
