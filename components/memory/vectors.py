"""A slot's key and value as strips of numbers. Knows nothing of models."""

import numpy as np

from components.kit import assets, canvas

_mount = assets.component("memory_vectors", "memory/vectors", '<div class="picture"></div>')


def show(key_vector: np.ndarray, value: np.ndarray, key: str) -> None:
    """key_vector, value: (D,) float32 each."""
    data = canvas.pack({}, key=key_vector.astype(np.float32), value=value.astype(np.float32))
    _mount(key=key, data=data)
