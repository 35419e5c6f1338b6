"""The trained memory of the chosen model: the one beside its weights, one trained here, or none.

The model itself is shared and never changed: a choice gives a checkpoint that differs only in its
memory. Knows nothing of how models are loaded.
"""

from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from weakref import WeakKeyDictionary

import streamlit as st

from components.frame import whose
from components.frame.choice_widgets import holding
from components.frame.choices import Choice, Text, chosen
from components.frame.choices import choose as remember
from components.kit import titles
from model.grafts import modules
from model.loading.checkpoint import source
from model.run.checkpoint import Checkpoint
from model.training import jobs
from model.training.jobs import Job, JobError

SHIPPED, NONE = "shipped", "none"
MOST = 6  # memories of one model that are kept ready
WEIGHTS = Choice("memory_weights", Text(100), SHIPPED)  # or NONE, or the id of a training


def applied(loaded: Checkpoint) -> Checkpoint:
    """The loaded model with the memory this visitor chose; the same object for the same choice."""
    choice = _choice(loaded)
    if choice == SHIPPED:
        return loaded
    try:
        return _with(loaded, choice)
    except ValueError:  # `choose` shows the error
        return loaded


def choose(loaded: Checkpoint) -> None:
    """The select box, if there is something to choose; a warning if the choice does not work."""
    names = [SHIPPED, *_trained_for(loaded), NONE]
    if len(names) == 2 and loaded.memory is None:
        return
    if chosen(WEIGHTS) not in names:
        remember(WEIGHTS, SHIPPED)
    st.selectbox(
        "Memory weights", names, format_func=lambda name: _title(name, loaded), **holding(WEIGHTS),
        help="The trained memory modules to use: early and late recurrent memory, and the EDM. "
             "Attention over Local ∪ Memory needs no weights.",
    )
    try:
        if _choice(loaded) != SHIPPED:
            _with(loaded, _choice(loaded))
    except ValueError as problem:
        st.warning(f"Not used. {problem}")


def use(job_id: str) -> None:
    """Choose the memory of a finished training."""
    remember(WEIGHTS, job_id)


def trainings() -> list[Job]:
    """The trainings that this visitor may see, the newest first: the owner all, others what was
    shared."""
    return [job for job in jobs.all_jobs() if _may_see(job)]


def base_name(loaded: Checkpoint) -> str:
    """The name that a trainer loads: "embedded", a hub name, or the folder's whole path."""
    return str(loaded.folder.resolve()) if source(loaded.name) == "folder" else loaded.name


def in_use() -> str:
    """SHIPPED, NONE, or the job whose memory was chosen."""
    return chosen(WEIGHTS)


def _choice(loaded: Checkpoint) -> str:
    """The choice, if it exists for this model."""
    name = chosen(WEIGHTS)
    if name in (SHIPPED, NONE):
        return name
    try:
        job = jobs.find(name)
        return name if job.request.model == base_name(loaded) and _may_see(job) else SHIPPED
    except JobError:
        return SHIPPED


def _may_see(job: Job) -> bool:
    return whose.is_owner() or jobs.is_shared(job)


def _trained_for(loaded: Checkpoint) -> list[str]:
    """Jobs on this model that have left a memory file, the newest first."""
    own = [job for job in trainings() if job.request.model == base_name(loaded)]
    return [job.id for job in own if (job.folder / modules.FILE).is_file()]


def _title(name: str, loaded: Checkpoint) -> str:
    if name == NONE:
        return "none: plain GPT-2"
    if name == SHIPPED:
        return "as it comes" if loaded.memory is not None else "as it comes: none"
    try:
        job = jobs.find(name)
    except JobError:
        return "deleted"
    return titles.of_training(job.request.variant, job.created)


@st.cache_resource(show_spinner=False)
def _ready() -> WeakKeyDictionary:
    """Loaded model -> {choice: the model with that memory}; gone when the model is dropped."""
    return WeakKeyDictionary()


def _with(loaded: Checkpoint, choice: str) -> Checkpoint:
    """Raises ValueError for a memory file that does not fit, or is damaged."""
    if choice == NONE and loaded.memory is None:
        return loaded
    path = None if choice == NONE else _file_of(choice)
    stamp = (choice, path.stat().st_mtime_ns if path is not None else 0)
    kept = _ready().setdefault(loaded, OrderedDict())
    if stamp not in kept:
        memory = None
        if path is not None:
            memory = modules.load_modules(path, loaded.model.config, loaded.fingerprint)
            memory.to(loaded.model.device)
        kept[stamp] = replace(loaded, memory=memory)
        while len(kept) > MOST:
            kept.popitem(last=False)
    return kept[stamp]


def _file_of(job_id: str) -> Path:
    path = jobs.find(job_id).folder / modules.FILE
    if not path.is_file():
        raise JobError(f"Training {job_id} has no memory file. Train it again.")
    return path
