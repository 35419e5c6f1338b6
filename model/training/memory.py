"""Train memory on a frozen GPT-2: a generator of progress, resumable after a kill.

An episode tells facts, talks of other things, and asks, each in prompts of their own. The plain
frozen model reads the told prompts once, and the modules write its hidden states. Questions are
read with memory, and gradients flow from the answers through the reads into the writes of all
prompts of the episode. On all other tokens the model must stay close to the frozen model (KL).
"""

import io
import json
import math
import random
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import torch
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint as recomputed

from model.disk.whole import make_folder, write_bytes
from model.grafts import modules
from model.grafts.modules import Modules
from model.loading import checkpoint as checkpoints
from model.memory.variants import VARIANTS, modules_of
from model.run import borders
from model.run.checkpoint import Checkpoint
from model.training import base, four_bit, remembering, saved
from model.training.corpus import CorpusError
from model.training.memory_data import AskedPrompts, Data, Lesson, LessonBatch
from model.training.processes import ALONE, Processes
from model.training.remembering import Remembered
from model.training.under_way import (
    GIST,
    LESSONS,
    RECURRENT,
    MemoryTraining,
    MemoryTrainingOptions,
    MemoryTrainingState,
)

CHECKPOINT, PROGRESS = "training.pt", "progress.jsonl"
KL_WEIGHT, NEVER_WEIGHT, GATE_WEIGHT = 1.0, 1.0, 0.2
MISSED = 300.0  # what a value without a slot costs, in tokens that got one for nothing: which word of
# a sentence will be asked for, nobody knows (at 2, 54 % of open values were written; at 300, 95 %)
ENOUGH = 0.8  # recall of held-out values at which the next lesson begins
UNTIL = (0.15, 0.45, 1.0)  # a lesson ends here at the latest, as a fraction of the training,
FROM_PEAK = 1e-3  # learning rate of a training that goes on from trained memory
AT_ONCE = 32  # episodes that are measured at a time
READ_AGAIN = 4  # prompts that gradient checkpointing reads at a time
PARTS = ("loss", "kl", "never")
FEWEST = 150  # but in a short training not before so many steps each


def start(
    options: MemoryTrainingOptions, resume: bool = False, fresh: bool = True,
    processes: Processes = ALONE,
) -> MemoryTraining:
    """A training at its first step, or at the step of its checkpoint, on a model of its own; fresh:
    delete the measurements of an earlier training in the same folder.

    Raises ValueError for a variant with nothing to train, CorpusError if the text or the checkpoint
    to resume from is missing.
    """
    if not modules_of(options.variant) - {"am"}:
        trainable = [name for name, parts in VARIANTS.items() if parts - {"am"}]
        raise ValueError(f"Nothing to train in {options.variant}. Choose {', '.join(trainable)}.")
    if options.rows < processes.number:
        raise ValueError(f"{options.rows} episodes a step cannot be shared by {processes.number} "
                         f"processes. Give --rows {processes.number} or more.")
    if resume and not (options.out / CHECKPOINT).is_file():
        raise CorpusError(f"Nothing to resume: there is no {options.out / CHECKPOINT}. Check "
                          "--out, or start anew without --resume.")
    if options.four_bit:
        four_bit.check(processes.device)
    make_folder(options.out)
    loaded = checkpoints.load(options.model, processes.device, "float32")
    start = _start(loaded)
    if options.four_bit:
        four_bit.quantize(loaded.model)
    loaded.model.set_attn_implementation(base.ATTENTION)
    torch.manual_seed(options.seed)
    own = modules.untrained(loaded.model.config, options.cell, options.seed, options.lora)
    if options.weights is not None:
        modules.fill_from(own, options.weights)
    own.to(loaded.model.device)
    training = MemoryTraining(options, loaded, Data(loaded.tokenizer, options.text, start), own,
                              optimizer_of(own, options.peak),
                              random.Random(f"memory {options.seed}"), MemoryTrainingState(),
                              processes=processes)
    if options.weights is not None:
        training.state.lesson = len(LESSONS) - 1
    if resume:
        _load(options.out / CHECKPOINT, training)
    elif fresh and processes.first:
        (options.out / PROGRESS).unlink(missing_ok=True)
    return training


def _start(loaded: Checkpoint) -> int:
    """The token in front of every prompt. Raises ValueError where memory cannot be trained."""
    start = borders.start(loaded)
    if not len(start) or getattr(loaded.tokenizer, "backend_tokenizer", None) is None:
        lacks = "is written in Python" if len(start) else "has no token in front of a text"
        raise ValueError(
            f"Memory cannot be trained for {loaded.name}: its tokenizer {lacks}. Choose another model; "
            "--variant gpt2+am of `generate` needs no training."
        )
    return int(start[0])


def train(options: MemoryTrainingOptions, resume: bool = False) -> Iterator[dict]:
    """Train to the last step; yields a measurement now and then. A file `pause` in options.out
    holds it, a file `stop` ends it early."""
    training = start(options, resume)
    yield from loop(training)


def loop(training: MemoryTraining) -> Iterator[dict]:
    """Steps, and a measurement every `options.every` of them and at the end."""
    options, state = training.options, training.state
    while state.step < options.steps and not _stopped(training):
        losses, began, n_before = [], time.monotonic(), state.tokens
        for _ in range(min(options.every, options.steps - state.step)):
            began += _wait_while_paused(options.out)  # a pause is not training time
            losses.append(step(training))
            if _stopped(training):
                break
        busy = time.monotonic() - began
        state.seconds += busy
        yield _measure(training, losses, (state.tokens - n_before) / busy)


def _stopped(training: MemoryTraining) -> bool:
    """Whether there is a file `stop`; the same in all processes."""
    return training.processes.any((training.options.out / "stop").exists())


def written(training: MemoryTraining) -> list[str]:
    """The parts that a memory file of this training holds."""
    return sorted(training.parts | ({"lora"} if training.modules.lora is not None else set()))


def step(training: MemoryTraining) -> dict[str, float]:
    """One update of the modules -> the parts of its loss, in nats."""
    options, state = training.options, training.state
    _next_lesson(training)
    if "early" in training.parts and (not training.warm or state.step % options.every == 0):
        training.warm = remembering.warm_states(training)
    batch = training.data.batch(training.rng, lessons(training), options.asks)
    for group in training.optimizer.param_groups:
        group["lr"] = group["peak"] * rate(state.step, options.steps)
    training.optimizer.zero_grad(set_to_none=True)
    losses = loss_of(training, batch)
    total = (losses["loss"] + KL_WEIGHT * losses["kl"] + NEVER_WEIGHT * losses["never"]
             + GATE_WEIGHT * losses["gate"])
    total.backward()
    training.processes.add_gradients(training.modules.parameters())
    torch.nn.utils.clip_grad_norm_(training.modules.parameters(), 1.0)
    training.optimizer.step()
    state.step += 1
    state.tokens += int(batch.told.n.sum() + batch.asked.n.sum())
    found = training.processes.total(torch.stack(list(losses.values())).detach())
    return dict(zip(losses, found.tolist()))


def rate(step: int, steps: int) -> float:
    """Warm-up of 50 steps, then a cosine down to a twentieth."""
    done = min(1.0, step / steps)
    return min(1.0, (step + 1) / 50) * (0.05 + 0.95 * (1 + math.cos(math.pi * done)) / 2)


def loss_of(training: MemoryTraining, batch: LessonBatch) -> dict[str, torch.Tensor]:
    """Mean nats. loss: of the answers; kl: base ‖ with memory, on tokens that should not change;
    never: the same for questions whose answer was never told; gate: of which tokens are worth
    writing. Of several processes each has its part of every mean; together they are the whole."""
    told, asked = remembering.on_device(training, batch)
    read = remembering.read_plainly(training, told)
    salience = training.modules.external.salience(read.middle, read.surprisal)
    use = remembering.switches(training, len(batch.episodes))
    memory = remembering.remember(training, told, read, salience, len(batch.episodes), use)
    groups = remembering.by_length(asked)
    placed = [(group, remembering.places_of(training, group)) for group in groups]
    if training.recomputes:
        placed = [few for one in placed for few in _few(*one)]
    parts = [_sums_in_memory(training, part, memory, place)
             for part, place in training.processes.share(placed)]
    real = torch.arange(told.ids.shape[1], device=told.n.device) < told.n[:, None]
    real[:, 0] = False
    gate = F.binary_cross_entropy_with_logits(
        salience[real], told.value[real], pos_weight=salience.new_tensor(MISSED))
    weights = training.processes.total(torch.stack([torch.stack([w for _, w in part]) for part in parts]).sum(0))
    means = {name: torch.stack([part[i][0] for part in parts]).sum() / weights[i].clamp(min=1)
             for i, name in enumerate(PARTS)}
    return {**means, "gate": gate / training.processes.number}


def _few(asked: AskedPrompts, place: torch.Tensor) -> Iterator[tuple[AskedPrompts, torch.Tensor]]:
    """READ_AGAIN prompts at a time, with their positions."""
    for some in torch.arange(len(place)).split(READ_AGAIN):
        part = remembering.select(asked, some)
        yield part, place[some, : part.ids.shape[1]]


def _sums_in_memory(
    training: MemoryTraining, asked: AskedPrompts, memory: Remembered, place: torch.Tensor
) -> list[tuple]:
    """`_sums`; with gradient checkpointing the backward pass reads the prompts again instead of
    keeping every layer's numbers."""
    if training.recomputes:
        return recomputed(_sums, training, asked, memory, place, use_reentrant=False)
    return _sums(training, asked, memory, place)


def _sums(
    training: MemoryTraining, asked: AskedPrompts, memory: Remembered, place: torch.Tensor
) -> list[tuple]:
    """For each of PARTS: nats of some prompts, summed with their weights, and the sum of the
    weights."""
    read = remembering.pick(memory, asked.row)
    log_p = remembering.logits(training, asked, read, place)[:, :-1].log_softmax(-1)
    with torch.no_grad():
        base_p = remembering.logits(training, asked, None, place)[:, :-1].log_softmax(-1)
    weight, never = asked.weight[:, 1:], asked.never[:, 1:]
    real = torch.arange(1, asked.ids.shape[1], device=weight.device) < asked.n[:, None]
    nats = -log_p.gather(-1, asked.ids[:, 1:, None])[..., 0]
    kl = (base_p.exp() * (base_p - log_p)).sum(-1)
    counted = ((nats, weight), (kl, (real & (weight == 0) & ~never).float()), (kl, never.float()))
    return [((value * w).sum(), w.sum()) for value, w in counted]


def lessons(training: MemoryTraining) -> list[Lesson]:
    """A lesson for every row."""
    alone = frozenset({"rnn"})
    rows = remembering.reads(training, training.options.rows)
    return [(RECURRENT, GIST)[row // 2 % 2] if read == alone else training.lesson
            for row, read in enumerate(rows)]


def optimizer_of(fresh: Modules, peak: float) -> torch.optim.Optimizer:
    """AdamW; gates learn five times as fast and do not decay (at the common rate a gate stays where
    it began: MEMORY.md 1.4)."""
    fast = ("gate", "surprise", "null", "sharpness", "recency")
    named = list(fresh.named_parameters())
    opens = [p for name, p in named if any(word in name for word in fast) and p.ndim < 2]
    others = [p for _, p in named if all(p is not fast_one for fast_one in opens)]
    return torch.optim.AdamW(
        [{"params": others, "peak": peak, "weight_decay": 0.01},
         {"params": opens, "peak": 5 * peak, "weight_decay": 0.0}], lr=peak, betas=(0.9, 0.98))


def _next_lesson(training: MemoryTraining) -> None:
    state, steps = training.state, training.options.steps
    while state.lesson + 1 < len(LESSONS) and state.step >= last_step(state.lesson, steps):
        state.lesson += 1


def last_step(lesson: int, steps: int) -> int:
    """The step of a training of so many at which a lesson ends at the latest."""
    if lesson + 1 == len(LESSONS):
        return steps
    return max(math.ceil(UNTIL[lesson] * steps), FEWEST * (lesson + 1))


def _wait_while_paused(folder: Path) -> float:
    """Waits while there is a file `pause` and none named `stop`; seconds waited."""
    began = time.monotonic()
    while (folder / "pause").exists() and not (folder / "stop").exists():
        time.sleep(0.2)
    return time.monotonic() - began


@torch.no_grad()
def recall(
    training: MemoryTraining, lesson: Lesson, n: int, seed: str, unknown: float = 0.0
) -> dict[str, float]:
    """Share of n newly made episodes answered exactly, for every combination of trained modules and
    for the base; every answer token must be the most probable one. unknown 1: only questions whose
    answer was never told; the right answer is "I do not know."."""
    rng, total = random.Random(seed), 0
    hits: dict[str, int] = {}
    lesson = replace(lesson, plan=replace(lesson.plan, unknown=unknown),
                     open_plan=replace(lesson.open_plan, unknown=unknown))
    training.modules.eval()
    for first in range(0, n, AT_ONCE):
        rows = min(AT_ONCE, n - first)
        batch = training.data.batch(rng, [lesson] * rows, 1)
        for name, right in answered(training, batch).items():
            hits[name] = hits.get(name, 0) + right
        total += rows
    training.modules.train()
    return {name: right / total for name, right in hits.items()}


def answered(training: MemoryTraining, batch: LessonBatch) -> dict[str, int]:
    """How many of a batch's first questions are answered exactly, by every combination."""
    rows = len(batch.episodes)
    _, asked, remembered = remembering.read_batch(training, batch)
    asked = remembering.select(asked, slice(0, rows))
    places = torch.arange(asked.ids.shape[1], device=asked.ids.device).expand(rows, -1)
    right = {}
    for name, some in remembering.combinations(remembering.pick(remembered, asked.row)).items():
        best = remembering.logits(training, asked, some, places).argmax(-1)
        same = (best[:, :-1] == asked.ids[:, 1:]) | ~(asked.answer | asked.never)[:, 1:]
        right[name] = int(same.all(-1).sum())
    return right


def _measure(training: MemoryTraining, losses: list[dict], speed: float) -> dict:
    """Measure, append the line to progress.jsonl, save, and go to the next lesson if this one is
    learned. Of several processes, the first does it for all."""
    options, state = training.options, training.state
    first = training.processes.first
    line = training.processes.from_first(_line(training, losses, speed) if first else {})
    state.curves.append(line)
    best = max(value for name, value in line["recall"].items() if name != "gpt2")
    if best >= ENOUGH and state.lesson + 1 < len(LESSONS):
        state.lesson += 1
    if first:
        _save(options.out / CHECKPOINT, training)
        with open(options.out / PROGRESS, "a") as file:
            file.write(json.dumps(line) + "\n")
    return line


def _line(training: MemoryTraining, losses: list[dict], speed: float) -> dict:
    options, state = training.options, training.state
    n, seed, lesson = options.n_recall, f"recall {state.step}", training.lesson
    held_out = replace(lesson, plan=replace(lesson.plan, source="unseen"), open=0.0)
    opened = replace(lesson, open=1.0, open_plan=replace(lesson.open_plan, held_out=True))
    left = state.seconds / state.step * (options.steps - state.step)
    shares = {
        "recall": recall(training, held_out, n, seed),
        "recall_open": recall(training, opened, n, seed),
        "recall_known": recall(training, RECURRENT, n // 2, seed),
        "refused": recall(training, held_out, n // 2, seed, unknown=1.0),
    }
    return {
        "step": state.step, "steps": options.steps, "seconds": round(state.seconds, 1),
        "seconds_left": round(left, 1), "stage": training.lesson.name, "tokens": state.tokens,
        "tokens_per_second": round(speed, 1),
        **{name: round(sum(one[name] for one in losses) / len(losses), 4) for name in losses[0]},
        **{name: {kind: round(value, 4) for kind, value in share.items()}
           for name, share in shares.items()},
        "recall_n": n, "recall_known_n": n // 2, "refused_n": n // 2,
        "gates": openness(training),
    }


def openness(training: MemoryTraining) -> dict[str, float]:
    """How far each module is open: the norm of its output matrix, 0 if untrained."""
    parts = training.modules
    ways = {"early": parts.early.output, "late": parts.late.output, "edm": parts.external.output}
    return {name: round(ways[name].weight.norm().item(), 4) for name in sorted(training.parts)}


def _save(path: Path, training: MemoryTraining) -> None:
    content = io.BytesIO()  # torch says of a full disk that it cannot write, not why
    torch.save({"modules": training.modules.state_dict(),
                "optimizer": training.optimizer.state_dict(),
                "rng": json.dumps(training.rng.getstate()), "torch_rng": torch.get_rng_state(),
                "base": training.checkpoint.fingerprint,
                "state": json.dumps(asdict(training.state))}, content)
    write_bytes(path, content.getvalue())


def _load(path: Path, training: MemoryTraining) -> None:
    needed = ("base", "modules", "optimizer", "rng", "torch_rng", "state")
    kept = saved.read(path, training.model.device, needed, saved.MemoryStateTold)
    if kept["base"] != training.checkpoint.fingerprint:
        raise ValueError(f"Wrong model: {path} trains memory for another model ({kept['base']}), "
                         f"this one is {training.checkpoint.fingerprint}. Choose that model, or "
                         "another --out.")
    saved.fill(training.modules, kept["modules"], path)
    saved.fill_optimizer(training.optimizer, kept["optimizer"], path)
    saved.set_random(training.rng, kept["rng"])
    saved.set_torch_random(kept["torch_rng"], path)
    training.state = MemoryTrainingState(**kept["state"])
    if training.state.lesson >= len(LESSONS):
        raise saved.refused(path, f"it is at lesson {training.state.lesson + 1} of {len(LESSONS)}")
