"""What the Compare page asks of the model: how far apart two runs are, and what patches bring back. No
looks."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from components.frame import results, visit
from components.frame.second_prompt import between, key_between, sides
from model.analysis import ablation, attention, comparison, patching, path_patching, recovery
from model.analysis.ablation import AblationChange
from model.grafts.graft import opened
from model.run.checkpoint import Checkpoint
from model.run.store import RunKey
from model.run.trace import Trace, final_logits


@dataclass(frozen=True, eq=False)
class OnePatch:
    """One value of A in B. change: B's next token without it and with it; moved (2L+1,S): see
    model.analysis.patching.Cone."""

    change: AblationChange
    moved: np.ndarray


@dataclass(frozen=True, eq=False)
class Paths:
    """Every path from one head of A. read: what each brings back, (L,H), NaN in layers that do not
    hear it; moved (L,H): see model.analysis.path_patching.Paths."""

    read: recovery.Recovered
    moved: np.ndarray


@dataclass(frozen=True, eq=False)
class OnePath:
    """A head of A heard by one head of B. change: B's next token without it and with it; rows (3,T):
    what that head reads at the last token in B, in B with the path, and in A."""

    change: AblationChange
    rows: np.ndarray


def apart(first: Trace, second: Trace, way: str) -> comparison.Apart:
    """How far apart both are at every station, and what each head and MLP wrote differently."""
    return between(_apart, first, second, way)


def neighbours(trace: Trace, place: int) -> comparison.Neighbours:
    """The tokens nearest to the stream of a prompt's token, layer by layer."""
    return visit.derived_of(trace, _neighbours, place)


def recovered(
    first: Trace, second: Trace, site: str, fill: str, sources: np.ndarray, metric: str,
    answers: tuple[int, int], on_layer: Callable[[Any], None],
) -> recovery.Recovered:
    """What every cell of A, or its fill, put into B alone, brings back; on_layer(n done) reports progress.
    Raises ValueError as model.analysis.patching.every_cell and recovery.recovered."""
    places = tuple(sources.tolist())
    between(_ends, first, second, metric, *answers)
    grid = between(_cells, first, second, site, fill, places, on_progress=on_layer)
    key = key_between(recovery.recovered, first, second, site, fill, places, metric, *answers)
    work = partial(recovery.recovered, visit.checkpoint(), grid, first, second, metric, *answers)
    return results.computed(key, work)


def key_of_cells(first: Trace, second: Trace, site: str, fill: str, sources: np.ndarray) -> RunKey:
    """Under which key the runs of every cell are kept."""
    return key_between(_cells, first, second, site, fill, tuple(sources.tolist()))


def one_patch(
    first: Trace, second: Trace, site: str, fill: str, taken: tuple[int, int], put: tuple[int, int]
) -> OnePatch:
    """The value of A at `taken` (layer, token or head), or its fill, in B at `put`."""
    return between(_one_patch, first, second, site, fill, taken, put)


def one_recovered(
    first: Trace, second: Trace, site: str, fill: str, taken: tuple[int, int], put: tuple[int, int],
    metric: str, answers: tuple[int, int],
) -> recovery.Recovered:
    """What that patch brings back, value and share (1,1). Raises ValueError as recovery.recovered."""
    return between(_one_recovered, first, second, site, fill, taken, put, metric, *answers)


def paths(
    first: Trace, second: Trace, sender: tuple[int, int], inputs: str, metric: str,
    answers: tuple[int, int],
) -> Paths:
    """What each later head of B brings back that alone hears a head of A. Raises ValueError as
    model.analysis.path_patching.every_path and recovery.recovered."""
    between(_ends, first, second, metric, *answers)
    found = between(_paths, first, second, sender, inputs)
    read = recovery.recovered(visit.checkpoint(), found.ends, first, second, metric, *answers)
    return Paths(read, found.moved)


def one_path(
    first: Trace, second: Trace, sender: tuple[int, int], receiver: tuple[int, int], inputs: str
) -> OnePath:
    """The path from a head of A to one head of B."""
    return between(_one_path, first, second, sender, receiver, inputs)


def last_layer(first: Trace, second: Trace, sources: np.ndarray) -> float:
    """All cells of the last layer's stream put in at once -> the largest difference to A's logits."""
    return between(_last_layer, first, second, tuple(sources.tolist()))


def likely(trace: Trace, k: int) -> list[int]:
    """The k most probable tokens after a prompt."""
    return trace.next_logits.float().topk(k).indices.tolist()


# -- the engine's work ----------------------------------------------------------------------------


def _apart(chosen: Checkpoint, first: Trace, second: Trace, way: str) -> comparison.Apart:
    return comparison.apart(*sides(chosen, first, second), comparison.paired(first, second, way))


def _neighbours(chosen: Checkpoint, trace: Trace, place: int) -> comparison.Neighbours:
    return comparison.neighbours(comparison.Side(chosen, trace), place)


def _ends(
    chosen: Checkpoint, first: Trace, second: Trace, metric: str, *answers: int
) -> tuple[float, float]:
    return recovery.ends(chosen, first, second, metric, *answers)


def _cells(
    chosen: Checkpoint, first: Trace, second: Trace, site: str, fill: str, sources: tuple[int, ...]
) -> patching.Grid:
    return patching.every_cell(chosen, second, first, site, np.array(sources), fill)


@torch.inference_mode()
def _one_patch(
    chosen: Checkpoint, first: Trace, second: Trace, site: str, fill: str, taken: tuple[int, int],
    put: tuple[int, int],
) -> OnePatch:
    cone = patching.cone(chosen, second, first, site, taken, put, fill)
    with opened(second.graft):
        patched = final_logits(chosen.model, cone.last.to(second.next_logits))
    return OnePatch(ablation.compare(chosen, second.next_logits, patched), cone.moved)


def _one_recovered(
    chosen: Checkpoint, first: Trace, second: Trace, site: str, fill: str, taken: tuple[int, int],
    put: tuple[int, int], metric: str, *answers: int,
) -> recovery.Recovered:
    cone = patching.cone(chosen, second, first, site, taken, put, fill)
    grid = patching.Grid(site, cone.last[None, None])
    return recovery.recovered(chosen, grid, first, second, metric, *answers)


def _paths(
    chosen: Checkpoint, first: Trace, second: Trace, sender: tuple[int, int], inputs: str
) -> path_patching.Paths:
    return path_patching.every_path(chosen, second, first, sender, inputs)


@torch.inference_mode()
def _one_path(
    chosen: Checkpoint, first: Trace, second: Trace, sender: tuple[int, int],
    receiver: tuple[int, int], inputs: str,
) -> OnePath:
    found = path_patching.direct_path(chosen, second, first, sender, receiver, inputs)
    patched = final_logits(chosen.model, found.last.to(second.next_logits))
    own = attention.weights(chosen, first, *receiver)
    rows = np.stack([found.before[-1], found.after[-1], own[-1]])
    return OnePath(ablation.compare(chosen, second.next_logits, patched), rows)


@torch.inference_mode()
def _last_layer(
    chosen: Checkpoint, first: Trace, second: Trace, sources: tuple[int, ...]
) -> float:
    last = patching.together(
        chosen, second, first, "stream", first.n_layers - 1, np.array(sources)
    )
    with opened(second.graft):
        logits = final_logits(chosen.model, last.to(first.next_logits))
    return float((logits - first.next_logits).abs().max())
