"""The numbers of the Anatomy page: the chosen checkpoint and one pass through it. No looks."""

import streamlit as st

from components.frame import visit
from model.analysis import anatomy as checkpoint_anatomy
from model.analysis import shape_tour, tensor_values


def anatomy() -> checkpoint_anatomy.Anatomy:
    """Files, tensors and bytes of the chosen model's folder."""
    chosen = visit.checkpoint()
    return _anatomy(chosen.fingerprint, str(chosen.folder), chosen)


def tensor_view(name: str) -> tensor_values.View:
    """Facts, histogram and picture of one stored tensor."""
    chosen = visit.checkpoint()
    return _tensor_view(chosen.fingerprint, str(chosen.folder), name, anatomy(), chosen)


def tensor_window(name: str, row: int, column: int, side: int) -> tensor_values.Grid:
    """side × side values of a stored tensor from (row, column) on, none left out."""
    found = anatomy()
    values = tensor_values.read(found, found.tensor(name), visit.checkpoint().model)
    return tensor_values.window(tensor_values.as_matrix(values), row, column, side)


def head_weights(layer: int, head: int) -> tensor_values.HeadWeights:
    """Query, key and value weights of a layer, split by head."""
    chosen = visit.checkpoint()
    return _head_weights(chosen.fingerprint, str(chosen.folder), layer, head, anatomy(), chosen)


def tour(layer: int) -> shape_tour.Tour | None:
    """Every operation of this prompt's pass with block `layer` opened; None without a prompt."""
    run = visit.trace()
    return None if run is None else _tour(visit.key(run), layer, visit.checkpoint(), run)


@st.cache_resource(show_spinner=False, max_entries=8)
def _anatomy(fingerprint, folder, _checkpoint):
    return checkpoint_anatomy.dissect(_checkpoint.folder, _checkpoint.model)


@st.cache_resource(show_spinner=False, max_entries=64)
def _tensor_view(fingerprint, folder, name, _anatomy, _checkpoint):
    return tensor_values.view(_anatomy, _anatomy.tensor(name), _checkpoint.model)


@st.cache_resource(show_spinner=False, max_entries=16)
def _head_weights(fingerprint, folder, layer, head, _anatomy, _checkpoint):
    n_head = _checkpoint.model.config.n_head
    return tensor_values.head_weights(_anatomy, layer, head, n_head, _checkpoint.model)


@st.cache_resource(show_spinner=False, max_entries=16)
def _tour(key, layer, _checkpoint, _trace):
    with visit.ONE_AT_A_TIME:
        return shape_tour.tour(_checkpoint, _trace, layer)
