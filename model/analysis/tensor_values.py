"""The numbers in one tensor of a checkpoint, read from its file when somebody looks at it.

Statistics are of all values. A picture of a large tensor is pooled: each cell shows one value
of its block and says where it stands. Knows nothing of what the tensor is for.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from safetensors import safe_open

from model.analysis.anatomy import Anatomy, StoredTensor
from model.loading import weights

CHUNK = 1 << 17  # values turned into float64 at a time


@dataclass(frozen=True)
class TensorStatistics:
    """Over all n values of a tensor, in float64: std is over n (not n − 1), norm is √Σx²."""

    n: int
    mean: float
    std: float
    minimum: float
    maximum: float
    norm: float
    n_zero: int
    n_not_finite: int


@dataclass(frozen=True, eq=False)
class Histogram:
    """How many values lie in each of n equal intervals: counts (n,), edges (n+1,)."""

    counts: np.ndarray
    edges: np.ndarray


@dataclass(frozen=True, eq=False)
class MatrixPicture:
    """A picture of a matrix: each cell shows the value furthest from zero in its block.

    values (r,c) are values of the tensor itself, found at row[i,j], column[i,j]; block is the
    (rows, columns) one cell stands for, (1, 1) = every value is shown; shape is the matrix's.
    """

    values: np.ndarray
    row: np.ndarray
    column: np.ndarray
    block: tuple[int, int]
    shape: tuple[int, int]


@dataclass(frozen=True, eq=False)
class View:
    """One tensor at a glance: facts and histogram of all values, and a picture."""

    tensor: StoredTensor
    facts: TensorStatistics
    histogram: Histogram
    grid: MatrixPicture


@dataclass(frozen=True, eq=False)
class HeadWeights:
    """c_attn of one layer, split: query, key, value (in this order) of every head.

    norms (3,H): Frobenius norm of each (C,D) matrix; thumbnails: 3 tuples of H pooled pictures;
    chosen: the 3 pictures of one head, every column (D) and pooled rows (C) shown.
    """

    layer: int
    head: int
    norms: np.ndarray
    thumbnails: tuple[tuple[MatrixPicture, ...], ...]
    chosen: tuple[MatrixPicture, ...]


def view(anatomy: Anatomy, tensor: StoredTensor) -> View:
    """Read a tensor once and describe it; its picture has at most 128 × 256 cells."""
    values = read(anatomy, tensor)
    known = facts(values)
    return View(tensor, known, histogram(values, known), pooled(as_matrix(values), 128, 256))


def head_weights(anatomy: Anatomy, layer: int, head: int, n_head: int) -> HeadWeights:
    """Split c_attn.weight of a layer and picture every head's query, key and value matrix."""
    tensor = next(
        t for t in anatomy.of_part("query, key, value") if t.layer == layer and len(t.shape) == 2
    )
    values = read(anatomy, tensor)
    if tensor.shape[0] == 3 * tensor.shape[1]:  # transposed, as nanoGPT stores it
        values = values.t()
    heads = split_heads(values, n_head)  # (3,H,C,D)
    across = max(4, 400 // n_head)
    thumbnails = tuple(tuple(pooled(x, 64, across) for x in kind) for kind in heads)
    chosen = tuple(pooled(kind[head], 192, 256) for kind in heads)
    return HeadWeights(layer, head, head_norms(heads), thumbnails, chosen)


def read(anatomy: Anatomy, tensor: StoredTensor) -> torch.Tensor:
    """The tensor as stored, from its file."""
    path = anatomy.folder / tensor.file
    if anatomy.source == "pickle":
        return weights.unpickled(path)[tensor.name]
    with safe_open(path, framework="pt") as file:
        return file.get_tensor(tensor.name)


def facts(values: torch.Tensor) -> TensorStatistics:
    """Any tensor -> TensorStatistics; of values that are not finite, only the number.

    One pass; means and squared distances of the parts are combined as in Chan, Golub, LeVeque 1979.
    """
    n, mean, spread, zero, low, high = 0, 0.0, 0.0, 0, math.inf, -math.inf
    for part in _finite_parts(values):
        k, (least, most) = part.numel(), part.aminmax()
        low, high = min(low, float(least)), max(high, float(most))
        zero += k - int(part.count_nonzero())
        part_mean = float(part.mean())
        part -= part_mean
        step = part_mean - mean
        spread += float(part @ part) + step**2 * n * k / (n + k)
        n, mean = n + k, mean + step * k / (n + k)
    if n == 0:
        nan = math.nan
        return TensorStatistics(values.numel(), nan, nan, nan, nan, nan, 0, values.numel())
    norm = math.sqrt(spread + n * mean**2)
    std = math.sqrt(spread / n)
    return TensorStatistics(values.numel(), mean, std, low, high, norm, zero, values.numel() - n)


def histogram(values: torch.Tensor, known: TensorStatistics, n_bins: int = 120) -> Histogram:
    """All finite values in n_bins equal intervals between the smallest and the largest."""
    low, high = known.minimum, known.maximum
    if not low < high:  # one value only, or none
        low, high = (0.0, 0.0) if math.isnan(low) else (low, high)
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, n_bins + 1)
    counts = np.zeros(n_bins, dtype=np.int64)
    for part in _finite_parts(values):
        counts += torch.histc(part, n_bins, low, high).long().numpy()
    return Histogram(counts, edges)


def as_matrix(values: torch.Tensor) -> torch.Tensor:
    """Any tensor -> 2-D: sides of length 1 dropped, leading axes joined, a vector as one row."""
    squeezed = values.squeeze()
    if squeezed.ndim < 2:
        return squeezed.reshape(1, -1)
    return squeezed.reshape(-1, squeezed.shape[-1])


def pooled(matrix: torch.Tensor, max_rows: int, max_columns: int) -> MatrixPicture:
    """Matrix (R,C) -> MatrixPicture of at most max_rows × max_columns cells, a strip at a time."""
    R, C = matrix.shape
    r, c = -(-R // max_rows), -(-C // max_columns)
    strips = [_furthest(matrix[top : top + r], c) for top in range(0, R, r)]
    values = np.stack([v for v, _ in strips])
    inside = np.stack([i for _, i in strips])  # row inside the block · c + column inside it
    row = np.arange(len(values))[:, None] * r + inside // c
    column = np.arange(values.shape[1])[None, :] * c + inside % c
    return MatrixPicture(values, row, column, (r, c), (R, C))


def _furthest(strip: torch.Tensor, c: int) -> tuple[np.ndarray, np.ndarray]:
    """(r,C) -> of each block of c columns: the value furthest from zero, and its index in it."""
    r, C = strip.shape
    padded = torch.zeros(r, -(-C // c) * c)
    padded[:, :C] = strip.float().nan_to_num()
    blocks = padded.reshape(r, -1, c).transpose(0, 1).reshape(-1, r * c)
    furthest = blocks.abs().argmax(-1, keepdim=True)
    return blocks.gather(-1, furthest)[:, 0].numpy(), furthest[:, 0].numpy()


def window(matrix: torch.Tensor, row: int, column: int, side: int) -> MatrixPicture:
    """The side × side values from (row, column) on, every one of them; shorter at the edge."""
    row = min(max(row, 0), max(matrix.shape[0] - side, 0))
    column = min(max(column, 0), max(matrix.shape[1] - side, 0))
    values = matrix[row : row + side, column : column + side].float().numpy()
    rows, columns = np.indices(values.shape)[:]
    R, C = matrix.shape
    return MatrixPicture(values, rows + row, columns + column, (1, 1), (R, C))


def split_heads(c_attn: torch.Tensor, n_head: int) -> torch.Tensor:
    """c_attn.weight (C,3C) or .bias (3C,) -> (3,H,C,D) or (3,H,1,D): query, key, value by head.

    Conv1D computes x @ weight + bias: columns 0..C-1 make queries, C..2C-1 keys, 2C..3C-1 values,
    and head h owns columns h·D..(h+1)·D-1 of each third.
    """
    matrix = as_matrix(c_attn)
    C, width = matrix.shape[0], matrix.shape[1]
    return matrix.reshape(C, 3, n_head, width // (3 * n_head)).permute(1, 2, 0, 3)


def head_norms(heads: torch.Tensor) -> np.ndarray:
    """(3,H,C,D) -> (3,H) Frobenius norms of each head's query, key and value matrix."""
    return heads.double().square().sum((-2, -1)).sqrt().numpy()


def _finite_parts(values: torch.Tensor) -> Iterator[torch.Tensor]:
    """Copies of the finite values in float64, a part that fits a processor's cache at a time."""
    for part in values.reshape(-1).split(CHUNK):
        part = part.to(torch.float64, copy=True)
        finite = part.isfinite()
        if not finite.all():
            part = part[finite]
        if part.numel():
            yield part
