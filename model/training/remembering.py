"""Writing told prompts into memory during training, and reading with that memory.

Everything here is part of the graph of one training episode, except the frozen model's reading.
B rows (episodes), N told prompts, Q prompts that read, T tokens, C model width, S·C numbers in a
recurrent state. Knows nothing of losses, lessons and files.
"""

import random
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch.nn import functional as F
from transformers import GPT2LMHeadModel

from model.grafts import graft
from model.grafts.external import Contents, newer, one_before
from model.grafts.graft import Graft
from model.grafts.recurrent import Recurrent
from model.training import base
from model.training.memory_data import AskedPrompts, LessonBatch, ToldPrompts
from model.training.under_way import MemoryTraining

Part = TypeVar("Part", ToldPrompts, AskedPrompts)

GROUP = 24  # prompts read at a time
RECURRENT_EVERY = 3  # steps: the others leave the recurrent memory alone; its backward pass goes
# token by token and takes longer than all the rest
WARM = tuple(12 * 2**i for i in range(8))  # tokens of other text that rows may begin behind


@dataclass(frozen=True, eq=False)
class ToldStreams:
    """The plain model's run of the told prompts, all (N,T,C): embeddings, the stream at the EDM's
    block, the last layer's normed output; surprisal (N,T) in nats, 0 for the first token."""

    first: torch.Tensor
    middle: torch.Tensor
    last: torch.Tensor
    surprisal: torch.Tensor


def by_length(asked: AskedPrompts) -> list[AskedPrompts]:
    """The prompts in groups of similar length, so that little padding is read."""
    return [select(asked, some) for some in asked.n.argsort().split(GROUP)]


@torch.no_grad()
def warm_states(training: MemoryTraining) -> dict[str, torch.Tensor]:
    """The states after ordinary text of the lengths WARM. Half of the rows begin with one, because
    a memory in use has nearly always read something before."""
    rng = random.Random(f"warm {training.options.seed} {training.state.step}")
    rows = [(row, *training.data.told(training.data.chatter(rng), ()))
            for row, wanted in enumerate(WARM) for _ in range(max(1, wanted // 24))]
    told = _to(training.data.as_told(rows), training.model.device)
    read = read_plainly(training, told)
    return {name: _carry(getattr(training.modules, name), stream, told, len(WARM))
            for name, stream in (("early", read.first), ("late", read.last))}


def _begin(training: MemoryTraining, name: str, n_rows: int) -> torch.Tensor:
    """The states (B,S·C) that rows begin with: none, or while training half of them warm."""
    module = getattr(training.modules, name)
    blank = torch.zeros(n_rows, module.state_width, device=training.model.device)
    if not training.warm or not training.modules.training:
        return blank
    chosen = torch.randint(0, 2 * len(WARM), (n_rows,))
    cold = (chosen >= len(WARM)).to(blank.device)[:, None]
    return torch.where(cold, blank, training.warm[name][chosen % len(WARM)])


def read_plainly(training: MemoryTraining, told: ToldPrompts) -> ToldStreams:
    """The frozen model reads every told prompt alone, from position 0; no gradients."""
    return _read_plainly(training.model, training.modules.sizes.layer, told)


@torch.no_grad()
def _read_plainly(model: GPT2LMHeadModel, layer: int, told: ToldPrompts) -> ToldStreams:
    """In groups of similar length, so that little padding is read."""
    order, T = told.n.argsort(), told.ids.shape[1]
    groups = []
    for some in order.split(GROUP):
        part = ToldPrompts(*(getattr(told, name)[some] for name in ("ids", "n", "row", "value")))
        short = replace(part, ids=part.ids[:, : int(part.n.max())])
        groups.append(_read_group(model, layer, short))
    back = order.argsort()
    return ToldStreams(*(torch.cat([_longer(getattr(one, name), T) for one in groups])[back]
                         for name in ("first", "middle", "last", "surprisal")))


def _longer(x: torch.Tensor, T: int) -> torch.Tensor:
    """(n,t,…) padded with zeros to (n,T,…)."""
    return torch.cat([x, x.new_zeros(len(x), T - x.shape[1], *x.shape[2:])], dim=1)


def _read_group(model: GPT2LMHeadModel, layer: int, told: ToldPrompts) -> ToldStreams:
    T, window = told.ids.shape[1], model.config.n_positions
    if T > window:
        raise ValueError(f"Window too small: training tells prompts of {T} tokens, this model reads "
                         f"{window}. Choose a model with a longer window.")
    seen: dict[str, torch.Tensor] = {}
    hooks = [model.transformer.h[0].register_forward_pre_hook(
        lambda block, inputs: seen.update(first=inputs[0])),
        model.transformer.h[layer].register_forward_pre_hook(
        lambda block, inputs: seen.update(middle=inputs[0]))]
    try:
        with _numbers(model.device):
            last = model.transformer(told.ids, attention_mask=_causal(told.ids),
                                     use_cache=False).last_hidden_state
            logits = model.lm_head(last[:, :-1])
    finally:
        for hook in hooks:
            hook.remove()
    nats = F.cross_entropy(logits.float().flatten(0, 1), told.ids[:, 1:].flatten(),
                           reduction="none").view(len(told.ids), -1)
    return ToldStreams(seen["first"].float(), seen["middle"].float(), last.float(),
                       F.pad(nats, (1, 0)))


@dataclass(frozen=True, eq=False)
class Remembered:
    """What B rows hold: states (B,S·C) and slots; None where a module is not trained."""

    early: torch.Tensor | None
    late: torch.Tensor | None
    external: Contents | None


def remember(
    training: MemoryTraining, told: ToldPrompts, read: ToldStreams, salience: torch.Tensor,
    n_rows: int,
    use: dict[str, torch.Tensor],
) -> Remembered:
    """Everything the told prompts leave behind, row by row; part of the graph."""
    parts, external = training.modules, None
    if "edm" in training.parts:
        external = _slots(training, told, read, salience, n_rows, use["edm"])
    states: dict[str, torch.Tensor | None] = {"early": None, "late": None}
    for name, stream in (("early", read.first), ("late", read.last)):
        if name in training.parts and use["rnn"].any():
            begin = _begin(training, name, n_rows)
            carried = _carry(getattr(parts, name), stream, told, n_rows, begin)
            states[name] = carried * use["rnn"][:, None]
    return Remembered(states["early"], states["late"], external)


def _carry(
    module: Recurrent, stream: torch.Tensor, told: ToldPrompts, n_rows: int,
    begin: torch.Tensor | None = None,
) -> torch.Tensor:
    """The state (B,S·C) after all prompts of each row, read as one sequence."""
    begin = stream.new_zeros(n_rows, module.state_width) if begin is None else begin
    rows = [[stream[i, : told.n[i]] for i in (told.row == row).nonzero()[:, 0].tolist()]
            for row in range(n_rows)]
    joined = [torch.cat(prompts) for prompts in rows]
    n = torch.tensor([len(one) for one in joined])
    padded = torch.nn.utils.rnn.pad_sequence(joined, batch_first=True)
    return module.write(padded, begin, n)


def _slots(
    training: MemoryTraining, told: ToldPrompts, read: ToldStreams, salience: torch.Tensor,
    n_rows: int,
    use: torch.Tensor,
) -> Contents:
    """A slot for every token that passes the gate; <|endoftext|> is never stored."""
    keys, values = training.modules.external.write(
        read.middle, one_before(read.middle), read.first)
    real = torch.arange(told.ids.shape[1], device=told.n.device) < told.n[:, None]
    real[:, 0] = False
    wanted = real & _passes(training, salience)
    rows = [told.row == row for row in range(n_rows)]
    pad = torch.nn.utils.rnn.pad_sequence
    parts = [pad([x[row][real[row]] for row in rows], batch_first=True)
             for x in (keys, values, salience, wanted)]
    filled = parts[3] & use[:, None].bool()
    return Contents(parts[0], parts[1], parts[2], newer(filled), filled)


def _passes(training: MemoryTraining, salience: torch.Tensor) -> torch.Tensor:
    """At first everything passes; later only what the gate lets through, with less and less
    noise."""
    done = training.state.step / training.options.steps
    done = 1.0 if training.options.weights is not None else done
    if not training.modules.training or done >= 0.7:
        return salience > 0
    noise = torch.rand_like(salience).clamp(1e-6, 1 - 1e-6).logit()
    return salience + noise * (1 - done / 0.7) + 8 * max(0.0, 1 - done / 0.3) > 0


def reads(training: MemoryTraining, n_rows: int) -> list[frozenset[str]]:
    """Which of edm and rnn each row reads: each alone, or both, so that each can stand alone when
    the other is switched off. While measuring, every row reads all."""
    trained = frozenset(training.parts)
    groups = frozenset({"edm"} & trained) | ({"rnn"} if "early" in trained else frozenset())
    if len(groups) == 1 or not training.modules.training:
        return [groups] * n_rows
    if training.state.step % RECURRENT_EVERY:
        return [frozenset({"edm"})] * n_rows
    return [(groups, frozenset({"rnn"}))[row % 2] for row in range(n_rows)]


def switches(training: MemoryTraining, n_rows: int) -> dict[str, torch.Tensor]:
    """`reads` as (B,) of 0 and 1."""
    rows, device = reads(training, n_rows), training.model.device
    return {name: torch.tensor([float(name in read) for read in rows], device=device)
            for name in ("edm", "rnn")}


def pick(memory: Remembered, rows: torch.Tensor) -> Remembered:
    """The memory that each of Q prompts reads, by row number (Q,)."""
    external = memory.external
    if external is not None:
        external = Contents(*(getattr(external, name)[rows] for name in
                              ("keys", "values", "salience", "newer", "filled")))
    early, late = (None if x is None else x[rows] for x in (memory.early, memory.late))
    return Remembered(early, late, external)


def places_of(training: MemoryTraining, asked: AskedPrompts) -> torch.Tensor:
    """Positions (Q,T): from 0, or a third of the time from anywhere that leaves room."""
    T, window = asked.ids.shape[1], training.model.config.n_positions
    n = len(asked.ids)
    begin = torch.randint(0, max(1, min(256, window - T)), (n,)) * (torch.rand(n) < 0.3)
    return (begin[:, None] + torch.arange(T)).to(training.model.device)


def logits(
    training: MemoryTraining, asked: AskedPrompts, memory: Remembered | None, places: torch.Tensor
) -> torch.Tensor:
    """(Q,T,V) float32, with this memory, or plain for None."""
    reading = None
    if memory is not None:
        reading = Graft(training.modules, memory.early, memory.late, memory.external,
                        lora=training.modules.lora is not None)
    with graft.opened(reading), _numbers(training.model.device):
        return training.model(asked.ids, attention_mask=_causal(asked.ids), position_ids=places,
                              use_cache=False).logits.float()


def _numbers(device: torch.device) -> torch.autocast:
    return torch.autocast(device.type, torch.bfloat16, enabled=base.bfloat16_pays(device))


def _causal(ids: torch.Tensor) -> torch.Tensor:
    T = ids.shape[1]
    mask = torch.full((1, 1, T, T), -1e9, device=ids.device).triu(1)
    return mask.expand(len(ids), -1, -1, -1)


def _to(part: Part, device: torch.device) -> Part:
    return type(part)(**{name: getattr(part, name).to(device) for name in vars(part)})


def read_batch(
    training: MemoryTraining, batch: LessonBatch
) -> tuple[ToldPrompts, AskedPrompts, Remembered]:
    """A batch on the model's device, and the memory of its told prompts."""
    rows = len(batch.episodes)
    told, asked = on_device(training, batch)
    read = read_plainly(training, told)
    salience = training.modules.external.salience(read.middle, read.surprisal)
    use = switches(training, rows)
    return told, asked, remember(training, told, read, salience, rows, use)


def on_device(training: MemoryTraining, batch: LessonBatch) -> tuple[ToldPrompts, AskedPrompts]:
    """A batch's tensors where the model is."""
    device = training.model.device
    return _to(batch.told, device), _to(batch.asked, device)


def select(asked: AskedPrompts, which: torch.Tensor | slice) -> AskedPrompts:
    """Some of the prompts, padded no further than needed."""
    some = {name: getattr(asked, name)[which] for name in vars(asked)}
    T = int(some["n"].max())
    return AskedPrompts(**{name: x[:, :T] if x.ndim == 2 else x for name, x in some.items()})


def combinations(memory: Remembered) -> dict[str, Remembered | None]:
    """Every variant without fusion -> what it reads of this memory. Here gpt2-m is early, late and
    EDM together; in use it has fusion (AM) as well."""
    found: dict[str, Remembered | None] = {"gpt2": None}
    if memory.early is not None:
        found["gpt2+rnn"] = Remembered(memory.early, memory.late, None)
    if memory.external is not None:
        found["gpt2+edm"] = Remembered(None, None, memory.external)
    if len(found) == 3:
        found["gpt2-m"] = memory
    return found
