"""One link of a told fact's way from memory to the answer, and its number in words.

Knows nothing of how a link is judged.
"""

from dataclasses import dataclass

import numpy as np

NAMES = ("written", "kept", "retrieved", "read", "said")


@dataclass(frozen=True)
class Link:
    """One link. passed: None if it was not reached or cannot be judged; number: the number that
    decides, in `unit`; sentence: both in words."""

    name: str
    passed: bool | None
    number: float | None = None
    unit: str = ""
    sentence: str = ""


def number(x: float) -> str:
    """Two or three digits, never e-notation."""
    if 0 < abs(x) < 0.001:
        return "less than 0.001" if x > 0 else "more than −0.001"
    if not np.isfinite(x):
        return "∞" if x > 0 else "−∞"
    is_whole = abs(x) >= 100 or x == int(x)
    return (f"{x:,.0f}" if is_whole else f"{x:.3f}".rstrip("0")).replace("-", "−")


def percent(share: float) -> str:
    """A share, never 0 % for what is not 0, never 100 % for what is not 1."""
    if 0 < share < 0.001:
        return "less than 0.1 %"
    if 0.999 < share < 1:
        return "more than 99.9 %"
    return f"{100 * share:.1f} %".replace(".0 %", " %")
