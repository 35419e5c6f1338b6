"""What a memory changes: the next token with and without it, or without some slots; what one value
adds.

Knows nothing of looks. Nothing is stored on the model: slots are left out of one run's arguments.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from model.grafts.blocks import blocks
from model.memory import asking
from model.memory.fusion import Bank
from model.memory.settings import Settings
from model.memory.state import MemoryState
from model.memory.variants import MODULES
from model.run import generate, tokens
from model.run.checkpoint import Checkpoint
from model.run.tokens import Ids
from model.run.trace import Trace, run


@dataclass(frozen=True, eq=False)
class Compared:
    """k tokens under two next-token distributions over the whole vocabulary.

    ids (k,), texts k visible strings; after, before (k,): their probabilities; the most probable of
    either first.
    """

    ids: np.ndarray
    texts: list[str]
    after: np.ndarray
    before: np.ndarray


def off_difference(checkpoint: Checkpoint, ids: Ids) -> float:
    """The largest difference of the next logits with memory switched off from those of transformers'
    own GPT-2, for ids (T,) as they are run: the proof that memory switched off is no memory. Both
    run the whole prompt: too slow for every key."""
    stock = generate.recompute(checkpoint, ids)[-1]
    return float((run(checkpoint, ids).next_logits - stock).abs().max())


@torch.inference_mode()
def compare(
    checkpoint: Checkpoint, after: torch.Tensor, before: torch.Tensor, k: int = 8
) -> Compared:
    """Two logit vectors (V,) -> the k tokens that are most probable in one of them."""
    a, b = (x.double().softmax(-1) for x in (after, before))
    ids = torch.maximum(a, b).topk(min(k, len(a))).indices
    texts = tokens.display(checkpoint.tokenizer, ids.tolist())
    return Compared(ids.cpu().numpy(), texts, a[ids].cpu().numpy(), b[ids].cpu().numpy())


def without(
    checkpoint: Checkpoint,
    bank: Bank,
    recalled: asking.Recalled,
    gone: Sequence[int],
    settings: Settings,
) -> Trace:
    """The same prompt without the slots `gone` (indices of the bank); the others that were
    retrieved stay. None left: the base model from position 0."""
    read = asking.reading(checkpoint, bank, np.setdiff1d(recalled.kept, gone), settings)
    return run(checkpoint, recalled.trace.ids, reading=read, graft=recalled.trace.graft)


def without_external(
    checkpoint: Checkpoint,
    state: MemoryState,
    recalled: asking.Recalled,
    gone: Sequence[int],
    settings: Settings,
) -> Trace:
    """The same prompt without the EDM's slots `gone` (indices); all else is read as before."""
    assert state.external is not None, "no slots of an EDM to leave out"
    left = np.setdiff1d(np.arange(len(state.external)), np.asarray(gone))
    hidden = recalled.not_asked.external[left] if len(recalled.not_asked.external) else left[:0]
    graft = asking.graft_of(
        checkpoint, replace(state, external=state.external.select(left)), settings, hidden
    )
    return run(checkpoint, recalled.trace.ids, reading=recalled.trace.reading, graft=graft)


@torch.inference_mode()
def value_points_to(
    checkpoint: Checkpoint, values: torch.Tensor, slot: int, layer: int, head: int, k: int = 8
) -> tuple[list[str], np.ndarray]:
    """values (L,H,M,D) -> the k tokens that a slot's value of one head raises most, and by how much
    (logits, for a final LayerNorm of scale 1).

    The direct path only: value (D,) through its head's rows of c_proj, then ln_f's gain, then the
    LM head. Later layers, biases and the true scale are left out.
    """
    width = values.shape[-1]
    matrix = blocks(checkpoint.model)[layer].attn.c_proj.weight
    rows = matrix[head * width : (head + 1) * width]  # (D,C)
    return _promoted(checkpoint, values[layer, head, slot].to(rows) @ rows, k)


@torch.inference_mode()
def external_points_to(
    checkpoint: Checkpoint, value: torch.Tensor, k: int = 8
) -> tuple[list[str], np.ndarray]:
    """value (C,) of an EDM slot -> the k tokens that it raises most if it gets all read weight, and
    by how much (logits, for a final LayerNorm of scale 1).

    The direct path only: through the EDM's output matrix, then ln_f's gain, then the LM head. The
    layers above, biases and the true scale are left out.
    """
    assert checkpoint.memory is not None, "an EDM slot without trained memory"
    return _promoted(checkpoint, checkpoint.memory.external.output(value), k)


def _promoted(
    checkpoint: Checkpoint, written: torch.Tensor, k: int
) -> tuple[list[str], np.ndarray]:
    """written (C,) into the stream -> the k tokens it raises most, and their scores."""
    model, written = checkpoint.model, written.float()
    centred = (written - written.mean()) * model.transformer.ln_f.weight.float()
    scores = model.lm_head.weight.float() @ centred  # (V,)
    found = scores.topk(min(k, len(scores)))
    return tokens.display(checkpoint.tokenizer, found.indices.tolist()), found.values.cpu().numpy()


def each_alone(
    checkpoint: Checkpoint, state: MemoryState, ids: Ids, settings: Settings
) -> dict[str, torch.Tensor]:
    """The next token's logits (V,) of a prompt ids (T,): with "none" of the modules, with each
    active module alone (by name), and, if there are several, with "all" of them."""
    found = ask_each(checkpoint, state, ids, settings)
    return {name: one.trace.next_logits for name, one in found.items()}


def ask_each(
    checkpoint: Checkpoint, state: MemoryState, ids: Ids, settings: Settings,
    before: dict[str, asking.Recalled] | None = None,
) -> dict[str, asking.Recalled]:
    """`each_alone` as what each set of modules recalled; before: those of the prompt typed before."""
    before = before or {}
    return {
        name: asking.ask(
            checkpoint, state, ids, replace(settings, modules=modules), before.get(name)
        )
        for name, modules in sets_of(settings.modules).items()
    }


def sets_of(modules: frozenset[str]) -> dict[str, frozenset[str]]:
    """The sets of modules that `each_alone` compares, by name; all that are on come last."""
    on = [name for name in MODULES if name in modules]
    sets = {"none": frozenset[str](), **{name: frozenset({name}) for name in on}}
    return sets | {"all": frozenset(on)} if len(on) > 1 else sets
