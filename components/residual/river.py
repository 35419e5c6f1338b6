"""One token's residual stream as a river: its length, what flows in, what each layer would predict.

Arrays in, a picture out. Knows nothing of the model.
"""

import numpy as np

from components.kit import assets, canvas
from components.kit.cell_grid import HUES
from components.kit.units import show_number

_mount = assets.component(
    "residual_river",
    "residual/river",
    '<div class="picture"><canvas></canvas></div>',
)


def show(stream, position: int, words: list[str], probability: np.ndarray, token: str, key: str):
    """stream: what `run.stream` gives; words, probability (L+1): what the lens reads at
    each layer of the token at `position`."""
    arrays = {"norm": stream.norm[:, position], "added": stream.added[:, position]}
    arrays |= {"cosine": stream.cosine[:, position], "word_probability": probability}
    title = (
        f"Residual stream of token {token}: length {show_number(arrays['norm'][0])} at the embedding, "
        f"{show_number(arrays['norm'][-1])} at the end; read as {words[-1]}"
    )
    header = {"words": words, "title": title, "hues": HUES}
    packed = {name: np.ascontiguousarray(x, dtype=np.float32) for name, x in arrays.items()}
    _mount(key=key, data=canvas.pack(header, **packed))
