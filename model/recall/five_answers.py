"""One question answered from five memories: weights, prompt, KV cache, the network's own, notes.

Every answer is greedy and ends with its sentence. Knows nothing of pages and of the notes' file.
The prompt, the cache and the network's memory get the same facts: the newest notes, as many as each
can hold.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch

from model.grafts.blocks import blocks
from model.memory import asking, telling
from model.memory.reader import WithMemory
from model.memory.settings import Settings
from model.memory.state import MemoryState, blank
from model.notes.note import NotesError
from model.notes.prompt import NotesPrompt, build
from model.run import borders, generate, predict, tokens
from model.run.cache import KVCache
from model.run.checkpoint import Checkpoint
from model.run.generate import WithCache
from model.run.sampling import SamplingSettings as Sampling
from model.run.tokens import Ids

MOST_TOKENS = 16  # of an answer
GREEDY = Sampling(temperature=0)


@dataclass(frozen=True, eq=False)
class GreedyAnswer:
    """A greedy answer of n tokens.

    text: as written; texts: n display strings; ended: True at a sentence's end, False if cut at
    MOST_TOKENS; top: the most probable first tokens (predict.TopTokens); logits (V,): from which
    the first token was chosen. n_window: positions of the window before the answer; first_position:
    the position of the first token that was read.
    """

    text: str
    texts: list[str]
    ended: bool
    top: predict.TopTokens
    logits: torch.Tensor
    n_window: int
    first_position: int = 0


@dataclass(frozen=True, eq=False)
class NotesInWindow:
    """The notes that the prompt and the cache hold. ids (T,), <|endoftext|> first; n_notes of
    n_all, the newest; is_cut: only the end of the newest one fits."""

    ids: np.ndarray
    n_notes: int
    n_all: int
    is_cut: bool = False


def answer(checkpoint: Checkpoint, ids: np.ndarray) -> GreedyAnswer:
    """What follows ids (T,), read from the beginning."""
    return _answer(checkpoint, _fresh(checkpoint), ids, len(ids))


def facts(checkpoint: Checkpoint, notes: list[str], n_most: int) -> NotesInWindow:
    """The newest of the notes (the newest last) whose tokens fit n_most, <|endoftext|> included."""
    chosen: list[str] = []
    room = n_most - 1
    for text in reversed(notes):
        words = text.split()
        plain = " ".join(words[-room:])  # a word is a token or more
        ids = tokens.encode_part(checkpoint.tokenizer, f" {plain}")
        n = max(len(ids), len(tokens.encode_part(checkpoint.tokenizer, plain)))
        if n > room or len(words) > room:
            break
        chosen.insert(0, plain)
        room -= n
    start = borders.start(checkpoint)
    if notes and not chosen:  # the newest alone is too long
        return NotesInWindow(np.r_[start, ids[-room:]], 1, len(notes), True)
    ids = tokens.encode_part(checkpoint.tokenizer, " ".join(chosen))
    return NotesInWindow(np.r_[start, ids], len(chosen), len(notes))


def question_behind(checkpoint: Checkpoint, facts: NotesInWindow, question: str) -> np.ndarray:
    """The question's ids (T,) as they continue the facts.

    Raises NotesError if they do not fit the window with room for an answer.
    """
    text = question.lstrip()
    ids = tokens.encode_part(checkpoint.tokenizer, f" {text}" if len(facts.ids) > 1 else text)
    room = checkpoint.model.config.n_positions - len(facts.ids) - MOST_TOKENS
    if len(ids) > room:
        raise NotesError(
            f"Question too long: {len(ids):,} tokens, {max(room, 0):,} fit after the facts. "
            "Please shorten it."
        )
    return ids


def keep(checkpoint: Checkpoint, facts: NotesInWindow) -> KVCache:
    """The facts read once: their keys and values of all layers."""
    cache = KVCache(checkpoint.model.config.n_layer)
    WithCache(checkpoint, cache).read(facts.ids)
    return cache


def continued(checkpoint: Checkpoint, kept: KVCache, ids: np.ndarray) -> GreedyAnswer:
    """The question's ids (T,) read after the kept keys and values, which stay unchanged."""
    cache = KVCache(len(kept.layers))
    for i, layer in enumerate(kept.layer_caches):
        cache.update(layer.keys, layer.values, i)
    n = kept.n_entries + len(ids)
    return _answer(checkpoint, WithCache(checkpoint, cache), ids, n)


def told(
    checkpoint: Checkpoint, notes: list[str], settings: Settings
) -> tuple[MemoryState, int]:
    """A memory that was told the newest notes (the newest last), one by one, and how many: as many
    as its slots hold; older notes would have been evicted."""
    chosen: list[str] = []
    room = settings.fusion.slots
    for text in reversed(notes):
        if room <= 0:
            break
        text = " ".join(text.split()[-room:])  # a word is a slot or more
        chosen.insert(0, text)
        room -= len(tokens.encode_part(checkpoint.tokenizer, text))
    state = blank(checkpoint)
    for text in chosen:
        state = telling.tell(checkpoint, state, text, settings).state
    return state, len(chosen)


def remembered(
    checkpoint: Checkpoint, state: MemoryState, question: str, settings: Settings
) -> GreedyAnswer:
    """The question asked of the network's own memory; its window holds no fact."""
    ids = tokens.encode_part(checkpoint.tokenizer, question.lstrip())
    room = asking.room(checkpoint, state, settings) - MOST_TOKENS
    if len(ids) > room:
        raise NotesError(
            f"Question too long: {len(ids):,} tokens, {max(room, 0):,} fit after this memory. "
            "Please shorten it."
        )
    reader = WithMemory(checkpoint, state, settings)
    found = _answer(checkpoint, reader, ids, len(ids) + 1)
    assert reader.recalled is not None, "the reader has read the question"
    reading = reader.recalled.trace.reading
    return replace(found, first_position=reading.start if reading else 0)


def alone(checkpoint: Checkpoint, question: str) -> NotesPrompt:
    """The question as a prompt of its own."""
    return build(checkpoint, question, [], MOST_TOKENS)


def is_untrained(checkpoint: Checkpoint) -> bool:
    """Whether all LayerNorms still have gain 1 and bias 0, as before any training."""
    norms = [norm for block in blocks(checkpoint.model) for norm in (block.ln_1, block.ln_2)]
    norms.append(checkpoint.model.transformer.ln_f)
    return all(bool((n.weight == 1).all()) and not n.bias.any() for n in norms)


def _fresh(checkpoint: Checkpoint) -> WithCache:
    return WithCache(checkpoint, KVCache(checkpoint.model.config.n_layer))


def _answer(
    checkpoint: Checkpoint, reader: generate.Reader, ids: Ids, n_window: int
) -> GreedyAnswer:
    ends = borders.ends(checkpoint)
    drawn: list[int] = []
    first: torch.Tensor | None = None
    ended = False
    for step in generate.generate(
        reader, ids, MOST_TOKENS, settings=GREEDY, generator=torch.Generator(), end_tokens=ends
    ):
        first = step.reading.logits if first is None else first
        if step.token in ends:
            ended = True
            break
        drawn.append(step.token)
        if ended := _is_sentence(tokens.decode(checkpoint.tokenizer, drawn)):
            break
    assert first is not None, f"no step of {MOST_TOKENS}"
    top = predict.top_tokens(checkpoint, first, 6)
    texts = tokens.display(checkpoint.tokenizer, drawn)
    text = tokens.decode(checkpoint.tokenizer, drawn)
    return GreedyAnswer(text, texts, ended, top, first, n_window)


def _is_sentence(text: str) -> bool:
    """Whether the answer is not empty and its sentence is over."""
    return bool(text.strip()) and (text.rstrip("\"'”’)")[-1:] in ".!?" or text.endswith("\n"))
