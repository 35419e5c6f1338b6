"""Prompts between telling and asking: a given number of tokens of talk about other things.

They come from a text (the visitor's, a book) or from a seed (sentences with no fact that is ever
asked). A stream: prompts are made one by one, for any distance. Knows nothing of memory.
"""

import itertools
import random
import re
from collections.abc import Iterator

import numpy as np
from transformers import PreTrainedTokenizerBase

from model.recall import episodes
from model.run import tokens
from model.run.checkpoint import Checkpoint

PROMPT_TOKENS = 64  # a distracting prompt ends with the sentence that reaches this many


def prompts(
    checkpoint: Checkpoint, n_tokens: int, text: str = "", seed: int = 0
) -> Iterator[tuple[str, int]]:
    """Prompts with their number of tokens, n_tokens in all (the last is cut to fit).

    text: read from its start, and again when it ends; "": sentences generated from the seed. If cut
    letters split into other tokens, the last prompt may be a few tokens off.
    """
    left = n_tokens
    for prompt, ids in _endless(checkpoint.tokenizer, text, seed):
        if left <= 0:
            return
        if len(ids) > left:
            prompt = tokens.decode(checkpoint.tokenizer, ids[:left])
            ids = tokens.encode_part(checkpoint.tokenizer, prompt)
        if len(ids):
            yield prompt, len(ids)
        left -= max(1, len(ids))


def _endless(
    tokenizer: PreTrainedTokenizerBase, text: str, seed: int
) -> Iterator[tuple[str, np.ndarray]]:
    sentences = _read(text) if text.strip() else _made(seed)
    while True:
        prompt, ids = "", np.zeros(0, dtype=np.int64)
        while len(ids) < PROMPT_TOKENS:
            prompt = f"{prompt} {next(sentences)}".strip()
            ids = tokens.encode_part(tokenizer, prompt)
        yield prompt, ids


def _made(seed: int) -> Iterator[str]:
    rng = random.Random(f"distraction {seed}")
    while True:
        sentence = episodes.filler(rng)
        yield sentence[0].upper() + sentence[1:]


def _read(text: str) -> Iterator[str]:
    """The text's sentences, cut at 400 letters, again and again."""
    pieces = (p.strip() for p in re.findall(r"[^.!?]{1,400}[.!?]*", text, flags=re.DOTALL))
    found = [" ".join(p.split()) for p in pieces if p]
    if not found:
        raise ValueError("The distraction text has no word in it. Write some words, or leave it "
                         "empty.")
    return itertools.cycle(found)
