"""How much of every token comes from every other, layer by layer: two approximations.

Attention rollout (Abnar and Zuidema 2020, arXiv:2005.00928) multiplies the layers' weights: half of
a token's stream is taken for its own (the residual connection), the other half is shared out by the
mean weight of all heads. It leaves out how long the values are, what the output projection does, how
heads differ, and the MLPs. The contribution-weighted rollout multiplies ALTI's contributions
(model.analysis.flow) instead: what each value really adds to the stream; it leaves out only what an
MLP does to its own token. L layers, H heads, T tokens, M slots of the run's reading.
"""

from collections.abc import Callable

import numpy as np
import torch

from model.analysis import flow
from model.run import turn
from model.run.checkpoint import Checkpoint
from model.run.trace import Trace


@torch.inference_mode()
def attention_rollout(checkpoint: Checkpoint, trace: Trace) -> np.ndarray:
    """Behind each block, how much of every token comes from every token, then slot, (L,T,T+M)
    float32; rows sum to 1."""
    def mixed(layer: int) -> np.ndarray:
        weights = flow.union_weights(checkpoint, trace, layer).mean(0).cpu().numpy() / 2
        places = np.arange(len(trace))
        weights[places, places] += 0.5
        return weights

    return _multiplied(trace, mixed)


@torch.inference_mode()
def contribution_rollout(checkpoint: Checkpoint, trace: Trace) -> np.ndarray:
    """The same from contributions, (L,T,T+M) float32; rows sum to 1."""
    return _multiplied(trace, lambda layer: flow.contributions(checkpoint, trace, layer))


def _multiplied(trace: Trace, mixed: Callable[[int], np.ndarray]) -> np.ndarray:
    """What each layer mixes (T,T+M) -> what all up to it have mixed, (L,T,T+M)."""
    n, found = len(trace), []
    n_slots = 0 if trace.reading is None else len(trace.reading.kept)
    held = np.eye(n, n + n_slots, dtype=np.float32)
    for layer in range(trace.n_layers):
        turn.give_way()
        parts = mixed(layer)
        held = parts[:, :n] @ held
        held[:, n:] += parts[:, n:]
        found.append(held)
    return np.stack(found)
