"""One colour for a share: red 0 %, amber in the middle, green 100 %, in steps that look equal.

The scale is arcsin √share: equal steps are equally easy to distinguish by counting, so 0 % and 5 %
differ visibly, and so do 95 % and 100 %. Colours are mixed in OKLab (Ottosson 2020), where equal
steps look equal. Knows nothing of what is counted.
"""

import math

import numpy as np

from components.kit import palette

_TO_LMS = np.array([[0.4122214708, 0.5363325363, 0.0514459929],
                    [0.2119034982, 0.6806995451, 0.1073969566],
                    [0.0883024619, 0.2817188376, 0.6299787005]])
_TO_LAB = np.array([[0.2104542553, 0.7936177850, -0.0040720468],
                    [1.9779984951, -2.4285922050, 0.4505937099],
                    [0.0259040371, 0.7827717662, -0.8086757660]])
STOPS = (palette.SURPRISAL, palette.KEY, palette.VALUE)


def spread(share: float) -> float:
    """A share -> its place on the scale, 0 to 1: 0.14 for 5 %, 0.5 for 50 %, 0.86 for 95 %."""
    return 2 / math.pi * math.asin(math.sqrt(min(1.0, max(0.0, share))))


def hue(share: float) -> str:
    """The colour of a share from 0 to 1, "#rrggbb"."""
    place = spread(share) * (len(STOPS) - 1)
    i = min(int(place), len(STOPS) - 2)
    before, after = (_lab(STOPS[i]), _lab(STOPS[i + 1]))
    return _hex(before + (after - before) * (place - i))


def plotly() -> list[list]:
    """The same as a colour scale of Plotly."""
    shares = [(1 - math.cos(math.pi * i / 16)) / 2 for i in range(17)]  # equal steps of `spread`
    return [[share, hue(share)] for share in shares]


def _lab(colour: str) -> np.ndarray:
    rgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return _TO_LAB @ np.cbrt(_TO_LMS @ linear)


def _hex(lab: np.ndarray) -> str:
    linear = np.linalg.solve(_TO_LMS, np.linalg.solve(_TO_LAB, lab) ** 3).clip(0, 1)
    rgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return "#" + "".join(f"{round(255 * x):02x}" for x in rgb)
