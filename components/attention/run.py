"""What only the Attention page needs of the prompt's trace: maps, steps, one weight;
what cuts change, who wrote a score. No looks."""

import numpy as np

from components.frame import visit
from model.analysis import attention, cutting, rollout
from model.analysis import score_parts as parts
from model.analysis.ablation import AblationChange
from model.run.cut_edges import CutEdge


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


def cut_effect(edges: list[CutEdge]) -> AblationChange:
    """The next token without and with these cuts. Raises ValueError as model.analysis.cutting."""
    return visit.derived(cutting.effect, tuple(edges))


def score_parts(layer: int, head: int, query: int, key: int) -> parts.ScoreParts:
    """One score by who wrote the query and the key."""
    return visit.derived(parts.score_parts, layer, head, query, key)


def rollouts() -> tuple[np.ndarray, np.ndarray]:
    """What every token holds of every other behind each block, (L,T,T): by weights, and by
    contributions."""
    return visit.derived(rollout.attention_rollout), visit.derived(rollout.contribution_rollout)
