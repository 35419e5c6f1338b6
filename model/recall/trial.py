"""What a curve or standard task is made of: points, whose episodes are told and then asked.

Knows nothing of how an episode is run.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

from model.memory.settings import Settings


@dataclass(frozen=True)
class Question:
    """ask, answer: as in a probe; answer None: it was never told. first: the value that was told
    before and replaced, None if there is none. labels: for bAbI's scoring, all possible answers.
    scored: a key of SCORERS."""

    ask: str
    answer: str | None
    first: str | None = None
    labels: tuple[str, ...] = ()
    scored: str = "exact"


@dataclass(frozen=True)
class Trial:
    """One episode: prompts told in order, then distraction; asked at each stop (tokens of it)."""

    tell: tuple[str, ...]
    questions: tuple[Question, ...]
    stops: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class CurvePoint:
    """One setting of a curve: its name, its place on the x axis, the memory's settings, and a
    function that makes an episode from a generator and the model's tokenizer. reads: every prompt
    of the distraction reads the memory before it is told, as in a conversation, and the reads
    count. y: its place on the other axis of a map (the needle's depth)."""

    name: str
    x: float
    settings: Settings
    make: Callable[[random.Random, object], Trial]
    reads: bool = False
    y: float | None = None


@dataclass(frozen=True)
class Curve:
    """name; what it measures; the x axis; honest: what a model of this size can honestly show;
    points: a function of the memory's settings."""

    name: str
    what: str
    x_label: str
    points: Callable[[Settings], list[CurvePoint]]
    honest: str = ""


def rng_of(curve: str, seed: int) -> random.Random:
    """What an episode of a curve is made from."""
    return random.Random(f"{curve} {seed}")
