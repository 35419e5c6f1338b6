"""Numbers on their way to a canvas in the browser.

Knows nothing of what the numbers mean.
"""

import json

import numpy as np

from components.kit import palette

MAX_BYTES = 1_500_000  # limit for the maps of all heads together
COLORS = {
    "attention": palette.ATTENTION,
    "query": palette.QUERY,
    "key": palette.KEY,
    "value": palette.VALUE,
    "residual": palette.RESIDUAL,
}


def pack(header: dict, **arrays: np.ndarray) -> bytes:
    """header (JSON) and uint8 or float32 arrays -> one message; canvas.js has its twin `unpack`.

    Streamlit sends bytes untouched only when a component's data are bytes and nothing else.
    Layout: length of the JSON (4 bytes, little endian), JSON, arrays, each from a multiple of 4.
    """
    places, start = {}, 0
    for name, array in arrays.items():
        assert array.dtype in (np.uint8, np.float32), f"{name} is {array.dtype}"
        places[name] = [array.dtype.name, start, array.size]
        start += array.nbytes + -array.nbytes % 4
    text = json.dumps({**header, "colors": COLORS, "arrays": places}).encode()
    text += b" " * (-len(text) % 4)
    blocks = (a.tobytes() + bytes(-a.nbytes % 4) for a in arrays.values())
    return len(text).to_bytes(4, "little") + text + b"".join(blocks)


def levels(weights: np.ndarray) -> np.ndarray:
    """Weights 0 to 1 -> uint8 levels of √weight, 0 to 255, so that small weights stay visible."""
    return np.round(np.sqrt(np.clip(weights, 0, 1)) * 255).astype(np.uint8)


def squares(n_layers: int, n_heads: int) -> int:
    """The most squares per side of a tile that keep all heads under MAX_BYTES, 16 to 96."""
    return int(np.clip(np.sqrt(2 * MAX_BYTES / (n_layers * n_heads)), 16, 96))


def lower_triangle(maps: np.ndarray) -> np.ndarray:
    """(..., T, T) -> (..., T(T+1)/2): row by row what a causal row can see, the future left out."""
    rows, columns = np.tril_indices(maps.shape[-1])
    return maps[..., rows, columns]
