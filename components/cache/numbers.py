"""The numbers behind the KV cache's picture, to be taken away; made only when asked for."""

import numpy as np

from components.cache import run
from components.frame import draw_choice, visit
from components.kit.export.table import Table


def cached(number: int) -> Table:
    """Every cached key and value after step `number`."""
    found = run.recording(draw_choice.settings(), draw_choice.seed(), number)
    n = found.steps[number - 1].n_entries
    keys, values = (np.stack([_entries(getattr(layer, part), n) for layer in found.cache.layers])
                    for part in ("keys", "values"))  # (L,T,H,D)
    L, _, H, D = keys.shape
    axes = {"layer": range(L), "token": visit.show_tokens(found.ids[:n]), "head": range(H)}
    return Table(axes | {"dimension": range(D)}, {"K": keys, "V": values}, {"step": number})


def _entries(held, n: int) -> np.ndarray:
    """(1,H,S,D) of a layer -> its first n entries, (T,H,D) float32."""
    return held[0, :, :n].float().cpu().numpy().transpose(1, 0, 2)
