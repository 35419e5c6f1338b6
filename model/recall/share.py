"""A share: hits of n, with its 95 % interval. Knows nothing of what was counted."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """hits of n, with the 95 % Wilson interval."""

    name: str
    hits: int
    n: int

    @property
    def value(self) -> float:
        return self.hits / self.n

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.hits, self.n)


def wilson(hits: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927): stays inside 0 to 1 and honest near both ends."""
    if n == 0:
        return 0.0, 1.0
    share, spread = hits / n, z * z / n
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)
