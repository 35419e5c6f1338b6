"""Token and position vectors and what can be measured on them. Knows nothing of text.

V vocabulary, C model width, P positions of the table, T tokens of the prompt. Every function
takes and returns numpy arrays. Vectors are float32; geometry that must be exact (PCA) runs in
float64.
"""

from dataclasses import dataclass

import numpy as np
import torch

from model.run.checkpoint import Checkpoint


@dataclass(frozen=True, eq=False)
class Inputs:
    """What goes into the first block: total = token + position; each (T,C)."""

    token: np.ndarray
    position: np.ndarray
    total: np.ndarray


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The k nearest tokens, nearest first: ids (k,), cosine (k,) in -1..1."""

    ids: np.ndarray
    cosine: np.ndarray


@dataclass(frozen=True, eq=False)
class Projection:
    """points (n,2) on the two axes along which n vectors differ most; explained (2,): the share
    of their squared distance to the mean that each axis keeps, 0..1."""

    points: np.ndarray
    explained: np.ndarray


@dataclass(frozen=True, eq=False)
class PositionEffect:
    """One token put at every position; arrays are (P,), norms are √Σx².

    token_norm: of its own vector; to_token: cosine of token + position to the token alone;
    to_here: cosine of token + position to the same token at the position asked for.
    """

    token_norm: float
    position_norm: np.ndarray
    total_norm: np.ndarray
    to_token: np.ndarray
    to_here: np.ndarray


def token_table(checkpoint: Checkpoint) -> np.ndarray:
    """wte (V,C) float32, read-only; the model's own memory where it is float32 on the CPU."""
    return _read_only(checkpoint.model.transformer.wte.weight)


def position_table(checkpoint: Checkpoint) -> np.ndarray:
    """wpe (P,C) float32, read-only."""
    return _read_only(checkpoint.model.transformer.wpe.weight)


def inputs(checkpoint: Checkpoint, ids: np.ndarray) -> Inputs:
    """ids (T,) at positions 0 to T-1 -> their vectors, added as the model adds them."""
    token = token_table(checkpoint)[ids]
    position = position_table(checkpoint)[: len(ids)]
    return Inputs(token, position, token + position)


def unit(vectors: np.ndarray) -> np.ndarray:
    """(…,C) -> the same directions with length 1; a zero vector stays zero.

    Raises ValueError when a value is NaN or infinite.
    """
    norms = norm(vectors)[..., None]
    if not np.isfinite(norms).all():
        raise ValueError(
            "The embedding holds NaN or infinity: the weights are damaged. Choose another "
            "checkpoint."
        )
    return vectors / np.where(norms == 0, 1, norms)


def norm(vectors: np.ndarray) -> np.ndarray:
    """(…,C) -> lengths √Σx² (…)."""
    return np.sqrt(np.einsum("...c,...c->...", vectors, vectors))


def cosines(vectors: np.ndarray) -> np.ndarray:
    """(n,C) -> cosine of each pair (n,n), -1..1; of a zero vector 0."""
    directions = unit(vectors)
    return np.clip(directions @ directions.T, -1, 1)


def nearest(units: np.ndarray, vector: np.ndarray, k: int) -> Neighbours:
    """units (V,C) of length 1, vector (C,) -> the k nearest of all V by cosine, exactly.

    Of two equally near, the lower id is first. Raises ValueError for a vector without direction.
    """
    length = norm(vector)
    if not np.isfinite(length) or length == 0:
        raise ValueError(
            f"The vector has no direction: its length is {length}. Choose other tokens (a − a + … "
            "leaves nothing)."
        )
    cosine = units @ (vector / length).astype(units.dtype)
    k = min(k, len(cosine))
    least = np.partition(cosine, -k)[-k]
    candidates = np.flatnonzero(cosine >= least)
    best = candidates[np.argsort(-cosine[candidates], kind="stable")][:k]
    return Neighbours(best, np.clip(cosine[best], -1, 1))


def plus_minus(units: np.ndarray, a: int, b: int, c: int) -> np.ndarray:
    """The direction a − b + c (C,) of three tokens, each scaled to length 1 first.

    "3CosAdd" of Mikolov et al. 2013 (NAACL) as named by Levy and Goldberg 2014 (CoNLL).
    """
    return units[a] - units[b] + units[c]


def project(vectors: np.ndarray) -> Projection:
    """(n,C) -> the first two principal components, in float64.

    The sign of an axis is arbitrary: we make its largest component (the first of equals) positive,
    so the same vectors give the same picture. An axis along which nothing differs is 0.
    """
    centred = np.asarray(vectors, np.float64) - np.mean(vectors, axis=0, dtype=np.float64)
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    axes, sizes = axes[:2], sizes**2
    largest = np.abs(axes).argmax(axis=1)
    axes = axes * np.sign(axes[np.arange(len(axes)), largest])[:, None]
    points, explained = np.zeros((len(centred), 2)), np.zeros(2)
    points[:, : len(axes)] = centred @ axes.T
    if sizes.sum() > 0:
        explained[: len(axes)] = sizes[:2] / sizes.sum()
    return Projection(points, explained)


def position_effect(checkpoint: Checkpoint, token_id: int, here: int) -> PositionEffect:
    """What each position does to one token's input; here: a position of the table."""
    token = token_table(checkpoint)[token_id].astype(np.float64)
    positions = position_table(checkpoint).astype(np.float64)
    total = token + positions
    directions = unit(total)
    return PositionEffect(
        token_norm=float(norm(token)),
        position_norm=norm(positions),
        total_norm=norm(total),
        to_token=directions @ unit(token),
        to_here=directions @ directions[here],
    )


def _read_only(parameter: torch.Tensor) -> np.ndarray:
    values = parameter.detach().float().cpu().numpy().view()
    values.flags.writeable = False
    return values
