"""Train memory on a frozen GPT-2: a generator of progress, resumable after a kill.

An episode tells, talks of other things, and asks in prompts of their own. What is told is read by
the plain frozen model once; its hidden states are what the modules write. What is asked is read
with memory, and gradients flow from the answers through the reads into the writes of all prompts
of the episode. Everything that is no answer is held to what the frozen model says (KL).
"""

import json
import math
import os
import random
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch
from torch.nn import functional as F

from model import checkpoint as checkpoints
from model.memory import graft, modules
from model.memory.external import Contents
from model.memory.graft import Graft
from model.memory.modules import Modules
from model.memory.variants import VARIANTS, modules_of

from . import base
from .corpus import CorpusError
from .episodes import Plan
from .memory_data import Asked, Batch, Data, Lesson, Told

CHECKPOINT, PROGRESS = "training.pt", "progress.jsonl"
KL_WEIGHT, NEVER_WEIGHT, GATE_WEIGHT = 1.0, 1.0, 0.2
GROUP = 24  # told prompts read at a time
NEVER = 0.3  # of the questions ask what was never told
ENOUGH = 0.8  # recall of held-out values at which the next lesson begins

LESSONS = (
    Lesson("one fact", Plan(facts=(1, 2), others=(0, 1), fillers=(0, 1), near=0.1, update=0.0,
                            unknown=NEVER), (0, 1)),
    Lesson("four facts", Plan(facts=(1, 4), others=(0, 3), fillers=(0, 2), update=0.1,
                              unknown=NEVER), (0, 3)),
    Lesson("many facts", Plan(facts=(1, 8), others=(0, 7), fillers=(0, 3), unknown=NEVER), (0, 3)),
)
# What a recurrent memory alone is taught: a state of C numbers does not learn to carry any words,
# but those of the lists (measured: never-seen values stay at 0 %).
RECURRENT = Lesson("known values", Plan(facts=(1, 3), others=(0, 1), fillers=(0, 1), near=0.1,
                                        update=0.0, unknown=NEVER, source="known"), (0, 3))
UNTIL = (0.15, 0.45, 1.0)  # a lesson ends here at the latest, as a fraction of the training,
RECURRENT_EVERY = 3  # steps: the others leave the recurrent memory alone; its backward pass goes
# token by token and takes longer than all the rest
WARM = tuple(12 * 2**i for i in range(8))  # tokens of other text that rows may begin behind
FEWEST = 150  # but in a short training not before so many steps each


@dataclass(frozen=True)
class Options:
    """One training of `steps` steps; at its end the learning rate is a twentieth of `peak`."""

    out: Path
    model: str = "embedded"
    variant: str = "gpt2-m"
    text: Path | None = None
    steps: int = 1500
    seed: int = 0
    rows: int = 16
    asks: int = 4
    cell: str = "gru"
    lora: int = 0
    peak: float = 2e-3
    every: int = 50  # steps between two measurements (and two checkpoints)
    n_recall: int = 96


@dataclass
class State:
    """What a resumed training needs besides weights, optimizer and random numbers."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    lesson: int = 0
    curves: list[dict] = field(default_factory=list)


@dataclass(eq=False)
class Training:
    """A training under way."""

    options: Options
    checkpoint: checkpoints.Checkpoint
    data: Data
    modules: Modules
    optimizer: torch.optim.Optimizer
    rng: random.Random
    state: State
    warm: dict[str, torch.Tensor] = field(default_factory=dict)  # name -> (len(WARM),S·C)

    @property
    def model(self):
        return self.checkpoint.model

    @property
    def lesson(self) -> Lesson:
        return LESSONS[self.state.lesson]

    @property
    def parts(self) -> frozenset[str]:
        """Which of early, late and edm are trained."""
        return modules_of(self.options.variant) - {"am"}


@dataclass(frozen=True, eq=False)
class Read:
    """The plain model's run of the told prompts, all (N,T,C): embeddings, the stream at the EDM's
    block, the last layer's normed output; surprisal (N,T) in nats, 0 for the first token."""

    first: torch.Tensor
    middle: torch.Tensor
    last: torch.Tensor
    surprisal: torch.Tensor


def start(options: Options, resume: bool = False, fresh: bool = True) -> Training:
    """A training at its first step, or where its checkpoint left it; fresh: forget the measurements
    of an earlier training in the same folder.

    Raises ValueError for a variant without anything to train, CorpusError where the text or the
    checkpoint to resume from is missing.
    """
    if not modules_of(options.variant) - {"am"}:
        trainable = [name for name, parts in VARIANTS.items() if parts - {"am"}]
        raise ValueError(f"nothing to train in {options.variant}: choose {', '.join(trainable)}")
    if resume and not (options.out / CHECKPOINT).is_file():
        raise CorpusError(f"nothing to resume: expected {options.out / CHECKPOINT}; check --out, "
                          "or start anew without --resume")
    options.out.mkdir(parents=True, exist_ok=True)
    loaded = checkpoints.load(options.model, dtype="float32")
    loaded.model.set_attn_implementation(base.ATTENTION)
    torch.manual_seed(options.seed)
    fresh = modules.untrained(loaded.model.config, options.cell, options.seed, options.lora)
    fresh.to(loaded.model.device)
    training = Training(options, loaded, Data(loaded.tokenizer, options.text), fresh,
                        _optimizer(fresh, options.peak),
                        random.Random(f"memory {options.seed}"), State())
    if resume:
        _load(options.out / CHECKPOINT, training)
    elif fresh:
        (options.out / PROGRESS).unlink(missing_ok=True)
    return training


def train(options: Options, resume: bool = False) -> Iterator[dict]:
    """Train to the last step; yields a measurement now and then. A file `pause` in options.out
    holds it, a file `stop` ends it early."""
    training = start(options, resume)
    yield from loop(training)


def loop(training: Training) -> Iterator[dict]:
    """Steps, and a measurement every `options.every` of them and at the end."""
    options, state = training.options, training.state
    while state.step < options.steps and not (options.out / "stop").exists():
        losses, began, n_before = [], time.monotonic(), state.tokens
        for _ in range(min(options.every, options.steps - state.step)):
            began += _wait_while_paused(options.out)  # a pause is not training time
            losses.append(step(training))
            if (options.out / "stop").exists():
                break
        busy = time.monotonic() - began
        state.seconds += busy
        yield _measure(training, losses, (state.tokens - n_before) / busy)


def written(training: Training) -> list[str]:
    """The parts that a memory file of this training holds."""
    return sorted(training.parts | ({"lora"} if training.modules.lora is not None else set()))


def step(training: Training) -> dict[str, float]:
    """One update of the modules -> the parts of its loss, in nats."""
    options, state = training.options, training.state
    _next_lesson(training)
    if "early" in training.parts and (not training.warm or state.step % options.every == 0):
        training.warm = warm_states(training)
    batch = training.data.batch(training.rng, lessons(training), options.asks)
    for group in training.optimizer.param_groups:
        group["lr"] = group["peak"] * rate(state.step, options.steps)
    training.optimizer.zero_grad(set_to_none=True)
    losses = loss_of(training, batch)
    total = (losses["loss"] + KL_WEIGHT * losses["kl"] + NEVER_WEIGHT * losses["never"]
             + GATE_WEIGHT * losses["gate"])
    total.backward()
    torch.nn.utils.clip_grad_norm_(training.modules.parameters(), 1.0)
    training.optimizer.step()
    state.step += 1
    state.tokens += int(batch.told.n.sum() + batch.asked.n.sum())
    return {name: value.item() for name, value in losses.items()}


def rate(step: int, steps: int) -> float:
    """Warm-up of 50 steps, then a cosine down to a twentieth."""
    done = min(1.0, step / steps)
    return min(1.0, (step + 1) / 50) * (0.05 + 0.95 * (1 + math.cos(math.pi * done)) / 2)


def loss_of(training: Training, batch: Batch) -> dict[str, torch.Tensor]:
    """loss: of the answers; kl: base ‖ with memory, where nothing is to change; never: the same
    where a question's answer was never told; gate: of what is worth writing. Mean nats."""
    told = _to(batch.told, training.model.device)
    asked = _to(batch.asked, training.model.device)
    read = read_plainly(training, told)
    salience = training.modules.external.salience(read.middle, read.surprisal)
    use = _switches(training, len(batch.episodes))
    memory = remember(training, told, read, salience, len(batch.episodes), use)
    parts = [_sums(training, part, memory) for part in by_length(asked)]
    real = torch.arange(told.ids.shape[1], device=told.n.device) < told.n[:, None]
    real[:, 0] = False
    gate = F.binary_cross_entropy_with_logits(
        salience[real], told.value[real], pos_weight=salience.new_tensor(2.0))
    means = {name: sum(part[name][0] for part in parts)
             / sum(part[name][1] for part in parts).clamp(min=1) for name in parts[0]}
    return {**means, "gate": gate}


def by_length(asked: Asked) -> list[Asked]:
    """The prompts in groups of similar length, so that little padding is read."""
    return [select(asked, some) for some in asked.n.argsort().split(GROUP)]


def _sums(training: Training, asked: Asked, memory: "Memory") -> dict[str, tuple]:
    """Name -> nats of some prompts, summed with their weights, and the sum of the weights."""
    place = _places(training, asked)
    log_p = logits(training, asked, pick(memory, asked.row), place)[:, :-1].log_softmax(-1)
    with torch.no_grad():
        base_p = logits(training, asked, None, place)[:, :-1].log_softmax(-1)
    weight, never = asked.weight[:, 1:], asked.never[:, 1:]
    real = torch.arange(1, asked.ids.shape[1], device=weight.device) < asked.n[:, None]
    nats = -log_p.gather(-1, asked.ids[:, 1:, None])[..., 0]
    kl = (base_p.exp() * (base_p - log_p)).sum(-1)
    counted = {"loss": (nats, weight), "kl": (kl, real & (weight == 0) & ~never),
               "never": (kl, never)}
    return {name: ((value * w).sum(), w.sum()) for name, (value, w) in counted.items()}


@torch.no_grad()
def warm_states(training: Training) -> dict[str, torch.Tensor]:
    """The states that ordinary text of the lengths WARM leaves. Half of the rows begin with one: a
    memory at work has nearly always read something before."""
    rng = random.Random(f"warm {training.options.seed} {training.state.step}")
    rows = [(row, *training.data.told(training.data.chatter(rng), ()))
            for row, wanted in enumerate(WARM) for _ in range(max(1, wanted // 24))]
    told = _to(training.data.as_told(rows), training.model.device)
    read = read_plainly(training, told)
    return {name: _carry(getattr(training.modules, name), stream, told, len(WARM))
            for name, stream in (("early", read.first), ("late", read.last))}


def _begin(training: Training, name: str, n_rows: int) -> torch.Tensor:
    """The states (B,S·C) that rows begin with: none, or while training half of them warm."""
    module = getattr(training.modules, name)
    blank = torch.zeros(n_rows, module.state_width, device=training.model.device)
    if not training.warm or not training.modules.training:
        return blank
    chosen = torch.randint(0, 2 * len(WARM), (n_rows,))
    cold = (chosen >= len(WARM)).to(blank.device)[:, None]
    return torch.where(cold, blank, training.warm[name][chosen % len(WARM)])


def read_plainly(training: Training, told: Told) -> Read:
    """The frozen model reads every told prompt alone, from position 0; no gradients."""
    return _read_plainly(training.model, training.modules.sizes.layer, told)


@torch.no_grad()
def _read_plainly(model, layer: int, told: Told) -> Read:
    """In groups of similar length, so that little padding is read."""
    order, T = told.n.argsort(), told.ids.shape[1]
    groups = []
    for some in order.split(GROUP):
        part = Told(*(getattr(told, name)[some] for name in ("ids", "n", "row", "value")))
        short = replace(part, ids=part.ids[:, : int(part.n.max())])
        groups.append(_read_group(model, layer, short))
    back = order.argsort()
    return Read(*(torch.cat([_longer(getattr(one, name), T) for one in groups])[back]
                  for name in ("first", "middle", "last", "surprisal")))


def _longer(x: torch.Tensor, T: int) -> torch.Tensor:
    """(n,t,…) with zeros behind, up to (n,T,…)."""
    return torch.cat([x, x.new_zeros(len(x), T - x.shape[1], *x.shape[2:])], dim=1)


def _read_group(model, layer: int, told: Told) -> Read:
    seen = {}
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
    return Read(seen["first"].float(), seen["middle"].float(), last.float(),
                F.pad(nats, (1, 0)))


@dataclass(frozen=True, eq=False)
class Memory:
    """What B rows hold: states (B,S·C) and slots; None where a module is not trained."""

    early: torch.Tensor | None
    late: torch.Tensor | None
    external: Contents | None


def remember(training: Training, told: Told, read: Read, salience, n_rows: int, use) -> Memory:
    """Everything the told prompts leave behind, row by row; part of the graph."""
    parts, external = training.modules, None
    if "edm" in training.parts:
        external = _slots(training, told, read, salience, n_rows, use["edm"])
    states = {"early": None, "late": None}
    for name, stream in (("early", read.first), ("late", read.last)):
        if name in training.parts and use["rnn"].any():
            begin = _begin(training, name, n_rows)
            carried = _carry(getattr(parts, name), stream, told, n_rows, begin)
            states[name] = carried * use["rnn"][:, None]
    return Memory(states["early"], states["late"], external)


def _carry(module, stream, told: Told, n_rows: int, begin=None) -> torch.Tensor:
    """The state (B,S·C) behind all prompts of each row: its prompts as one sequence."""
    begin = stream.new_zeros(n_rows, module.state_width) if begin is None else begin
    rows = [[stream[i, : told.n[i]] for i in (told.row == row).nonzero()[:, 0].tolist()]
            for row in range(n_rows)]
    joined = [torch.cat(prompts) for prompts in rows]
    n = torch.tensor([len(one) for one in joined])
    padded = torch.nn.utils.rnn.pad_sequence(joined, batch_first=True)
    return module.write(padded, begin, n)


def _slots(training: Training, told: Told, read: Read, salience, n_rows: int, use) -> Contents:
    """A slot for every token that passes the gate; <|endoftext|> is never stored."""
    keys, values = training.modules.external.write(read.middle, read.first)
    real = torch.arange(told.ids.shape[1], device=told.n.device) < told.n[:, None]
    real[:, 0] = False
    wanted = real & _passes(training, salience)
    rows = [told.row == row for row in range(n_rows)]
    pad = torch.nn.utils.rnn.pad_sequence
    parts = [pad([x[row][real[row]] for row in rows], batch_first=True)
             for x in (keys, values, salience, wanted)]
    filled = parts[3] & use[:, None].bool()
    newer = filled.flip(1).cumsum(1).flip(1) - filled.long()
    return Contents(parts[0], parts[1], parts[2], newer.float(), filled)


def _passes(training: Training, salience: torch.Tensor) -> torch.Tensor:
    """Early on everything passes, later what the gate lets through, with less and less noise."""
    done = training.state.step / training.options.steps
    if not training.modules.training or done >= 0.7:
        return salience > 0
    noise = torch.rand_like(salience).clamp(1e-6, 1 - 1e-6).logit()
    return salience + noise * (1 - done / 0.7) + 8 * max(0.0, 1 - done / 0.3) > 0


def reads(training: Training, n_rows: int) -> list[frozenset[str]]:
    """Which of edm and rnn each row reads: each alone, or both, so that each can stand alone when
    the other is switched off. While measuring, every row reads all."""
    trained = frozenset(training.parts)
    groups = frozenset({"edm"} & trained) | ({"rnn"} if "early" in trained else frozenset())
    if len(groups) == 1 or not training.modules.training:
        return [groups] * n_rows
    if training.state.step % RECURRENT_EVERY:
        return [frozenset({"edm"})] * n_rows
    return [(groups, frozenset({"rnn"}))[row % 2] for row in range(n_rows)]


def lessons(training: Training) -> list[Lesson]:
    """A lesson for every row."""
    alone = frozenset({"rnn"})
    rows = reads(training, training.options.rows)
    return [RECURRENT if read == alone else training.lesson for read in rows]


def _switches(training: Training, n_rows: int) -> dict[str, torch.Tensor]:
    """`reads` as (B,) of 0 and 1."""
    rows, device = reads(training, n_rows), training.model.device
    return {name: torch.tensor([float(name in read) for read in rows], device=device)
            for name in ("edm", "rnn")}


def pick(memory: Memory, rows: torch.Tensor) -> Memory:
    """The memory that each of Q prompts reads, by row number (Q,)."""
    external = memory.external
    if external is not None:
        external = Contents(*(getattr(external, name)[rows] for name in
                              ("keys", "values", "salience", "newer", "filled")))
    states = [None if x is None else x[rows] for x in (memory.early, memory.late)]
    return Memory(*states, external)


def _places(training: Training, asked: Asked) -> torch.Tensor:
    """Positions (Q,T): from 0, or a third of the time from anywhere that leaves room."""
    T, window = asked.ids.shape[1], training.model.config.n_positions
    n = len(asked.ids)
    begin = torch.randint(0, max(1, min(256, window - T)), (n,)) * (torch.rand(n) < 0.3)
    return (begin[:, None] + torch.arange(T)).to(training.model.device)


def logits(training: Training, asked: Asked, memory: Memory | None, places) -> torch.Tensor:
    """(Q,T,V) float32, with this memory, or plain for None."""
    reading = None
    if memory is not None:
        reading = Graft(training.modules, memory.early, memory.late, memory.external,
                        lora=training.modules.lora is not None)
    with graft.opened(reading), _numbers(training.model.device):
        return training.model(asked.ids, attention_mask=_causal(asked.ids), position_ids=places,
                              use_cache=False).logits.float()


def _numbers(device: torch.device):
    return torch.autocast(device.type, torch.bfloat16, enabled=base.bfloat16_pays(device))


def _causal(ids: torch.Tensor) -> torch.Tensor:
    T = ids.shape[1]
    mask = torch.full((1, 1, T, T), -1e9, device=ids.device).triu(1)
    return mask.expand(len(ids), -1, -1, -1)


def _to(part, device):
    return type(part)(**{name: getattr(part, name).to(device) for name in vars(part)})


def _optimizer(fresh: Modules, peak: float) -> torch.optim.Optimizer:
    """AdamW; what opens and closes learns five times as fast and does not decay (a gate that moves
    at the common rate stays where it began: MEMORY.md 1.4)."""
    fast = ("gate", "surprise", "null", "sharpness", "recency")
    named = list(fresh.named_parameters())
    opens = [p for name, p in named if any(word in name for word in fast) and p.ndim < 2]
    others = [p for _, p in named if all(p is not fast_one for fast_one in opens)]
    return torch.optim.AdamW(
        [{"params": others, "peak": peak, "weight_decay": 0.01},
         {"params": opens, "peak": 5 * peak, "weight_decay": 0.0}], lr=peak, betas=(0.9, 0.98))


def _next_lesson(training: Training) -> None:
    state, steps = training.state, training.options.steps
    while state.lesson + 1 < len(LESSONS) and state.step >= max(
        UNTIL[state.lesson] * steps, FEWEST * (state.lesson + 1)
    ):
        state.lesson += 1


def _wait_while_paused(folder: Path) -> float:
    """Waits while there is a file `pause` and none named `stop`; seconds waited."""
    began = time.monotonic()
    while (folder / "pause").exists() and not (folder / "stop").exists():
        time.sleep(0.2)
    return time.monotonic() - began


@torch.no_grad()
def recall(
    training: Training, lesson: Lesson, n: int, seed: str, unknown: float = 0.0
) -> dict[str, float]:
    """Share of n newly made episodes answered exactly, for every combination of what is trained and
    for the base; every answer token must be the most probable one. unknown 1: only questions whose
    answer was never told; what is wanted is "I do not know."."""
    rng, hits, total = random.Random(seed), {}, 0
    lesson = replace(lesson, plan=replace(lesson.plan, unknown=unknown))
    training.modules.eval()
    for first in range(0, n, 32):
        rows = min(32, n - first)
        batch = training.data.batch(rng, [lesson] * rows, 1)
        for name, right in answered(training, batch).items():
            hits[name] = hits.get(name, 0) + right
        total += rows
    training.modules.train()
    return {name: right / total for name, right in hits.items()}


def answered(training: Training, batch: Batch) -> dict[str, int]:
    """How many of a batch's first questions are answered exactly, by every combination."""
    rows = len(batch.episodes)
    _, asked, remembered = read_batch(training, batch)
    asked = select(asked, slice(0, rows))
    places = torch.arange(asked.ids.shape[1], device=asked.ids.device).expand(rows, -1)
    right = {}
    for name, some in combinations(pick(remembered, asked.row)).items():
        best = logits(training, asked, some, places).argmax(-1)
        same = (best[:, :-1] == asked.ids[:, 1:]) | ~(asked.answer | asked.never)[:, 1:]
        right[name] = int(same.all(-1).sum())
    return right


def read_batch(training: Training, batch: Batch) -> tuple[Told, Asked, Memory]:
    """A batch on the model's device, and what its told prompts leave behind."""
    rows = len(batch.episodes)
    told, asked = on_device(training, batch)
    read = read_plainly(training, told)
    salience = training.modules.external.salience(read.middle, read.surprisal)
    use = _switches(training, rows)
    return told, asked, remember(training, told, read, salience, rows, use)


def on_device(training: Training, batch: Batch) -> tuple[Told, Asked]:
    """A batch's tensors where the model is."""
    device = training.model.device
    return _to(batch.told, device), _to(batch.asked, device)


def select(asked: Asked, which) -> Asked:
    """Some of the prompts, padded no further than needed."""
    some = {name: getattr(asked, name)[which] for name in vars(asked)}
    T = int(some["n"].max())
    return Asked(**{name: x[:, :T] if x.ndim == 2 else x for name, x in some.items()})


def combinations(memory: Memory) -> dict[str, Memory | None]:
    """Every variant without fusion -> what it reads of this memory. Here gpt2-m is early, late and
    EDM together; at work it has fusion (AM) as well."""
    found = {"gpt2": None}
    if memory.early is not None:
        found["gpt2+rnn"] = Memory(memory.early, memory.late, None)
    if memory.external is not None:
        found["gpt2+edm"] = Memory(None, None, memory.external)
    if len(found) == 3:
        found["gpt2-m"] = memory
    return found


def _measure(training: Training, losses: list[dict], speed: float) -> dict:
    """Measures, appends the line to progress.jsonl, saves, and moves to the next lesson when the
    present one is learned."""
    options, state = training.options, training.state
    n, seed, lesson = options.n_recall, f"recall {state.step}", training.lesson
    held_out = replace(lesson, plan=replace(lesson.plan, source="unseen"))
    found = recall(training, held_out, n, seed)
    known = recall(training, RECURRENT, n // 2, seed)
    refused = recall(training, held_out, n // 2, seed, unknown=1.0)
    left = state.seconds / state.step * (options.steps - state.step)
    line = {
        "step": state.step, "steps": options.steps, "seconds": round(state.seconds, 1),
        "seconds_left": round(left, 1), "stage": training.lesson.name, "tokens": state.tokens,
        "tokens_per_second": round(speed, 1),
        **{name: round(sum(one[name] for one in losses) / len(losses), 4) for name in losses[0]},
        "recall": {name: round(value, 4) for name, value in found.items()},
        "recall_known": {name: round(value, 4) for name, value in known.items()},
        "recall_known_n": n // 2,
        "refused": {name: round(value, 4) for name, value in refused.items()},
        "recall_n": options.n_recall,
        "gates": openness(training),
    }
    state.curves.append(line)
    best = max(value for name, value in found.items() if name != "gpt2")
    if best >= ENOUGH and state.lesson + 1 < len(LESSONS):
        state.lesson += 1
    _save(options.out / CHECKPOINT, training)
    with open(options.out / PROGRESS, "a") as file:
        file.write(json.dumps(line) + "\n")
    return line


def openness(training: Training) -> dict[str, float]:
    """How far each module's way into the stream is open: the norm of its output matrix, 0 when
    untrained."""
    parts = training.modules
    ways = {"early": parts.early.output, "late": parts.late.output, "edm": parts.external.output}
    return {name: round(ways[name].weight.norm().item(), 4) for name in sorted(training.parts)}


def _save(path: Path, training: Training) -> None:
    temporary = path.with_suffix(".tmp")
    torch.save({"modules": training.modules.state_dict(),
                "optimizer": training.optimizer.state_dict(),
                "rng": json.dumps(training.rng.getstate()), "torch_rng": torch.get_rng_state(),
                "base": training.checkpoint.fingerprint,
                "state": json.dumps(asdict(training.state))}, temporary)
    os.replace(temporary, path)


def _load(path: Path, training: Training) -> None:
    saved = torch.load(path, map_location=training.model.device, weights_only=True)
    if saved["base"] != training.checkpoint.fingerprint:
        raise ValueError(f"{path} trains memory for another model ({saved['base']}), this one is "
                         f"{training.checkpoint.fingerprint}; choose that model, or another --out")
    training.modules.load_state_dict(saved["modules"])
    training.optimizer.load_state_dict(saved["optimizer"])
    version, internal, gauss = json.loads(saved["rng"])
    training.rng.setstate((version, tuple(internal), gauss))
    torch.set_rng_state(saved["torch_rng"].cpu())
    training.state = State(**json.loads(saved["state"]))
