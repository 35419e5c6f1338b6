"""RoPE as clocks: one for each pair of dimensions, with the hands of one query and one key.

The hands turn in the browser. The arithmetic there repeats
model.analysis.positions.rope_by_distance, and a browser test compares the two. Knows nothing of the
model that the vectors come from.
"""

import numpy as np

from components.kit import assets, canvas

_mount = assets.component(
    "positions_clocks",
    "positions/clocks",
    '<div class="picture"><div class="dials"></div><div class="score"></div>'
    '<canvas class="clocks" role="img"></canvas><canvas class="curve" role="img"></canvas></div>',
)


def show(
    q: np.ndarray,
    k: np.ndarray,
    frequencies: np.ndarray,
    scores: np.ndarray,
    *,
    scaling: float,
    names: tuple[str, str],
    places: tuple[int, int],
    key: str,
) -> None:
    """q, k (D,) unrotated; frequencies (D/2,) radians a position; scores (n,): q·k × scaling at
    distances 0 to n - 1; names and places of the query and the key."""
    header = {"scaling": scaling, "names": list(names), "places": list(places)}
    header |= {"frequencies": frequencies.tolist(), "q": q.tolist(), "k": k.tolist()}
    _mount(key=key, data=canvas.pack(header, scores=scores.astype(np.float32)))
