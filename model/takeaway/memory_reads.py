"""What a prompt read of memory, as it travels in a trace file: weights and words, no keys.

Read without the model's weights. Knows nothing of pages. T tokens, the first one <|endoftext|> where
the prompt was asked behind it; K slots of the bank were retrieved; N slots of the EDM.
"""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from model.disk.schema import Told
from model.memory import asking, effect, slots
from model.memory.settings import Settings
from model.memory.slots import Slots
from model.memory.spread import spread
from model.memory.state import MemoryState, describe
from model.run import tokens
from model.run.borders import start_length
from model.run.checkpoint import Checkpoint

UNION, EXTERNAL = "read_union", "read_external"  # names of the tensors


class ReadTold(Told):
    """Of what was read, in the header of a trace file. n_start: 1 where tokens[0] is <|endoftext|>;
    kept (K,): slots of the bank; texts, after, before (k,): next tokens with memory and without."""

    tokens: list[str]
    n_start: int
    kept: list[int]
    texts: list[str]
    after: list[float]
    before: list[float]


@dataclass(frozen=True, eq=False)
class Reads:
    """told: see ReadTold. union (T,K+T): weights over Memory ∪ Local, mean over layers and heads;
    external (H,T,1+N): of the EDM, the null slot first."""

    told: ReadTold
    union: np.ndarray
    external: np.ndarray


@dataclass(frozen=True, eq=False)
class HeldMemory:
    """prompts: as they were told; bank, external: where the slots of either store came from."""

    prompts: list[str]
    bank: Slots
    external: Slots


def of(
    checkpoint: Checkpoint, state: MemoryState, ids: np.ndarray, settings: Settings
) -> Reads:
    """What a prompt, ids (T,), reads of a memory. ValueError where it does not fit beside it."""
    recalled = asking.ask(checkpoint, state, ids, settings)
    trace, plain = recalled.trace, asking.plain(checkpoint, ids)
    looked, two = spread(checkpoint, trace), effect.compare(checkpoint, trace.next_logits, plain.next_logits)
    told = ReadTold(
        tokens=tokens.display(checkpoint.tokenizer, trace.ids),
        n_start=start_length(checkpoint, trace.ids), kept=recalled.kept.tolist(),
        texts=two.texts, after=two.after.tolist(), before=two.before.tolist())
    return Reads(told, looked.mean, looked.external)


def tensors_of(reads: Reads) -> dict[str, torch.Tensor]:
    """What a trace file holds of it beside its header."""
    return {UNION: torch.tensor(reads.union), EXTERNAL: torch.tensor(reads.external)}


def held(content: bytes) -> HeldMemory:
    """A memory file's table of slots, without its keys. ValueError for what is no memory file."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "its memory"
        path.write_bytes(content)
        told: Any = describe(path)
    table = slots.from_columns(told["slots"])
    external = slots.from_columns(told["external"]) if told.get("external") else slots.empty()
    return HeldMemory(list(told["prompts"]), table, external)


def checked_reads(told: ReadTold, tensors: dict[str, torch.Tensor], memory: HeldMemory) -> Reads:
    """What a file says of it. ValueError, a part of a sentence, where the parts do not fit."""
    T, K = len(told.tokens), len(told.kept)
    union, external = (tensors.get(name, torch.zeros(0)) for name in (UNION, EXTERNAL))
    n = external.shape[-1] - 1 if external.dim() == 3 else -1
    fits = tuple(union.shape) == (T, K + T) and n in (0, len(memory.external)) and external.shape[1] == T
    named = all(0 <= slot < len(memory.bank) for slot in told.kept) and 0 <= told.n_start < T
    if not fits or not named or len({len(told.texts), len(told.after), len(told.before)}) > 1:
        raise ValueError("its reads of memory are not of the memory that it holds. Save it again.")
    if not all(x.is_floating_point() and bool(torch.isfinite(x).all()) for x in (union, external)):
        raise ValueError("its reads of memory are not finite numbers. Save it again.")
    return Reads(told, union.float().numpy(), external.float().numpy())
