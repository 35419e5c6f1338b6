"""A keystroke on Memory against one on Attention: from text to arrays, while the end of a prompt is
typed. Both take turns in one run, so that they see one machine. A key that makes a run read other
slots changes every row of it, so that it costs whole passes; keys after which every run goes on are
counted by themselves, too. So is what the page computes after the picture of a key (the answers) and
once typing rests.
"""

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from components.memory.said import MOST_KEPT
from model.analysis import attention
from model.grafts.modules import untrained
from model.loading import checkpoint as checkpoints
from model.memory import alone, answer, asking, question, telling
from model.memory.alone import EachAlone
from model.memory.question import AskedPrompt
from model.memory.settings import Settings
from model.memory.state import MemoryState, blank
from model.memory.variants import VARIANTS
from model.recall import chain, told_facts
from model.run import tap, tokens
from model.run.trace import Trace, run
from tests.bench.result import Result

N_KEYS = 20
N_TOLD = 12
N_RESTS = 2  # times that a told sentence's links are timed
N_ALONE = 3  # tokens whose probability is shown module by module
MODULES = VARIANTS["gpt2-m"]
AIM = 3.0


@dataclass
class Keys:
    """What one key leaves for the next, and the seconds of each part, key by key."""

    seconds: dict[str, list[float]]
    attention: Trace | None = None
    asked: AskedPrompt | None = None
    alone: EachAlone | None = None
    said: tuple[np.ndarray, ...] = ()  # the latest answers' ids


def measure(prompt) -> Iterator[Result]:
    """Ratios at 135 tokens of the embedded model and 256 of GPT-2-small's shape; prompt: number ->
    two told sentences."""
    embedded = checkpoints.load("embedded", device="cpu")
    yield from _ratios(embedded, prompt, 135, "embedded, 135 tokens")
    yield from _ratios(_small(embedded), prompt, 256, "GPT-2 small's shape, 256 tokens")


def _small(like):
    """Random weights of GPT-2-small's shape, with untaught memory that writes and is read."""
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=like.model.config.vocab_size, bos_token_id=0, eos_token_id=0)
    model = GPT2LMHeadModel(config).eval().requires_grad_(False)
    tap.attach(model)
    memory = untrained(config).eval().requires_grad_(False)
    memory.parts = ("early", "edm", "late")
    return replace(like, model=model, memory=memory, fingerprint="random")


def _ratios(checkpoint, prompt, n: int, what: str) -> Iterator[Result]:
    settings, state = Settings(modules=MODULES).with_slots(128), blank(checkpoint)
    for number in range(N_TOLD):
        state = telling.tell(checkpoint, state, prompt(number), settings).state
    keys = Keys({name: [] for name in ("attention", "reads", "same", "answers", "alone", "links", "tell")})
    for text in _texts(checkpoint, prompt, n):
        _attention(checkpoint, keys, text)
        _reads(checkpoint, keys, state, text, settings)
        _answers(checkpoint, keys)
        _alone(checkpoint, keys, state, settings)
        _tell(checkpoint, keys, state, text, settings)
    for _ in range(N_RESTS + 1):
        _links(checkpoint, keys, state, settings)
    mean = {name: 1000 * statistics.mean(own[1:]) for name, own in keys.seconds.items()}
    base = mean["attention"]
    for name, title, aim in (
        ("reads", "a key on Memory ÷ on Attention", AIM),
        ("same", "the same, of keys that change no retrieval", AIM),
        ("answers", "both answers to it, behind its picture ÷ a key on Attention", None),
        ("alone", "each module alone, once typing rests ÷ a key on Attention", None),
        ("links", "a told sentence's links, once typing rests ÷ a key on Attention", None),
        ("tell", "telling it on trial (Writes) ÷ a key on Attention", None),
    ):
        detail = f"{mean[name]:.1f} against {base:.1f} ms a key, {len(keys.seconds[name]) - 1} keys"
        yield Result(f"{title}, {what}", mean[name] / base, "×", detail, aim)


def _texts(checkpoint, prompt, n: int) -> list[str]:
    """The prompt of about n tokens as its last N_KEYS letters are typed, one by one."""
    text, number = "", 1000
    while len(tokens.encode(checkpoint.tokenizer, text)) < n:
        text, number = f"{prompt(number)} {text}", number + 1
    ids = tokens.encode(checkpoint.tokenizer, f"{text}Where does Ann live? Ann lives in")
    text = checkpoint.tokenizer.decode(ids[-n + 1 :])
    return [text[: len(text) - left] for left in range(N_KEYS, -1, -1)]


def _timed(keys: Keys, name: str, start: float) -> None:
    keys.seconds[name].append(time.perf_counter() - start)


def _attention(checkpoint, keys: Keys, text: str) -> None:
    """The trace, and the map of one head."""
    start = time.perf_counter()
    ids = tokens.encode(checkpoint.tokenizer, text)
    keys.attention = run(checkpoint, ids, keys.attention)
    attention.weights(checkpoint, keys.attention, 0, 0)
    _timed(keys, "attention", start)


def _reads(checkpoint, keys: Keys, state: MemoryState, text: str, settings: Settings) -> None:
    """With memory, without, where the tokens looked, the next token twice: as the page does it."""
    start, before = time.perf_counter(), keys.asked
    ids = tokens.encode(checkpoint.tokenizer, text)
    keys.asked = question.ask(checkpoint, state, ids, settings, before)
    _timed(keys, "reads", start)
    passes = keys.asked.recalled.passes
    if before is None or all(run.n_run < len(run) for run in passes.runs):
        _timed(keys, "same", start)


def _answers(checkpoint, keys: Keys) -> None:
    """With the drafts that the page has: the visitor's latest answers, and what was read."""
    start, told = time.perf_counter(), keys.asked.read_tokens
    for trace in (keys.asked.recalled.trace, keys.asked.plain):
        *_, last = answer.say(checkpoint, trace, drafts=(*keys.said, told))
        keys.said = (last.ids, *keys.said)[:MOST_KEPT]
    _timed(keys, "answers", start)


def _alone(checkpoint, keys: Keys, state: MemoryState, settings: Settings) -> None:
    """What each module did, as if typing rested after every key."""
    start = time.perf_counter()
    keys.alone = alone.each(checkpoint, state, keys.asked, settings, N_ALONE, keys.alone)
    _timed(keys, "alone", start)


def _links(checkpoint, keys: Keys, state: MemoryState, settings: Settings) -> None:
    """Of the latest told sentence, to the last prompt."""
    start, told = time.perf_counter(), told_facts.newest(checkpoint, state.prompts, 1)[-1]
    chain.of_question(checkpoint, state, keys.asked.recalled, settings, told, settings)
    _timed(keys, "links", start)


def _tell(checkpoint, keys: Keys, state: MemoryState, text: str, settings: Settings) -> None:
    start = time.perf_counter()
    read = asking.after_reading(checkpoint, state, keys.asked.recalled)
    telling.tell(checkpoint, read, text, settings)
    _timed(keys, "tell", start)
