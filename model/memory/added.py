"""What each memory module adds to the stream, token by token, and how far its gate is open.

Computed from a trace and the memory it read, exactly as the run did: the stream before a module
plus what it added is the stream after it. Knows nothing of looks and sessions.
"""

from dataclasses import dataclass

import numpy as np
import torch

from model.grafts.blocks import blocks
from model.grafts.modules import Modules
from model.memory import fusion, held
from model.memory.held import Carried
from model.run import borders, tokens
from model.run.checkpoint import Checkpoint
from model.run.tokens import Ids
from model.run.trace import Trace, run


@dataclass(frozen=True, eq=False)
class Added:
    """One module's part in a run: the stream before it and what it added, (T,C) float32 each."""

    before: torch.Tensor
    added: torch.Tensor

    @property
    def norms(self) -> tuple[np.ndarray, np.ndarray]:
        """Lengths of what was added and of the stream it was added to, (T,) each."""
        return tuple(x.norm(dim=-1).cpu().numpy() for x in (self.added, self.before))


@torch.inference_mode()
def by_modules(checkpoint: Checkpoint, trace: Trace) -> dict[str, Added]:
    """What trained memory added: early over the embeddings, edm before its block, late before the
    LM head. Modules that read nothing in this run are left out."""
    graft, found = trace.graft, {}
    if graft is not None and graft.early is not None:
        before = _embeddings(checkpoint, trace)
        found["early"] = _with(before, graft.modules.early.read(before[None], graft.early)[0])
    if graft is not None and graft.external is not None:
        query = trace.external_query()
        assert query is not None, "an EDM was read, but its query was not seen"
        added = graft.modules.external.read(query[None], graft.external)[0][0]
        found["edm"] = _with(query, added)
    if graft is not None and graft.late is not None:
        before = checkpoint.model.transformer.ln_f(trace.layer_stream(-1))
        found["late"] = _with(before, graft.modules.late.read(before[None], graft.late)[0])
    return found


@torch.inference_mode()
def by_attention(checkpoint: Checkpoint, trace: Trace, layer: int) -> Added:
    """AM's part in one layer: what the weights on memory's slots, times their values, put into the
    stream through c_proj. The rest of what attention added came from the prompt's own tokens."""
    before = trace.layer_stream(2 * layer).float()
    if trace.reading is None:
        return Added(before, torch.zeros_like(before))
    weights = fusion.union_weights(checkpoint, trace, layer)[..., : len(trace.reading.kept)]
    mixed = weights @ trace.reading.values[layer].to(weights)  # (H,T,D)
    rows = blocks(checkpoint.model)[layer].attn.c_proj.weight.float()  # (C,C)
    return Added(before, mixed.transpose(0, 1).flatten(1) @ rows)


@torch.inference_mode()
def openness(checkpoint: Checkpoint, trace: Trace) -> dict[str, np.ndarray]:
    """How far each module is open at each token, (T,) of 0 to 1. early, late: the gate, mean over
    channels; edm: the weight not on the null slot, mean over its heads; am: the share of attention
    that went to memory, mean over layers and heads. Modules that read nothing are left out.
    """
    found: dict[str, np.ndarray] = {}
    graft, parts = trace.graft, by_modules(checkpoint, trace)
    for name in ("early", "late"):
        if graft is not None and name in parts:
            module = getattr(graft.modules, name)
            gate = module.openness(parts[name].before[None])[0]  # (T,C)
            found[name] = gate.mean(-1).cpu().numpy()
    if "edm" in parts:
        found["edm"] = 1 - held.read_weights(trace)[..., 0].mean(0)
    if trace.reading is not None:
        found["am"] = fusion.read_weights(checkpoint, trace).sum(-1).mean((0, 1))
    return found


@dataclass(frozen=True, eq=False)
class Path:
    """A recurrent state along one prompt of T tokens, <|endoftext|> in front included.

    names: T visible strings; norms (T,): length of the state after each token; cosines (T,): to the
    state one token before, NaN if that was still zero.
    """

    names: list[str]
    norms: np.ndarray
    cosines: np.ndarray


@torch.inference_mode()
def paths(checkpoint: Checkpoint, carried: Carried | None, ids: Ids) -> dict[str, Path]:
    """The states of the trained recurrent memories, token by token, while a prompt of ids (T-1,),
    at most one window, is told on trial."""
    plain = run(checkpoint, borders.with_start(checkpoint, ids))
    streams, modules = held.streams_of(checkpoint, plain), checkpoint.memory
    found: dict[str, Path] = {}
    assert modules is not None, "paths of states without trained memory"
    names = tokens.display(checkpoint.tokenizer, plain.ids)
    for name in ("early", "late"):
        if name not in modules.parts:
            continue
        module, stream = getattr(modules, name), streams[name]
        state = stream.new_zeros(module.state_width) if carried is None else getattr(carried, name)
        behind = module.path(stream[None], state[None])  # (T,C)
        along = torch.cat([state[None, : module.width], behind]).double()
        found[name] = Path(names, *_steps(along))
    return found


@torch.inference_mode()
def changes(
    modules: Modules, before: Carried | None, after: Carried | None
) -> dict[str, tuple[float, float]]:
    """Recurrent module -> (length of its hidden state, cosine to the one before; NaN if that was
    zero) of one prompt told. Empty if no recurrent state was written."""
    found: dict[str, tuple[float, float]] = {}
    for name in ("early", "late") if after is not None else ():
        if name in modules.parts:
            width, new = modules.sizes.width, getattr(after, name)
            old = torch.zeros_like(new) if before is None else getattr(before, name)
            norms, cosines = _steps(torch.stack([old, new])[:, :width].double())
            found[name] = (float(norms[0]), float(cosines[0]))
    return found


def _steps(states: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """states (T+1,C) -> lengths of the last T, and their cosines to the one before."""
    norms = states.norm(dim=-1)
    cosines = (states[1:] * states[:-1]).sum(-1) / (norms[1:] * norms[:-1])  # 0/0: NaN
    return norms[1:].cpu().numpy(), cosines.clamp(-1, 1).cpu().numpy()


def _embeddings(checkpoint: Checkpoint, trace: Trace) -> torch.Tensor:
    """Token and position embeddings (T,C): the stream before the early memory."""
    body, n = checkpoint.model.transformer, len(trace)
    places = torch.arange(n) if trace.reading is None else trace.reading.positions(0, n)
    ids = torch.as_tensor(np.array(trace.ids), device=checkpoint.model.device)
    stream: torch.Tensor = body.wte(ids) + body.wpe(places.to(ids.device))
    return stream


def _with(before: torch.Tensor, added: torch.Tensor) -> Added:
    return Added(before.float(), added.float())
