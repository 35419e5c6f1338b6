"""What each policy keeps over time: one triangle each, step × token. Knows no policy."""

import numpy as np

from components.kit import canvas, grid

MOST = 512  # tokens drawn to a side
_mount = grid.component("cache_held", "cache/held", '<canvas role="img"></canvas>' + grid.TIP)


def stride(n_tokens: int) -> int:
    """Every how many tokens and steps are drawn: 1 up to MOST."""
    return -(-n_tokens // MOST)


def show(
    held: dict[str, np.ndarray],
    *,
    notes: list[str],
    hues: tuple[str, ...],
    tokens: list[str],
    key: str,
) -> None:
    """name -> (T,T) shares 0 to 1, row = after reading that token; notes: a line below each name.
    """
    every = stride(len(tokens))
    arrays = {f"held_{i}": _levels(x[::every, ::every]) for i, x in enumerate(held.values())}
    n = len(tokens[::every])
    header = {"names": list(held), "notes": notes, "hues": list(hues), "tokens": tokens}
    header |= {"stride": every, "n": n}
    _mount(key=key, data=canvas.pack(header, **arrays))


def _levels(shares: np.ndarray) -> np.ndarray:
    """(n,n) -> uint8, row by row up to the diagonal; 0 only where no head holds the token."""
    return np.ceil(canvas.lower_triangle(shares).astype(np.float32) * 255).astype(np.uint8)
