"""Where the tokens of a run looked: in memory, in the prompt itself, in the EDM. Knows nothing of
looks.
"""

from dataclasses import dataclass

import numpy as np

from model.memory import fusion, held
from model.memory.passes import shared_rows
from model.run.checkpoint import Checkpoint
from model.run.trace import Trace


@dataclass(frozen=True, eq=False)
class Spread:
    """Of a run of T tokens that could read K slots. mean (T,K+T): weights over Memory ∪ Local, mean
    over layers and heads, rows sum to 1. share (L,H,T): how much of each row went to memory.
    external (H,T,1+N): what was read of the EDM's N slots, the null slot first; N = 0: not read."""

    trace: Trace
    mean: np.ndarray
    share: np.ndarray
    external: np.ndarray


def spread(checkpoint: Checkpoint, trace: Trace, before: Spread | None = None) -> Spread:
    """Of a run, a layer at a time. before: of another run, whose rows are taken over where both
    read the same."""
    n_kept = 0 if trace.reading is None else len(trace.reading.kept)
    n_old = 0 if before is None else shared_rows(trace, before.trace)
    total, share = np.zeros(1), []
    for layer in range(trace.n_layers):
        union = fusion.union_weights(checkpoint, trace, layer, n_old).cpu().numpy()  # (H,t,K+T)
        total = total + union.mean(0, dtype=np.float64)
        share.append(union[..., :n_kept].sum(-1))
    mean = (total / len(share)).astype(np.float32)
    own = Spread(trace, mean, np.stack(share), held.read_weights(trace, n_old))
    return own if before is None or not n_old else _joined(before, own, n_kept, n_old)


def _joined(before: Spread, own: Spread, n_kept: int, n_old: int) -> Spread:
    """The first n_old rows of one, and all of the other."""
    old = np.zeros((n_old, own.mean.shape[1]), dtype=own.mean.dtype)  # what comes later: never seen
    old[:, : n_kept + n_old] = before.mean[:n_old, : n_kept + n_old]
    return Spread(
        own.trace,
        np.concatenate([old, own.mean]),
        np.concatenate([before.share[:, :, :n_old], own.share], axis=2),
        np.concatenate([before.external[:, :n_old], own.external], axis=1),
    )
