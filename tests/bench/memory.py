"""Memory on the embedded model: the speed of generating through it, a thousand prompts told."""

import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from model.loading import checkpoint as checkpoints
from model.memory import asking, telling
from model.memory.reader import WithMemory
from model.memory.settings import FusionSettings, Settings
from model.memory.state import blank, save_state
from model.memory.variants import VARIANTS
from model.run import generate, tokens
from model.run.cache import KVCache
from model.run.sampling import SamplingSettings as Greedy
from tests.bench import keystrokes
from tests.bench.result import Result

ROUNDS = 7
N_TOKENS = 64
N_EARLY, N_PROMPTS = 100, 1000  # the budget is full before the early one
QUESTION = "Where does Ann live? Ann lives in"
NAMES = ("Ann", "Tom", "Mary", "James", "Lucy", "Henry", "Jane", "George", "Ellen", "Arthur")
PLACES = ("Rome", "Paris", "London", "Boston", "Oslo", "a small house", "the old mill", "the city")


def measure() -> Iterator[Result]:
    """All measurements of memory, as they come."""
    checkpoint = checkpoints.load("embedded")
    whole = Settings(modules=VARIANTS["gpt2-m"])
    state = blank(checkpoint)
    while len(state.bank) < 0.95 * whole.fusion.slots:
        state = telling.tell(checkpoint, state, prompt(len(state.prompts)), whole).state
    yield _generation(checkpoint, state, Settings(), "gpt2+am, 4 sentences read")
    yield _generation(checkpoint, state, Settings(fusion=FusionSettings(unit="all")), "gpt2+am, all slots read")
    yield _generation(checkpoint, state, Settings(modules=VARIANTS["gpt2+edm"]), "gpt2+edm")
    yield _generation(checkpoint, state, whole, "gpt2-m")
    yield from keystrokes.measure(prompt)
    yield from _thousand_prompts(checkpoint, whole)


def prompt(number: int) -> str:
    """The prompt of this number: two sentences, the same every time."""
    rng = np.random.default_rng(number)
    names = rng.choice(NAMES, 2, replace=False)
    return " ".join(f"{name} lives in {rng.choice(PLACES)}." for name in names)


def _generation(checkpoint, state, settings, what: str) -> Result:
    """Tokens per second behind the prefill, with this memory and without; the two take turns."""
    ids = tokens.encode(checkpoint.tokenizer, QUESTION)
    with_s, without_s = [], []
    for _ in range(ROUNDS + 1):
        reader = WithMemory(checkpoint, state, settings)
        with_s.append(_decode_s(reader, ids))
        plain = generate.WithCache(checkpoint, KVCache(checkpoint.model.config.n_layer))
        without_s.append(_decode_s(plain, ids))
    ours, bare = (1 / statistics.median(x[1:]) for x in (with_s, without_s))
    detail = (
        f"{ours:.0f} against {bare:.0f} tokens/s, {len(reader.recalled.kept)} of "
        f"{len(state.bank)} slots, {N_TOKENS} tokens, cpu float32"
    )
    return Result(f"generation with memory ÷ without, {what}", ours / bare, "×", detail, 0.8, True)


def _decode_s(reader, ids) -> float:
    """Seconds a token behind the first: the prefill, with its two passes, is told apart."""
    steps = generate.generate(
        reader, ids, N_TOKENS, settings=Greedy(temperature=0), generator=torch.Generator()
    )
    next(steps)
    start = time.perf_counter()
    n = sum(1 for _ in steps)
    return (time.perf_counter() - start) / n


def _thousand_prompts(checkpoint, settings) -> Iterator[Result]:
    """Every prompt is asked, counted and told, as on the page; sizes and times, early and late."""
    state, kept = blank(checkpoint), []
    for number in range(1, N_PROMPTS + 1):
        state = _converse(checkpoint, state, prompt(number), settings)
        if number in (N_EARLY, N_PROMPTS):
            kept.append(state)
    early, late = (state.nbytes for state in kept)
    detail = f"{late:,} bytes of keys and values against {early:,} after {N_EARLY}"
    yield Result(f"memory after {N_PROMPTS:,} prompts ÷ {N_EARLY}", late / early, "×", detail, 1.02)
    early, late = (_file_bytes(state) for state in kept)
    detail = f"{late:,} bytes against {early:,}: only the prompts' own text grows"
    yield Result(f"its file after {N_PROMPTS:,} prompts ÷ {N_EARLY}", late / early, "×", detail, 1.1)
    times = [[], []]
    for number in range(2 * ROUNDS + 1):  # in turns, so that both see one machine
        for state, seconds in zip(kept, times):
            start = time.perf_counter()
            _converse(checkpoint, state, prompt(number), settings)
            seconds.append(time.perf_counter() - start)
    early, late = (1000 * statistics.median(seconds[1:]) for seconds in times)
    detail = f"{late:.1f} ms against {early:.1f} ms a prompt, asked and told, cpu float32"
    yield Result(f"a prompt after {N_PROMPTS:,} ÷ after {N_EARLY}", late / early, "×", detail, 1.25)


def _converse(checkpoint, state, text: str, settings):
    found = asking.ask(checkpoint, state, tokens.encode(checkpoint.tokenizer, text), settings)
    state = asking.after_reading(checkpoint, state, found)
    return telling.tell(checkpoint, state, text, settings).state


def _file_bytes(state) -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "memory"
        save_state(state, path)
        return path.stat().st_size
