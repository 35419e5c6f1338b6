"""The numbers of the Anatomy page: the chosen checkpoint and one pass through it. No looks."""

from components.frame import visit
from model.analysis import anatomy as checkpoint_anatomy
from model.analysis import shape_tour, tensor_values


def anatomy() -> checkpoint_anatomy.Anatomy:
    """Files, tensors and bytes of the chosen model's folder."""
    return visit.read_off(_dissected, _folder())


def tensor_view(name: str) -> tensor_values.View:
    """Facts, histogram and picture of one stored tensor."""
    return visit.read_off(_view, _folder(), name)


def tensor_window(name: str, row: int, column: int, side: int) -> tensor_values.MatrixPicture:
    """side × side values of a stored tensor from (row, column) on, none left out."""
    found = anatomy()
    values = tensor_values.read(found, found.tensor(name))
    return tensor_values.window(tensor_values.as_matrix(values), row, column, side)


def head_weights(layer: int, head: int) -> tensor_values.HeadWeights:
    """Query, key and value weights of a layer, split by head."""
    return visit.read_off(_heads, _folder(), layer, head)


def tour(layer: int) -> shape_tour.Tour | None:
    """Every operation of this prompt's pass with block `layer` opened; None without a prompt."""
    return None if visit.trace() is None else visit.derived(shape_tour.tour, layer)


def _folder() -> str:
    """Two folders may hold the same model under other file names."""
    return str(visit.checkpoint().folder)


def _dissected(chosen, folder: str) -> checkpoint_anatomy.Anatomy:
    return checkpoint_anatomy.dissect(chosen.folder)


def _view(chosen, folder: str, name: str) -> tensor_values.View:
    found = anatomy()
    return tensor_values.view(found, found.tensor(name))


def _heads(chosen, folder: str, layer: int, head: int) -> tensor_values.HeadWeights:
    n_head = chosen.model.config.n_head
    return tensor_values.head_weights(anatomy(), layer, head, n_head)
