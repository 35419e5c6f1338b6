"""When Python looks for garbage. Streamlit would look after each key (postScriptGC in its settings), which
costs as much as drawing a light page. Python by itself waits for a number of objects, and a few objects
can hold a whole trace.
"""

import gc
import time
from dataclasses import dataclass

EVERY_S = 3.0


@dataclass
class _Round:
    """at: when garbage was collected last, in seconds; 0: never."""

    at: float = 0.0


_last = _Round()


def collect_now_and_then() -> None:
    """Call it when a script ends: garbage is collected where that was done EVERY_S ago or longer."""
    now = time.monotonic()
    if now - _last.at >= EVERY_S:
        _last.at = now
        gc.collect()
