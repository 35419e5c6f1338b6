"""The contents of the training page: the shipped training, the jobs, one episode, what can run
here.

Everything about jobs comes from their folders; only the shipped curves are cached here.
"""

import importlib.util
import random
from dataclasses import dataclass, replace
from pathlib import Path

import streamlit as st

from components.frame import memory_weights, visit
from components.training.words import SHIPPED
from model.loading import placement
from model.loading.checkpoint import EMBEDDED
from model.recall import episodes
from model.training import corpus, jobs, memory, progress
from model.training.jobs import Job, JobReport
from model.training.memory_data import LEAD_WEIGHT, Data  # noqa: F401 (for the page)

LESSONS = {lesson.name: lesson for lesson in (*memory.LESSONS, memory.RECURRENT)}
SOURCES = {
    "training": "as trained on",
    "values": "values never trained on",
    "phrasings": "values and phrasings never trained on",
}


@dataclass(frozen=True, eq=False)
class DrawnEpisode:
    """An episode and its prompts in order, what is asked not among them."""

    episode: episodes.Episode
    prompts: list[str]


def shipped() -> JobReport | None:
    """The training of the memory beside the embedded model; None where none is shipped."""
    curves, card = EMBEDDED / "memory_curves.json", EMBEDDED / "memory_card.json"
    stamps = tuple(path.stat().st_mtime_ns for path in (curves, card) if path.is_file())
    return _shipped(stamps) if curves.is_file() else None


@st.cache_resource(show_spinner=False, max_entries=2)
def _shipped(stamps: tuple) -> JobReport:
    points = progress.read_curves(EMBEDDED / "memory_curves.json")
    kept = EMBEDDED / "memory.safetensors"
    card = jobs.read_card(EMBEDDED / "memory_card.json")
    return JobReport(SHIPPED, points, card=card, memory=kept if kept.is_file() else None)


def trainings() -> list[Job]:
    """The jobs that this visitor may see, the newest first."""
    return memory_weights.trainings()


def draw(lesson: str, source: str, seed: int) -> DrawnEpisode:
    """One episode of a lesson, as the trainer would draw it; source: a key of SOURCES."""
    rng = random.Random(f"shown {seed}")
    chosen = LESSONS[lesson]
    plan = replace(
        chosen.plan, asks=(3, 3), source=chosen.plan.source if source == "training" else "unseen",
        held_out_phrasing=source == "phrasings",
    )
    one = episodes.episode(rng, plan)
    return DrawnEpisode(one, _data().prompts(rng, one, chosen.between))


def _data() -> Data:
    return Data(visit.checkpoint().tokenizer, None)


def usable_sentences(texts: dict[str, bytes]) -> int:
    """How many sentences of the visitor's files the trainer can scatter between facts."""
    decoded = {name: content.decode("utf-8", errors="replace") for name, content in texts.items()}
    return len(corpus.sentences_of(corpus.Books(decoded, "", "")))


def four_bit_problem() -> str:
    """Why 4-bit QLoRA cannot be trained here."""
    if "cuda" not in placement.available():
        return "it needs a CUDA GPU, and this machine has none"
    if importlib.util.find_spec("bitsandbytes") is None:
        return "it needs the package bitsandbytes"
    return "this trainer does not load a base in 4 bits yet"


def options() -> memory.MemoryTrainingOptions:
    """The trainer's own defaults."""
    return memory.MemoryTrainingOptions(out=Path())
