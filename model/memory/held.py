"""What one visitor's trained memory holds, and how a prompt changes it: values, never on a module.

We write what the plain frozen model computed, and never what a run with memory computed: so an
error in memory is never copied into memory. Knows nothing of files.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch

from model.grafts.external import Contents, one_before
from model.grafts.graft import Graft
from model.grafts.modules import Modules
from model.memory import eviction, merging, slots, summarising
from model.memory.slots import Slots
from model.run.checkpoint import Checkpoint
from model.run.trace import Trace


@dataclass(frozen=True, eq=False)
class Held:
    """The EDM's M slots: keys, values (M,C); gate (M,), the logit of the learned gate; where they
    came from; how many were evicted so far."""

    keys: torch.Tensor
    values: torch.Tensor
    gate: torch.Tensor
    slots: Slots
    n_evicted: int = 0

    def __len__(self) -> int:
        return len(self.slots)

    def select(self, kept: np.ndarray) -> "Held":
        """Only the slots of these indices, in that order."""
        index = torch.as_tensor(np.asarray(kept, dtype=np.int64), device=self.keys.device)
        keys, values, gate = (
            x.index_select(0, index) for x in (self.keys, self.values, self.gate)
        )
        return Held(keys, values, gate, self.slots.select(kept), self.n_evicted)


@dataclass(frozen=True, eq=False)
class Carried:
    """The recurrent states after the last prompt told, (S·C,) each."""

    early: torch.Tensor
    late: torch.Tensor


def nothing(modules: Modules, device: torch.device) -> Held:
    """No slots."""
    empty = torch.zeros(0, modules.sizes.width, device=device)
    return Held(empty, empty.clone(), torch.zeros(0, device=device), slots.empty())


@torch.inference_mode()
def gate(modules: Modules, plain: Trace, nats: torch.Tensor) -> torch.Tensor:
    """The learned gate's logit of every token, (T,), from its plain run and its surprisal in nats
    (T,); above 0 it is worth a slot."""
    middle = plain.layer_stream(2 * modules.external.layer).float()
    return modules.external.salience(middle, nats.to(middle))


@torch.inference_mode()
def write(
    held: Held,
    modules: Modules,
    plain: Trace,
    chosen: np.ndarray,
    logit: torch.Tensor,
    columns: Slots,
) -> Held:
    """The tokens at the indices `chosen` of a plain run -> the memory with a slot for each; logit
    (T,): the gate's."""
    index = torch.as_tensor(chosen, device=held.keys.device)
    keys, values = (x[index] for x in keys_and_values(modules, plain))
    return replace(
        held,
        keys=torch.cat([held.keys, keys]),
        values=torch.cat([held.values, values]),
        gate=torch.cat([held.gate, logit[index]]),
        slots=held.slots.append(columns),
    )


@torch.inference_mode()
def keys_of(modules: Modules, plain: Trace) -> torch.Tensor:
    """The keys that the tokens of a plain run would be stored with, (T,C)."""
    return keys_and_values(modules, plain)[0]


def keys_and_values(modules: Modules, plain: Trace) -> tuple[torch.Tensor, torch.Tensor]:
    """The keys and values that the tokens of a plain run would be stored with, (T,C) each."""
    middle = plain.layer_stream(2 * modules.external.layer).float()
    first = plain.layer_stream(0).float()
    return modules.external.write(middle, one_before(middle), first)


@torch.inference_mode()
def carry(
    before: Carried | None, modules: Modules, checkpoint: Checkpoint, plain: Trace
) -> Carried:
    """The recurrent states after a prompt, from its plain run and the states before it."""
    streams = streams_of(checkpoint, plain)
    after = {}
    for name, stream in streams.items():
        module = getattr(modules, name)
        state = stream.new_zeros(module.state_width) if before is None else getattr(before, name)
        after[name] = module.write(stream[None], state[None], torch.tensor([len(plain)]))[0]
    return Carried(**after)


@torch.inference_mode()
def streams_of(checkpoint: Checkpoint, plain: Trace) -> dict[str, torch.Tensor]:
    """What the recurrent memories see of a plain run: the embeddings and the last normed layer,
    (T,C) each."""
    last = checkpoint.model.transformer.ln_f(plain.layer_stream(-1))
    return {"early": plain.layer_stream(0).float(), "late": last.float()}


def evict(held: Held, budget: int, policy: str, rng: np.random.Generator) -> Held:
    """The memory with at most `budget` slots."""
    n_before = len(held)
    if policy == "merge":
        after = _merge(held, budget)
    elif policy == "summarise":
        after = _summarise(held, budget)
    else:
        after = held.select(eviction.keep(held.slots, budget, policy, rng))
    return replace(after, n_evicted=held.n_evicted + n_before - len(after))


def _merge(held: Held, budget: int) -> Held:
    """Merge the two most similar slots into the older one, as their mean, until all fit."""
    while len(held) > max(budget, 1):
        old, young = merging.most_alike(held.keys, held.slots.pinned)
        parts = [x.clone() for x in (held.keys, held.values, held.gate)]
        for part in parts:
            part[old] = (part[old] + part[young]) / 2
        keys, values, gate = parts
        folded = Held(keys, values, gate, merging.folded(held.slots, old, young), held.n_evicted)
        held = folded.select(np.delete(np.arange(len(held)), young))
    return held if budget else held.select(np.zeros(0, dtype=np.int64))


def _summarise(held: Held, budget: int) -> Held:
    """Fold the slots that would be evicted into summaries, weighted by salience; their gates
    too."""
    if len(held) <= budget:
        return held
    group, weight = summarising.groups(held.slots, budget), summarising.weights(held.slots)
    keys, values, gate = (
        summarising.means(x, group, weight) for x in (held.keys, held.values, held.gate)
    )
    return Held(keys, values, gate, summarising.folded(held.slots, group), held.n_evicted)


def contents(held: Held, hidden: np.ndarray | None = None) -> Contents:
    """The slots as one row, B = 1; those of `hidden` (M,) bool are not read. Newer: by prompt and
    position, in whatever order they lie."""
    order = np.lexsort((held.slots.position, held.slots.prompt))
    newer = np.empty(len(held), dtype=np.float32)
    newer[order] = np.arange(len(held))[::-1]
    filled = torch.ones(1, len(held), dtype=torch.bool, device=held.keys.device)
    if hidden is not None:
        filled &= torch.as_tensor(~hidden, device=filled.device)
    places = torch.as_tensor(newer, device=held.keys.device)[None]
    return Contents(held.keys[None], held.values[None], held.gate[None], places, filled)


def graft_of(
    modules: Modules | None, held: Held | None, carried: Carried | None, on: frozenset[str],
    lora: bool = True, hidden: np.ndarray | None = None,
) -> Graft | None:
    """What a run with the modules `on` reads of it, without the EDM's slots `hidden` (M,) bool; None
    if there is nothing to read, with or without LoRA."""
    if modules is None:
        return None
    parts = on & set(modules.parts)
    early, late = (
        getattr(carried, name)[None] if carried is not None and name in parts else None
        for name in ("early", "late")
    )
    is_read = held is not None and len(held) and "edm" in parts and (hidden is None or not hidden.all())
    external = contents(held, hidden) if held is not None and is_read else None
    if early is None and late is None and external is None:
        return None
    return Graft(modules, early, late, external, lora and "lora" in modules.parts)


@torch.inference_mode()
def read_weights(trace: Trace, start: int = 0) -> np.ndarray:
    """What each token from `start` on read from each slot of the EDM, (H,T-start,1+M) float32, the
    null slot first; rows sum to 1. No EDM read: all weight on null, M = 0."""
    query = trace.external_query()
    if query is None:
        heads = trace.graft.modules.sizes.heads if trace.graft else 1
        return np.ones((heads, len(trace) - start, 1), dtype=np.float32)
    graft = trace.graft
    assert graft is not None and graft.external is not None, "a query without an EDM"
    weights = graft.modules.external.read(query[None, start:], graft.external)[1]  # (1,H,t,1+M)
    return weights[0].float().cpu().numpy()
