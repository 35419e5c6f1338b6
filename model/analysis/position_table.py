"""Facts about a table of position vectors: likeness, main directions, lengths. P positions.

Knows nothing of where the table comes from: learned or a formula.
"""

from dataclasses import dataclass

import numpy as np

from model.analysis import embeddings, positions

N_COMPONENTS = 4
MOST_SQUARES = 128  # per side of the likeness map


@dataclass(frozen=True, eq=False)
class Table:
    """likeness (n,n): cosine between positions, the mean of each square of cell × cell of them.

    cosine (P,P) without pooling; norms (P,): √Σx²; components (P,k): along the directions in which
    positions differ most; explained (k,): the share of the squared differences each keeps.
    """

    likeness: np.ndarray
    cell: int
    cosine: np.ndarray
    norms: np.ndarray
    components: np.ndarray
    explained: np.ndarray


def measure(table: np.ndarray) -> Table:
    """table (P,C), P >= 1 -> its likeness map and curves; principal components in float64."""
    cosine = embeddings.cosines(table.astype(np.float64))
    cell = -(-len(table) // MOST_SQUARES)
    components, explained = principal(table, N_COMPONENTS)
    likeness = pooled_mean(cosine, cell)
    return Table(likeness, cell, cosine, embeddings.norm(table), components, explained)


def sinusoidal_like(table: np.ndarray) -> np.ndarray:
    """The sinusoidal table (P,C) of the same size, scaled so that its rows have the mean length of
    `table`'s rows: then the same weights can read it."""
    formula = positions.sinusoidal(*table.shape)
    return formula * (embeddings.norm(table).mean() / embeddings.norm(formula).mean())


def principal(table: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """table (P,C) -> its first k principal components (P,k) and their shares (k,).

    The sign is arbitrary; we make each curve's largest value positive.
    """
    centred = table.astype(np.float64) - table.mean(0, dtype=np.float64)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    points = left[:, :k] * sizes[:k]
    largest = points[np.abs(points).argmax(0), np.arange(points.shape[1])]
    total = (sizes**2).sum()
    shares = sizes[:k] ** 2 / total if total > 0 else np.zeros(points.shape[1])
    return points * np.where(largest < 0, -1, 1), shares


def pooled_mean(square: np.ndarray, cell: int) -> np.ndarray:
    """(P,P) -> (n,n), the mean of each cell × cell; the last row and column may hold fewer."""
    starts = np.arange(0, len(square), cell)
    counts = np.minimum(cell, len(square) - starts)
    sums = np.add.reduceat(np.add.reduceat(square, starts, 0), starts, 1)
    return sums / np.multiply.outer(counts, counts)


@dataclass(frozen=True, eq=False)
class Scaled:
    """One token with its position made `factor` (n,) times as long, before and after LayerNorm.

    length_before, length_after (n,); to_word, to_position (n,): cosine of the normalised sum with
    the normalised word and the normalised position alone.
    """

    factor: np.ndarray
    length_before: np.ndarray
    length_after: np.ndarray
    to_word: np.ndarray
    to_position: np.ndarray


def scale_position(word: np.ndarray, position: np.ndarray, factor: np.ndarray) -> Scaled:
    """word, position (C,) -> what LayerNorm (mean and variance, without γ and β) leaves of them."""
    sums = word.astype(np.float64) + factor[:, None] * position.astype(np.float64)
    after = _normalised(sums)
    unit = embeddings.unit(after)
    sides = [embeddings.unit(_normalised(x.astype(np.float64))) for x in (word, position)]
    lengths = embeddings.norm(sums), embeddings.norm(after)
    return Scaled(factor, *lengths, *(unit @ side for side in sides))


def _normalised(x: np.ndarray) -> np.ndarray:
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
