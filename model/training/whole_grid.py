"""The grid of recall for variants with fusion (AM): one episode at a time, told and asked as the
app does it (model.memory). Knows nothing of training.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
from transformers import GPT2LMHeadModel

from model.grafts.modules import Modules
from model.memory import asking, telling
from model.memory.settings import Settings
from model.memory.state import MemoryState, blank
from model.memory.variants import modules_of
from model.recall.episodes import Ask, Episode
from model.recall.spread import Spread, each
from model.run import tap
from model.run.checkpoint import Checkpoint
from model.run.trace import logits, run
from model.training import memory_grid
from model.training.memory_data import Lesson
from model.training.under_way import MemoryTraining

VARIANTS = ("gpt2+am", "gpt2-m")


def row(
    training: MemoryTraining, seeds: dict[int, Modules], about: str, facts: int, n: int,
    spread: Spread | None = None,
) -> list[memory_grid.GridCell]:
    """memory_grid.GridCell for gpt2+am, which needs no training, and gpt2-m of each seed. The n
    episodes are dealt to the seeds in turn, so that all seeds together have n. spread: a cluster whose
    workers take an episode each."""
    lesson, rng = memory_grid.lesson(about, facts), random.Random(f"whole {about} {facts}")
    dealt = [(list(seeds)[i % len(seeds)], *_episode(training, lesson, rng)) for i in range(n)]
    found: dict[tuple[int, str, int], list[int]] = {}
    for (seed, *_), right in zip(dealt, each(_answered, (training, seeds), dealt, spread)):
        for (between, variant), hit in right.items():
            of = seed if variant == "gpt2-m" else -1
            found.setdefault((between, variant, of), []).append(hit)
    told = len(dealt[-1][1].facts)
    return [memory_grid.GridCell(about, told, between, variant, of, sum(hits), len(hits))
            for (between, variant, of), hits in sorted(found.items())]


def _episode(
    training: MemoryTraining, lesson: Lesson, rng: random.Random
) -> tuple[Episode, list[str]]:
    """One episode, and the prompts without facts that come after it."""
    one = training.data.batch(rng, [lesson], 1).episodes[0]
    return one, [training.data.chatter(rng) for _ in range(max(memory_grid.BETWEEN))]


def _answered(
    common: tuple[MemoryTraining, dict[int, Modules]], dealt: tuple[int, Episode, list[str]]
) -> dict[tuple[int, str], int]:
    """One episode: its prompts are told, then prompts without facts, one after the other ->
    {(prompts between, variant): 1 if it was answered}."""
    (training, seeds), (seed, one, more) = common, dealt
    loaded = replace(training.checkpoint, memory=seeds[seed])
    state, settings = blank(loaded), Settings(modules=modules_of("gpt2-m"))
    right = {}
    with _tapped(training.model):
        for text in one.prompts:
            state = telling.tell(loaded, state, text, settings).state
        for number, text in enumerate(more, 1):
            state = telling.tell(loaded, state, text, settings).state
            if number in memory_grid.BETWEEN:
                for variant in VARIANTS:
                    right[number, variant] = _is_right(
                        loaded, training, state, one.asks[0], variant
                    )
    return right


@contextmanager
def _tapped(model: GPT2LMHeadModel) -> Iterator[None]:
    """While open, the model attends as the app's does."""
    before = model.config._attn_implementation
    model.set_attn_implementation(tap.ATTENTION)
    try:
        yield
    finally:
        model.set_attn_implementation(before)


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
