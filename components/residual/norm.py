"""One LayerNorm on one vector, step by step. Arrays in, a picture out."""

import numpy as np

from components.kit import assets, canvas
from components.kit.cell_grid import HUES
from components.kit.fact_strip import fact_strip
from components.kit.units import show_error, show_number

_mount = assets.component("residual_norm", "residual/norm", '<div class="picture"></div>')


def names(n_layers: int) -> list[str]:
    """The 2L+1 LayerNorms in the order in which a token meets them."""
    found = [
        f"Layer {i}: {name}" for i in range(n_layers)
        for name in ("ln_1, before attention", "ln_2, before the MLP")
    ]
    return [*found, "ln_f, before the unembedding"]


def show(steps, key: str) -> None:
    """steps: what `run.norm_steps` gives."""
    arrays = ("x", "centred", "normed", "gamma", "beta", "output")
    packed = {name: getattr(steps, name).astype(np.float32) for name in arrays}
    header = {"mean": steps.mean, "sigma": steps.sigma, "eps": steps.eps, "hues": HUES}
    header |= {"start": int(np.abs(steps.x).argmax())}
    _mount(key=key, data=canvas.pack(header, **packed))


def facts(steps) -> str:
    """μ, σ, the lengths before and after, and the error against the module (HTML)."""
    lengths = [float(np.linalg.norm(x)) for x in (steps.x, steps.normed, steps.output)]
    numbers = [
        (steps.mean, "μ, the mean"), (steps.sigma, "σ, the spread"), (lengths[0], "length before"),
        (lengths[1], "length after ÷ σ"), (lengths[2], "length of the output"),
    ]
    rows = [(show_number(x, 4), name, repr(x)) for x, name in numbers]
    error = show_error(steps.error)
    return fact_strip([*rows, (error, "largest error against the module", repr(steps.error))])
