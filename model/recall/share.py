"""A share: hits of n, with its 95 % interval; and means over seeds. Knows nothing of what was counted.

Seeds of trained memory are asked the same episodes, so three seeds of 500 are not 1,500 independent
episodes: they count as 500, and how far the seeds lie apart is added.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Z = 1.96  # 97.5 % of a normal distribution lies below


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


def wilson(hits: float, n: float, z: float = Z) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927): stays inside 0 to 1 and honest near both ends."""
    if n == 0:
        return 0.0, 1.0
    share, spread = hits / n, z * z / n
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def share_of_seeds(counts: Sequence[tuple[int, int]]) -> tuple[float, float, float]:
    """(hits, n) of each seed, which were asked the same episodes -> the mean share and its 95 %
    interval: Wilson's of as many episodes as make up both variances. One seed: Wilson's."""
    shares = [hits / n for hits, n in counts]
    share, n = float(np.mean(shares)), min(n for _, n in counts)
    within = share * (1 - share) / n
    if not within:
        return share, *wilson(share * n, n)
    variance, quantile = _of_both(within, shares)
    n_alike = share * (1 - share) / variance
    return share, *wilson(share * n_alike, n_alike, quantile)


def mean_of_seeds(means: Sequence[float], halves: Sequence[float]) -> tuple[float, float, float]:
    """Each seed's mean and half of its 95 % interval, over the same items -> the mean of all and its
    95 % interval."""
    variance, quantile = _of_both(float(np.mean(np.square(halves))) / Z**2, means)
    mean, half = float(np.mean(means)), quantile * math.sqrt(variance)
    return mean, mean - half, mean + half


def _of_both(within: float, values: Sequence[float]) -> tuple[float, float]:
    """The variance of the seeds' mean, of the items asked (`within`) and of the seeds themselves, and
    the quantile to its degrees of freedom (Welch 1947, Satterthwaite 1946)."""
    k = len(values)
    between = float(np.var(values, ddof=1)) / k if k > 1 else 0.0
    if not between:
        return within, Z
    variance = within + between
    return variance, student((k - 1) * (variance / between) ** 2)


def student(freedom: float) -> float:
    """The 97.5 % quantile of Student's t: √freedom · tan θ, θ with density cos(θ)^(freedom − 1)."""
    if freedom > 1_000:
        return Z
    theta = np.linspace(0, np.pi / 2, 20_001)
    density = np.cos(theta) ** (freedom - 1)
    below = np.cumsum((density[1:] + density[:-1]) / 2)
    at = float(np.interp(0.95, below / below[-1], theta[1:]))
    return math.sqrt(freedom) * math.tan(at)
