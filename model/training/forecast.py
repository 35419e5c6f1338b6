"""How long a training of memory will take and how much memory it needs, from steps that it tries.

The steps are tried on copies of the modules; the training itself stays as it is. Knows nothing of
what is printed.
"""

import math
import random
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace

import psutil
import torch

from model.loading import placement
from model.training import memory, memory_card, remembering
from model.training.processes import ALONE
from model.training.under_way import (
    LESSONS,
    MemoryTraining,
    MemoryTrainingOptions,
    MemoryTrainingState,
)

STEPS = 20
PATIENCE_S = 60.0  # after so many seconds no third step is tried
SPARE = 1.5  # memory needed ÷ what the backward pass keeps: working copies, the allocator's slack
EPISODES = 8  # measured to know how long measuring takes
Kind = tuple[int, bool]  # the lesson, and whether the step trains the recurrent memory
KINDS = [(lesson, recurrent) for recurrent in (True, False) for lesson in range(len(LESSONS))]


@dataclass(frozen=True)
class Forecast:
    """steps: how many were tried, shortest_s to longest_s each; training_s: all steps; measuring_s:
    recall every `options.every` steps, and the card; peak_bytes: the most this process has used on
    the training's device; free_bytes: what was free before; recomputes: gradient checkpointing."""

    steps: int
    shortest_s: float
    longest_s: float
    training_s: float
    measuring_s: float
    peak_bytes: int
    free_bytes: int
    recomputes: bool


def forecast(training: MemoryTraining, card_episodes: int, free: int | None = None) -> Forecast:
    """Try steps of every lesson -> Forecast. Turns gradient checkpointing on where memory is short.

    free: bytes that may be used (None: those of the training's device). Raises ValueError where
    even with gradient checkpointing they do not suffice.
    """
    free = fit(training, free)
    with torch.random.fork_rng(devices=[]):
        try:
            tried, episode_s = _trial(training)
        except torch.OutOfMemoryError:
            if training.recomputes:
                raise
            training.recomputes = True
            torch.cuda.empty_cache()
            tried, episode_s = _trial(training)
    every = [seconds for _, seconds in tried]
    return Forecast(len(every), min(every), max(every), steps_s(tried, training.options.steps),
                    episode_s * n_measured(training, card_episodes), peak_bytes(training.model.device),
                    free, training.recomputes)


def free_bytes(device: torch.device) -> int:
    """Memory of a device that can still be had."""
    if device.type == "cpu":
        return placement.free_main_memory()
    return placement.free_on_gpu(device.type)


def peak_bytes(device: torch.device) -> int:
    """The most that this process has used of the device's memory so far."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated()
    if device.type == "mps":
        return torch.mps.driver_allocated_memory()
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024


# -- memory --------------------------------------------------------------------------------------


def fit(training: MemoryTraining, free: int | None = None) -> int:
    """Turn gradient checkpointing on where a step would not fit without it -> the bytes that may be
    used. Raises ValueError where even with it they do not suffice."""
    free = free_bytes(training.model.device) if free is None else free
    for training.recomputes in (False, True):
        needed = needed_bytes(training)
        if needed <= free:
            return free
    raise ValueError(f"Not enough memory: a step of {training.options.rows} episodes needs about "
                     f"{needed / 1e9:.1f} GB even with gradient checkpointing, {free / 1e9:.1f} GB are "
                     "free. Give fewer --rows, or choose a smaller model.")


def needed_bytes(training: MemoryTraining) -> int:
    """What a step of the hardest lesson needs beyond the weights. Counted on one episode: what the
    backward pass keeps, times the episodes of this process. Gradients and two averages of each
    trained weight are added."""
    own = sum(p.numel() * p.element_size() for p in training.modules.parameters())
    rows = training.options.rows / training.processes.number
    kept, n_prompts = _kept_bytes(training, False)
    if training.recomputes:
        outside, _ = _kept_bytes(training, True)
        kept = outside * rows + (kept - outside) / n_prompts * memory.READ_AGAIN
    else:
        kept *= rows
    return int(SPARE * kept + 3 * own)


def _kept_bytes(training: MemoryTraining, recomputes: bool) -> tuple[float, int]:
    """Bytes that a step with one episode keeps for its backward pass, each storage once, the weights
    left out; and how many prompts it reads."""
    trial = _copy(training, replace(training.options, rows=1))
    trial.state, trial.recomputes = MemoryTrainingState(step=3, lesson=len(LESSONS) - 1), recomputes
    trial.processes = ALONE
    weights = {p.untyped_storage().data_ptr() for module in (trial.model, trial.modules)
               for p in module.parameters()}
    kept: dict[int, int] = {}

    def keep(x: torch.Tensor) -> torch.Tensor:
        storage = x.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return x

    with torch.random.fork_rng(devices=[]), torch.autograd.graph.saved_tensors_hooks(keep, _same):
        batch = trial.data.batch(trial.rng, memory.lessons(trial), trial.options.asks)
        graph = memory.loss_of(trial, batch)  # while it lives, no storage is used twice
    n_bytes = sum(kept.values())
    del graph
    return n_bytes, len(batch.asked.ids)


def _same(x: torch.Tensor) -> torch.Tensor:
    return x


# -- time ----------------------------------------------------------------------------------------


def _copy(training: MemoryTraining, options: MemoryTrainingOptions) -> MemoryTraining:
    """The same training with modules and random numbers of its own."""
    own = deepcopy(training.modules)
    return replace(training, options=options, modules=own, rng=random.Random("forecast"),
                   optimizer=memory.optimizer_of(own, options.peak))


def _trial(training: MemoryTraining) -> tuple[list[tuple[Kind, float]], float]:
    """Seconds of each tried step, and of measuring one episode. The first step, which also
    prepares, does not count."""
    trial = _copy(training, training.options)
    tried = list(_steps(trial))
    began = time.perf_counter()
    memory.recall(trial, LESSONS[-1], EPISODES, "forecast")
    return tried[1:], (time.perf_counter() - began) / EPISODES


def _steps(trial: MemoryTraining) -> Iterator[tuple[Kind, float]]:
    start = time.perf_counter()
    for i in range(min(STEPS, trial.options.steps) + 1):
        lesson, recurrent = kind = KINDS[i % len(KINDS)]
        step = remembering.RECURRENT_EVERY if recurrent else 1
        trial.state = MemoryTrainingState(step=step, lesson=lesson)
        began = time.perf_counter()
        memory.step(trial)  # ends with numbers, so the device has finished
        yield kind, time.perf_counter() - began
        if i and trial.processes.any(time.perf_counter() - start > PATIENCE_S):
            return


def steps_s(tried: list[tuple[Kind, float]], steps: int) -> float:
    """Seconds of all steps: each lesson's share of them, a third with the recurrent memory."""
    found: dict[Kind, list[float]] = defaultdict(list)
    for kind, seconds in tried:
        found[kind].append(seconds)
    overall = [seconds for _, seconds in tried]
    total, begin = 0.0, 0
    for lesson in range(len(LESSONS)):
        end = min(steps, memory.last_step(lesson, steps))
        for recurrent, share in ((True, 1 / remembering.RECURRENT_EVERY),
                                 (False, 1 - 1 / remembering.RECURRENT_EVERY)):
            some = found[lesson, recurrent] or overall
            total += (end - begin) * share * sum(some) / len(some)
        begin = end
    return total


def n_measured(training: MemoryTraining, card_episodes: int) -> int:
    """How many episodes all measurements read: recall on the way, then the card."""
    options = training.options
    once = 2 * options.n_recall + 2 * (options.n_recall // 2)
    return math.ceil(options.steps / options.every) * once + memory_card.n_episodes(card_episodes)
