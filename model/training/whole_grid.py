"""The grid of recall for variants with fusion (AM): one episode at a time, told and asked as the
app does it (model.memory). Knows nothing of training.
"""

import random
from dataclasses import replace

import numpy as np

from model.grafts.modules import Modules
from model.memory import asking, telling
from model.memory.settings import Settings
from model.memory.state import MemoryState, blank
from model.memory.variants import modules_of
from model.recall.episodes import Ask
from model.run import tap
from model.run.checkpoint import Checkpoint
from model.run.trace import logits, run
from model.training import memory_grid
from model.training.memory_data import Lesson
from model.training.under_way import MemoryTraining

VARIANTS = ("gpt2+am", "gpt2-m")


def row(
    training: MemoryTraining, seeds: dict[int, Modules], about: str, facts: int, n: int
) -> list[memory_grid.GridCell]:
    """memory_grid.GridCell for gpt2+am, which needs no training, and gpt2-m of each seed. The n
    episodes are dealt to the seeds in turn, so that all seeds together have n."""
    lesson, rng = memory_grid.lesson(about, facts), random.Random(f"whole {about} {facts}")
    found: dict[tuple[int, str, int], list[int]] = {}
    model = training.model
    before = model.config._attn_implementation
    model.set_attn_implementation(tap.ATTENTION)
    try:
        for i in range(n):
            seed = list(seeds)[i % len(seeds)]
            loaded = replace(training.checkpoint, memory=seeds[seed])
            told, right = _one(loaded, training, lesson, rng)
            for (between, variant), hit in right.items():
                of = seed if variant == "gpt2-m" else -1
                found.setdefault((between, variant, of), []).append(hit)
    finally:
        model.set_attn_implementation(before)
    return [memory_grid.GridCell(about, told, between, variant, of, sum(hits), len(hits))
            for (between, variant, of), hits in sorted(found.items())]


def _one(
    loaded: Checkpoint, training: MemoryTraining, lesson: Lesson, rng: random.Random
) -> tuple[int, dict[tuple, int]]:
    """One episode: its prompts are told, then prompts without facts, one after the other -> (facts
    told, {(prompts between, variant): 1 if it was answered})."""
    one = training.data.batch(rng, [lesson], 1).episodes[0]
    state, settings = blank(loaded), Settings(modules=modules_of("gpt2-m"))
    right = {}
    for text in one.prompts:
        state = telling.tell(loaded, state, text, settings).state
    for number in range(1, max(memory_grid.BETWEEN) + 1):
        state = telling.tell(loaded, state, training.data.chatter(rng), settings).state
        if number in memory_grid.BETWEEN:
            for variant in VARIANTS:
                right[number, variant] = _is_right(
                    loaded, training, state, one.asks[0], variant
                )
    return len(one.facts), right


def _is_right(
    loaded: Checkpoint, training: MemoryTraining, state: MemoryState, ask: Ask, variant: str
) -> int:
    """1 if every token of the answer and its full stop is the most probable one. Only the question
    decides what is retrieved, before any token of the answer."""
    ids, _, answer, _ = training.data.asked(ask)
    first = answer.index(True)
    settings = Settings(modules=modules_of(variant))
    asked = asking.ask(loaded, state, np.array(ids[1:first]), settings).trace
    whole = np.r_[asked.ids, ids[first:-1]]
    trace = run(loaded, whole, prefix=asked, reading=asked.reading, graft=asked.graft)
    best = logits(loaded, trace, start=first - 1).argmax(-1).cpu().numpy()
    return int((best == np.array(ids[first:])).all())
