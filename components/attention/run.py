"""What only the Attention page needs of the prompt's trace: maps, steps, one weight. No looks."""

import numpy as np

from components.frame import visit
from model.analysis import attention


def weights(layer: int, head: int) -> np.ndarray:
    """One head's map (T,T) of the present prompt."""
    return visit.derived(attention.weights, layer, head)


def layer_weights(layer: int) -> np.ndarray:
    """The maps of all heads of a layer, (H,T,T)."""
    return visit.derived(attention.layer_weights, layer)


def queries_and_keys(layer: int) -> tuple[np.ndarray, np.ndarray]:
    """q and k of all heads of a layer, each (H,T,D)."""
    return visit.derived(attention.queries_and_keys, layer)


def steps(layer: int, head: int, query: int) -> attention.Steps:
    """How one query of one head reads."""
    return visit.derived(attention.steps, layer, head, query)


def cell(layer: int, head: int, query: int, key: int) -> attention.WeightArithmetic:
    """The arithmetic of one weight."""
    return visit.derived(attention.cell, layer, head, query, key)
