"""What only the Attention page needs of the prompt's trace: maps, steps, one weight. No looks."""

import numpy as np
import streamlit as st

from components.frame import visit
from model.analysis import attention


def weights(layer: int, head: int) -> np.ndarray:
    """One head's map (T,T) of the present prompt."""
    run = visit.trace()
    return _weights(visit.key(run), layer, head, visit.checkpoint(), run)


def layer_weights(layer: int) -> np.ndarray:
    """The maps of all heads of a layer, (H,T,T)."""
    n_heads = visit.checkpoint().model.config.n_head
    return np.stack([weights(layer, head) for head in range(n_heads)])


def queries_and_keys(layer: int) -> tuple[np.ndarray, np.ndarray]:
    """q and k of all heads of a layer, each (H,T,D)."""
    run = visit.trace()
    return tuple(x.float().cpu().numpy() for x in (run.layer_q(layer), run.layer_k(layer)))


def steps(layer: int, head: int, query: int) -> attention.Steps:
    """How one query of one head reads."""
    return attention.steps(visit.checkpoint(), visit.trace(), layer, head, query)


def cell(layer: int, head: int, query: int, key: int) -> attention.Cell:
    """The arithmetic of one weight."""
    return attention.cell(visit.checkpoint(), visit.trace(), layer, head, query, key)


@st.cache_resource(show_spinner=False, max_entries=32)
def _weights(key, layer, head, _checkpoint, _trace):
    return attention.weights(_checkpoint, _trace, layer, head)
