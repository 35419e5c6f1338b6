"""The grid of recall for variants with fusion (AM): one episode at a time, told and asked as the
app does it (model.memory.recall). Knows nothing of training.
"""

import random
from dataclasses import replace

import numpy as np

from model import checkpoint as checkpoints
from model import tap
from model.memory import recall
from model.memory.modules import Modules
from model.memory.variants import modules_of
from model.trace import logits, run

from . import memory_grid
from .memory import Training
from .memory_data import Lesson

VARIANTS = ("gpt2+am", "gpt2-m")


def row(training: Training, modules: Modules, about: str, facts: int, n: int) -> list:
    """memory_grid.Cell for gpt2+am and gpt2-m, n episodes."""
    loaded = replace(training.checkpoint, memory=modules)
    lesson, rng, hits = memory_grid.lesson(about, facts), random.Random(f"grid {about} {facts}"), {}
    before = loaded.model.config._attn_implementation
    loaded.model.set_attn_implementation(tap.ATTENTION)
    try:
        for _ in range(n):
            told = _one(loaded, training, lesson, rng, hits)
    finally:
        loaded.model.set_attn_implementation(before)
    return [memory_grid.Cell(about, told, between, variant, modules.card.get("seed", 0), right, n)
            for (between, variant), right in sorted(hits.items())]


def _one(loaded: checkpoints.Checkpoint, training: Training, lesson: Lesson, rng, hits: dict) -> int:
    """One episode: its prompts are told, then one after the other those about nothing."""
    one = training.data.batch(rng, [lesson], 1).episodes[0]
    state, settings = recall.blank(loaded), recall.Settings(modules=modules_of("gpt2-m"))
    for text in one.prompts:
        state = recall.tell(loaded, state, text, settings).state
    for number in range(1, max(memory_grid.BETWEEN) + 1):
        state = recall.tell(loaded, state, training.data.chatter(rng), settings).state
        if number in memory_grid.BETWEEN:
            for variant in VARIANTS:
                right = _is_right(loaded, training, state, one.asks[0], variant)
                hits[number, variant] = hits.get((number, variant), 0) + right
    return len(one.facts)


def _is_right(loaded, training: Training, state, ask, variant: str) -> int:
    """1 where every token of the answer and its full stop is the most probable one. What is
    retrieved is settled by the question alone, before any token of the answer."""
    ids, _, answer, _ = training.data.asked(ask)
    first = answer.index(True)
    settings = recall.Settings(modules=modules_of(variant))
    asked = recall.ask(loaded, state, np.array(ids[1:first]), settings).trace
    whole = np.r_[asked.ids, ids[first:-1]]
    trace = run(loaded, whole, prefix=asked, reading=asked.reading, graft=asked.graft)
    best = logits(loaded, trace, start=first - 1).argmax(-1).cpu().numpy()
    return int((best == np.array(ids[first:])).all())
