"""What a trained model can do, in numbers: bits per byte, recall, "I do not know", heads.

Every figure comes with its n. This file does not know how the model was trained.
"""
import math
import random

import torch
from tokenizers import Tokenizer
from torch.nn import functional as F

from . import episodes
from .corpus import END_ID


@torch.no_grad()
def bits_per_byte(model, tokenizer: Tokenizer, text: str) -> float:
    """Mean bits the model needs for a byte of text (UTF-8), every token predicted once.

    Windows of all positions, half a window apart: except at the start a token has at least half a
    window before it.
    """
    ids = torch.tensor([END_ID, *tokenizer.encode(text).ids], device=model.device)
    n, nats = model.config.n_positions, 0.0
    start, scored = 0, 1
    while scored < len(ids):
        window = ids[start:start + n]
        logits = forward(model, window[None, :-1])[0]
        nats += F.cross_entropy(logits[scored - start - 1:], window[scored - start:],
                                reduction="sum").item()
        scored, start = start + len(window), start + n // 2
    return nats / math.log(2) / len(text.encode())


def forward(model, ids: torch.Tensor) -> torch.Tensor:
    """ids (B,T) -> float32 logits (B,T,V), plain causal attention whatever attention is set."""
    T = ids.shape[1]
    mask = torch.full((1, 1, T, T), -1e9, device=ids.device).triu(1).expand(len(ids), -1, -1, -1)
    return model(ids, attention_mask=mask, use_cache=False).logits.float()


@torch.no_grad()
def exact(model, contexts: list[list[int]], answers: list[list[int]], rows: int = 64) -> list[bool]:
    """Whether greedy decoding after each context gives exactly the answer's tokens."""
    hits = []
    for first in range(0, len(contexts), rows):
        part = list(zip(contexts[first:first + rows], answers[first:first + rows]))
        T = max(len(c) + len(a) for c, a in part)
        ids = torch.tensor([[*c, *a] + [END_ID] * (T - len(c) - len(a)) for c, a in part],
                           device=model.device)
        best = forward(model, ids).argmax(-1).tolist()
        hits += [best[i][len(c) - 1:len(c) + len(a) - 1] == a for i, (c, a) in enumerate(part)]
    return hits


def question_and_answer(tokenizer: Tokenizer, one: episodes.Episode) -> tuple[list[int], list[int]]:
    """The episode up to its last answer, and that answer with its full stop, as ids."""
    parts = list(episodes.pieces(one))
    context = tokenizer.encode("".join(text for text, _ in parts[:-2])).ids
    return context, tokenizer.encode(parts[-2][0] + parts[-1][0]).ids


def quick_recall(model, tokenizer: Tokenizer, plan: episodes.Plan, source: str, n: int = 96) -> float:
    """Share of n episodes of a plan whose (told) answer is recalled exactly."""
    from dataclasses import replace
    rng = random.Random(f"quick {source}")
    plan = replace(plan, source=source, unknown=0.0, asks=(1, 1))
    pairs = [question_and_answer(tokenizer, episodes.episode(rng, plan)) for _ in range(n)]
    pairs = [(c, a) for c, a in pairs if len(c) + len(a) <= model.config.n_positions]
    return sum(exact(model, *map(list, zip(*pairs)))) / len(pairs)
