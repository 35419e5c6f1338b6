"""The next token with some edges of attention cut, beside the untouched run.

Only the tokens from the first cut query on run again; what was read beside the prompt (slots, trained
memory) is read again. L layers, H heads, T tokens, M slots of the run's reading, V vocabulary.
"""

from collections.abc import Sequence

import numpy as np
import torch

from model.analysis import ablation
from model.analysis.ablation import AblationChange
from model.run.checkpoint import Checkpoint
from model.run.cut_edges import CutEdge, CutEdges
from model.run.trace import Trace, run_again


@torch.inference_mode()
def logits(checkpoint: Checkpoint, trace: Trace, edges: Sequence[CutEdge]) -> torch.Tensor:
    """The logits behind the last token with these edges cut, (V,); none cut: the trace's own.

    Raises ValueError for an edge that does not exist and where a query would read nothing.
    """
    check(trace, edges)
    if not edges:
        return trace.next_logits
    first = min(edge.query for edge in edges)
    return run_again(checkpoint, trace, first, cuts=CutEdges(edges))[1]


def effect(
    checkpoint: Checkpoint, trace: Trace, edges: Sequence[CutEdge], k: int = 12
) -> AblationChange:
    """The next token's distribution before and after the cuts; raises as `logits`."""
    return ablation.compare(checkpoint, trace.next_logits, logits(checkpoint, trace, edges), k)


def check(trace: Trace, edges: Sequence[CutEdge]) -> None:
    """Raise ValueError for an edge that does not exist and where a query would read nothing."""
    for edge in edges:
        _check_edge(trace, edge)
    n_heads = trace.rows[0].q[0].shape[0]
    for query in sorted({edge.query for edge in edges}):
        left = np.ones((trace.n_layers, n_heads, query + 1 + _n_slots(trace, query)), dtype=bool)
        for edge in (e for e in edges if e.query == query and e.factor is None):
            layers, heads = (
                slice(None) if i is None else i for i in (edge.layer, edge.head)
            )
            left[layers, heads, edge.key + (query + 1 if edge.slot else 0)] = False
        empty = np.argwhere(~left.any(-1))
        if len(empty):
            layer, head = empty[0]
            raise ValueError(
                f"Token {query} would read nothing in head {head} of layer {layer}, and a softmax of "
                "nothing does not exist. Leave it one key at least."
            )


def _n_slots(trace: Trace, query: int) -> int:
    """The slots of the reading that a token can read."""
    reading = trace.reading
    if reading is None or (reading.behind_first and query == 0):
        return 0
    return len(reading.kept)


def _check_edge(trace: Trace, edge: CutEdge) -> None:
    n, n_heads = len(trace), trace.rows[0].q[0].shape[0]
    if not 0 <= edge.query < n:
        raise ValueError(f"There is no token {edge.query}. Choose 0 to {n - 1}.")
    n_keys = _n_slots(trace, edge.query) if edge.slot else edge.query + 1
    if not 0 <= edge.key < n_keys:
        what = "slot" if edge.slot else "token"
        known = f"0 to {n_keys - 1}" if n_keys else "a token of the prompt"
        raise ValueError(f"Token {edge.query} cannot read {what} {edge.key}. Choose {known}.")
    for what, chosen, most in (("layer", edge.layer, trace.n_layers), ("head", edge.head, n_heads)):
        if chosen is not None and not 0 <= chosen < most:
            raise ValueError(f"There is no {what} {chosen}. Choose 0 to {most - 1}.")
    if edge.factor is not None and not np.isfinite(edge.factor):
        raise ValueError(f"A score times {edge.factor} is no number. Choose a finite factor, or cut.")
