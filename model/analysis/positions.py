"""Four ways to tell a transformer where a token stands, as formulas. Knows nothing of a checkpoint.

T tokens, D head width, C model width, H heads; everything in float64. Learned tables have no
formula: position_table.py measures them, what_if.py runs a model with another one.
"""

import numpy as np
import torch

from model.run import causal

BASE = 10_000.0


def frequencies(width: int) -> np.ndarray:
    """Radians that pair i turns from one position to the next, (width/2,): BASE^(-2i/width).

    The same numbers in Vaswani et al. 2017 (section 3.5) and Su et al. 2021 (equation 15).
    Raises ValueError for an odd width, which has no pairs.
    """
    if width % 2:
        raise ValueError(
            f"RoPE turns pairs of dimensions and needs an even number of dimensions, got {width}. "
            "Choose a model whose heads have an even width."
        )
    return BASE ** (-np.arange(0, width, 2) / width)


def sinusoidal(n_positions: int, width: int) -> np.ndarray:
    """The table of Vaswani et al. 2017, (n_positions, width): sine in 2i, cosine in 2i + 1."""
    angles = np.arange(n_positions)[:, None] * frequencies(width + width % 2)
    table = np.stack([np.sin(angles), np.cos(angles)], axis=-1)
    return table.reshape(n_positions, -1)[:, :width]


def rotate(x: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """RoPE (Su et al. 2021, equation 34): x (…,T,D), positions (T,) -> each pair turned.

    The pair is (2i, 2i + 1), as in the paper; Llama pairs i with i + D/2, which is the same up to
    the order of dimensions.
    """
    x = np.asarray(x, np.float64)
    turn = np.exp(1j * np.multiply.outer(positions, frequencies(x.shape[-1])))  # (T,D/2)
    turned = (x[..., 0::2] + 1j * x[..., 1::2]) * turn
    return np.stack([turned.real, turned.imag], axis=-1).reshape(x.shape)


def rope_by_distance(q: np.ndarray, k: np.ndarray, n: int) -> np.ndarray:
    """q, k (D,) -> q·k with the key 0 to n - 1 positions before the query, (n,), unscaled."""
    pairs = (q[0::2] + 1j * q[1::2]) * (k[0::2] - 1j * k[1::2])
    turns = np.exp(1j * np.multiply.outer(np.arange(n), frequencies(len(q))))
    return (turns @ pairs.astype(np.complex128)).real


def alibi_slopes(n_heads: int) -> np.ndarray:
    """ALiBi's slope of each head (H,): 2^(-8h/H), h from 1 (Press et al. 2021, section 3).

    If H is no power of two: the slopes for the next lower power n, then every second slope for 2n
    heads, as in the authors' code.
    """
    n = 1 << (n_heads.bit_length() - 1)
    slopes = 2.0 ** (-8.0 * np.arange(1, n + 1) / n)
    between = 2.0 ** (-4.0 * np.arange(1, 2 * n + 1, 2) / n)
    return np.concatenate([slopes, between[: n_heads - n]])


def alibi_bias(n_tokens: int, slope: float) -> np.ndarray:
    """What ALiBi adds to the scaled scores of one head, (T,T): -slope × (query - key)."""
    places = np.arange(n_tokens)
    return -slope * (places[:, None] - places[None, :])


def causal_weights(scores: np.ndarray) -> np.ndarray:
    """Scaled scores (T,T) -> attention weights (T,T), float32; the future is 0."""
    return causal.softmax(torch.tensor(scores)).float().numpy()


def mean_by_distance(weights: np.ndarray) -> np.ndarray:
    """weights (T,T) -> mean weight that a query gives the key d places before it, (T,) over d."""
    return np.array([weights.diagonal(-d).mean() for d in range(len(weights))])
