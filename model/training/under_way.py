"""A running training of memory: its options, its progress, and its lessons.

Knows nothing of how a step is made (memory.py) and of how prompts are read (remembering.py).
"""

import random
from dataclasses import dataclass, field
from pathlib import Path

import torch
from transformers import GPT2LMHeadModel

from model.grafts.modules import Modules
from model.memory.variants import modules_of
from model.recall.episodes import Plan
from model.recall.open_facts import OpenPlan
from model.run.checkpoint import Checkpoint
from model.training.memory_data import Data, Lesson
from model.training.processes import ALONE, Processes

NEVER = 0.3  # of the questions ask what was never told
OPEN = 0.7  # of the episodes: facts in any sentence
LESSONS = (
    Lesson("one fact", Plan(facts=(1, 2), others=(0, 1), fillers=(0, 1), near=0.1, update=0.0,
                            unknown=NEVER), (0, 1), OPEN,
           OpenPlan(facts=(1, 1), rivals=0.25, fillers=(0, 1), long=0.0, unknown=NEVER)),
    Lesson("four facts", Plan(facts=(1, 4), others=(0, 3), fillers=(0, 2), update=0.1,
                              unknown=NEVER), (0, 3), OPEN,
           OpenPlan(facts=(1, 2), fillers=(0, 2), long=0.0, unknown=NEVER)),
    Lesson("many facts", Plan(facts=(1, 8), others=(0, 7), fillers=(0, 3), unknown=NEVER), (0, 3),
           OPEN, OpenPlan(facts=(1, 4), fillers=(0, 3), long=0.03, unknown=NEVER)),
)
# What a recurrent memory alone is taught: a state of C numbers does not learn to carry any words,
# but those of the lists (measured: never-seen values stay at 0 %), and what a book is like.
RECURRENT = Lesson("known values", Plan(facts=(1, 3), others=(0, 1), fillers=(0, 1), near=0.1,
                                        update=0.0, unknown=NEVER, source="known"), (0, 3))
GIST = Lesson("gist", Plan(), (0, 0), gist=True)


@dataclass(frozen=True)
class MemoryTrainingOptions:
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
    weights: Path | None = None  # a memory file to go on from
    four_bit: bool = False  # the frozen base in NF4, on CUDA


@dataclass
class MemoryTrainingState:
    """What a resumed training needs besides weights, optimizer and random numbers."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    lesson: int = 0
    curves: list[dict] = field(default_factory=list)


@dataclass(eq=False)
class MemoryTraining:
    """A training under way."""

    options: MemoryTrainingOptions
    checkpoint: Checkpoint
    data: Data
    modules: Modules
    optimizer: torch.optim.Optimizer
    rng: random.Random
    state: MemoryTrainingState
    warm: dict[str, torch.Tensor] = field(default_factory=dict)  # name -> (len(WARM),S·C)
    processes: Processes = ALONE
    recomputes: bool = False  # gradient checkpointing: less memory, a third more time

    @property
    def model(self) -> GPT2LMHeadModel:
        return self.checkpoint.model

    @property
    def lesson(self) -> Lesson:
        return LESSONS[self.state.lesson]

    @property
    def parts(self) -> frozenset[str]:
        """Which of early, late and edm are trained."""
        return modules_of(self.options.variant) - {"am"}
