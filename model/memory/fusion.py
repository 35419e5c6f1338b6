"""Attention with Memory (AM): attention over Local(0..n) ∪ Memory(0..m), one softmax, no training.

The memory is a bounded bank of the layers' own past keys and values (Extended Mind,
arXiv:2406.02332; parallel context windows, arXiv:2212.10947). Knows nothing of files and pages.

GPT-2 adds positions before the first layer, so they are part of every stored key and cannot be
changed afterwards. The position where a prompt that reads the memory begins is therefore a choice:
  continue  after everything read so far: exactly the full context while it fits the window
  parallel  every stored prompt was encoded alone from 0; the reader begins after the longest one
  restart   the reader begins at 0 too: its words and the stored ones have the same positions
  replay    the stored tokens are run again in front of the prompt, as one text: retrieval-augmented
            generation, the honest baseline. Only the tokens are used, not their keys and values
"""

from dataclasses import dataclass, replace

import numpy as np
import torch

from model.grafts.blocks import blocks
from model.grafts.reading import Reading
from model.memory import eviction, merging, slots, summarising
from model.memory.slots import Slots
from model.run import borders, causal
from model.run.checkpoint import Checkpoint
from model.run.trace import Trace, run

POSITIONS = ("parallel", "continue", "restart", "replay")


@dataclass(frozen=True, eq=False)
class Bank:
    """Keys and values of every layer and head of M stored tokens, (L,H,M,D), and their slots.

    n_prompts: prompts told so far; longest: positions that the longest stored prompt used;
    n_tokens: tokens told so far (where `continue` goes on).
    """

    keys: torch.Tensor
    values: torch.Tensor
    slots: Slots
    n_prompts: int = 0
    longest: int = 0
    n_tokens: int = 0

    def __len__(self) -> int:
        return len(self.slots)


def empty_bank(checkpoint: Checkpoint) -> Bank:
    """A bank of no slots for this model."""
    config = checkpoint.model.config
    shape = (config.n_layer, config.n_head, 0, config.n_embd // config.n_head)
    nothing = torch.zeros(shape, dtype=checkpoint.model.dtype, device=checkpoint.model.device)
    return Bank(nothing, nothing.clone(), slots.empty())


def reading(
    bank: Bank, positions: str = "parallel", kept: np.ndarray | None = None, strength: float = 0.0
) -> Reading | None:
    """What a run reads of a bank: all slots, or those of the indices `kept`; None = no memory.

    An empty selection is no memory: exactly the base model, from position 0. Here `replay` reads as
    `parallel`, because the retrieved slots are not known yet; see `replayed`.
    """
    start = first_position(bank, positions)
    if kept is None:
        kept, parts = np.arange(len(bank)), (bank.keys, bank.values)
    else:
        kept = np.asarray(kept, dtype=np.int64)
        index = torch.as_tensor(kept, device=bank.keys.device)
        parts = bank.keys.index_select(2, index), bank.values.index_select(2, index)
    if not len(kept):
        return None
    return Reading(*parts, kept, start, strength, apart=positions == "parallel")


def replayed(
    checkpoint: Checkpoint, bank: Bank, kept: np.ndarray, strength: float = 0.0
) -> Reading | None:
    """The slots `kept`: their tokens are run again in order, after <|endoftext|>, at positions 1…;
    the prompt shares that <|endoftext|>, and its other tokens follow.

    So a run with this reading is the plain model on [<|endoftext|>, kept tokens, prompt]. Raises
    ValueError if they do not fit the window.
    """
    kept = np.asarray(kept, dtype=np.int64)
    if not len(kept):
        return None
    again = run(checkpoint, borders.with_start(checkpoint, bank.slots.token[kept]))
    n_start = len(again) - len(kept)
    keys, values = again.k[:, :, n_start:], again.v[:, :, n_start:]
    return Reading(keys, values, kept, len(kept), strength, behind_first=n_start > 0)


def first_position(bank: Bank, positions: str) -> int:
    """The position where a prompt that reads this bank begins; 0 without a slot. ValueError for
    unknown positions."""
    if positions not in POSITIONS:
        raise ValueError(f"No positions {positions!r}. Choose one of {', '.join(POSITIONS)}.")
    starts = {"continue": bank.n_tokens, "restart": 0}
    return starts.get(positions, bank.longest) if len(bank) else 0


def remember(bank: Bank, trace: Trace, chosen: np.ndarray, columns: Slots) -> Bank:
    """Append the trace's tokens at the indices `chosen` to the bank; `columns` are their slots."""
    index = torch.as_tensor(chosen, device=trace.next_logits.device)
    start = 0 if trace.reading is None else trace.reading.start
    return Bank(
        keys=torch.cat([bank.keys, trace.k.index_select(2, index)], dim=2),
        values=torch.cat([bank.values, trace.v.index_select(2, index)], dim=2),
        slots=bank.slots.append(columns),
        n_prompts=bank.n_prompts,
        longest=max(bank.longest, len(trace)),
        n_tokens=max(bank.n_tokens, start + len(trace)),
    )


def evict(bank: Bank, budget: int, policy: str, rng: np.random.Generator) -> Bank:
    """The bank with at most `budget` slots."""
    if policy == "merge":
        return merge(bank, budget)
    if policy == "summarise":
        return summarise(bank, budget)
    return select(bank, eviction.keep(bank.slots, budget, policy, rng))


def select(bank: Bank, kept: np.ndarray) -> Bank:
    """Only the slots of these indices."""
    index = torch.as_tensor(kept, device=bank.keys.device)
    parts = bank.keys.index_select(2, index), bank.values.index_select(2, index)
    return replace(bank, keys=parts[0], values=parts[1], slots=bank.slots.select(kept))


def merge(bank: Bank, budget: int) -> Bank:
    """While over budget, merge the two slots whose keys are most similar (cosine over all layers
    and heads): the older one gets the mean of both keys and of both values (after
    arXiv:2402.05099's cache merging), keeps its provenance and gets the reads of both. Pinned slots
    are not merged while two others can be; after that, all slots can."""
    while len(bank) > max(budget, 1):
        flat = bank.keys.permute(2, 0, 1, 3).flatten(1)
        bank = _fold(bank, *merging.most_alike(flat, bank.slots.pinned))
    return bank if budget else select(bank, np.zeros(0, dtype=np.int64))


def summarise(bank: Bank, budget: int) -> Bank:
    """Fold the sentences that would be evicted into a few slots, each the mean of its tokens' keys
    and of their values, weighted by salience (model.memory.summarising)."""
    if len(bank) <= budget:
        return bank
    group, weight = summarising.groups(bank.slots, budget), summarising.weights(bank.slots)
    keys, values = (
        summarising.means(x.permute(2, 0, 1, 3), group, weight).permute(1, 2, 0, 3).contiguous()
        for x in (bank.keys, bank.values)
    )
    return replace(bank, keys=keys, values=values, slots=summarising.folded(bank.slots, group))


def _fold(bank: Bank, old: int, young: int) -> Bank:
    keys, values = bank.keys.clone(), bank.values.clone()
    keys[:, :, old] = (keys[:, :, old] + keys[:, :, young]) / 2
    values[:, :, old] = (values[:, :, old] + values[:, :, young]) / 2
    merged = replace(
        bank, keys=keys, values=values, slots=merging.folded(bank.slots, old, young)
    )
    return select(merged, np.delete(np.arange(len(bank)), young))


@torch.inference_mode()
def read_weights(checkpoint: Checkpoint, trace: Trace, start: int = 0) -> np.ndarray:
    """What each token from `start` on read from each slot, (L,H,T-start,M) float32: the memory's
    columns of the union softmax. The rest of a row, 1 − its sum, went to the prompt's own tokens."""
    if trace.reading is None:
        n_heads, n = trace.layer_q(0).shape[:2]
        return np.zeros((trace.n_layers, n_heads, n - start, 0), dtype=np.float32)
    maps = [union_weights(checkpoint, trace, layer, start) for layer in range(trace.n_layers)]
    return torch.stack([w[..., : len(trace.reading.kept)] for w in maps]).cpu().numpy()


@torch.inference_mode()
def union_weights(checkpoint: Checkpoint, trace: Trace, layer: int, start: int = 0) -> torch.Tensor:
    """One layer's weights over Memory ∪ Local of the tokens from `start` on, (H,T-start,M+T): memory
    columns first; rows sum to 1."""
    scale = blocks(checkpoint.model)[layer].attn.scaling
    q, k = trace.layer_q(layer)[:, start:].float(), trace.layer_k(layer).float()
    local = (q @ k.transpose(1, 2)) * scale
    if len(trace) - start > 1:  # the newest token sees everything
        local = causal.without_future(local, start)
    if trace.reading is None:
        return local.softmax(-1)
    memory = (q @ trace.reading.keys[layer].to(q).transpose(1, 2)) * scale
    memory = memory + trace.reading.added(start, len(trace)).to(q)[:, None]
    if trace.reading.behind_first and start == 0:
        memory[:, 0] = -torch.inf
    return torch.cat([memory, local], dim=-1).softmax(-1)
