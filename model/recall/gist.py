"""Whether a recurrent memory carries the kind of a text: does a book's vector help to read on in
the same book, more than another book's vector?

Each pair: a prompt of a book is told; the next tokens of the same book are read without a vector,
with that vector, and with the vector that a prompt of another book left. B pairs of the same length
are read at once, so nothing is padded. Knows nothing of slots and facts.
"""

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from model.grafts.graft import Graft, opened
from model.run import borders, tokens
from model.run.bits import nats
from model.run.checkpoint import Checkpoint

TOLD, READ, ROWS = 192, 64, 16  # tokens told, tokens read, pairs at once
TRIES = 200  # places of a text
LETTERS = 2_400  # of a text, in which so many tokens are looked for


@torch.inference_mode()
def gist(
    checkpoint: Checkpoint, books: Mapping[str, str], *, n: int = 500, seed: int = 0, same: str = ""
) -> dict[str, Any]:
    """n pairs (at least 2: one has no spread) -> nats a token with 95 % intervals: saved by the own book's vector and by the other
    book's, compared with none; and by the own compared with the other's, also in percent.

    same: the name of the only book whose next prompts are read; "": any. Raises ValueError if the
    model has no recurrent memory, or if fewer than two books are long enough.
    """
    memory = checkpoint.memory
    if memory is None or not {"early", "late"} & set(memory.parts):
        raise ValueError("There is no trained recurrent memory for this model. Train it: python -m "
                         "model train memory")
    books = {name: text for name, text in books.items() if len(text) > 2 * LETTERS}
    if len(books) < 2 or (same and same not in books):
        raise ValueError(f"The gist needs two books of more than {2 * LETTERS:,} letters, and "
                         f"{len(books)} are that long. Give longer texts.")
    n = max(2, n)
    rng, nats = random.Random(f"gist {seed}"), []
    for first in range(0, n, ROWS):
        told, other, read = _pairs(checkpoint, rng, books, min(ROWS, n - first), same)
        nats.append(_three_ways(checkpoint, told, other, read))
    return _figures(np.concatenate(nats))


def _pairs(
    checkpoint: Checkpoint, rng: random.Random, books: Mapping[str, str], n: int, same: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tokens (n,TOLD) of a book, (n,TOLD) of another, and the (n,READ) that follow the first."""
    own, other = [], []
    for _ in range(n):
        name = same or rng.choice(list(books))
        another = rng.choice([one for one in books if one != name])
        own.append(_somewhere(checkpoint, rng, books[name]))
        other.append(_somewhere(checkpoint, rng, books[another]))
    mine = np.stack(own)
    return mine[:, :TOLD], np.stack(other)[:, :TOLD], mine[:, TOLD:]


def _somewhere(checkpoint: Checkpoint, rng: random.Random, text: str) -> np.ndarray:
    """TOLD + READ tokens of a text, from the beginning of a sentence; drawn again if too few tokens
    follow. ValueError for a text in which they never do, such as a list of long words."""
    for _ in range(TRIES):
        at = rng.randrange(len(text) - LETTERS)
        part = text[at : at + LETTERS]
        ids = tokens.encode_part(checkpoint.tokenizer, part[part.find(". ") + 1 :])
        if len(ids) >= TOLD + READ:
            return ids[: TOLD + READ]
    raise ValueError(f"The gist needs {TOLD + READ} tokens in {LETTERS:,} letters of a book, and {TRIES} places of "
                     f"one that begins {text[:20]!r} had fewer. Give a text in sentences.")


def _three_ways(
    checkpoint: Checkpoint, told: np.ndarray, other: np.ndarray, read: np.ndarray
) -> np.ndarray:
    """(n,3) mean nats a token of what is read: without a vector, the own book's, the other's."""
    ways = (None, _carried(checkpoint, told), _carried(checkpoint, other))
    return np.stack([_nats(checkpoint, read, carried) for carried in ways], axis=1)


def _carried(checkpoint: Checkpoint, ids: np.ndarray) -> Graft:
    """The states (n,S·C) after a prompt that the plain model reads from its start."""
    memory, model = checkpoint.memory, checkpoint.model
    assert memory is not None, "states without trained memory"
    out = model.transformer(_with_start(checkpoint, ids), output_hidden_states=True, use_cache=False)
    streams = {"early": out.hidden_states[0], "late": out.last_hidden_state}  # (n,T,C)
    n, T = streams["early"].shape[:2]
    states: dict[str, torch.Tensor] = {}
    for name in {"early", "late"} & set(memory.parts):
        module = getattr(memory, name)
        blank = torch.zeros(n, module.state_width, device=model.device)
        states[name] = module.write(streams[name].float(), blank, torch.full((n,), T))
    return Graft(memory, states.get("early"), states.get("late"), lora="lora" in memory.parts)


def _nats(checkpoint: Checkpoint, ids: np.ndarray, graft: Graft | None) -> np.ndarray:
    whole = _with_start(checkpoint, ids)
    with opened(graft):
        logits = checkpoint.model(whole, use_cache=False).logits[:, :-1]
    each = nats(logits.flatten(0, 1), ids.flatten()).view(len(ids), -1)
    mean: np.ndarray = each.mean(1).cpu().numpy()
    return mean


def _with_start(checkpoint: Checkpoint, ids: np.ndarray) -> torch.Tensor:
    start = np.tile(borders.start(checkpoint), (len(ids), 1))
    return torch.as_tensor(np.hstack([start, ids]), device=checkpoint.model.device)


def _figures(nats: np.ndarray) -> dict[str, Any]:
    without, own, other = nats.T
    return {
        "pairs": len(nats), "tokens_told": TOLD, "tokens_read": READ,
        "nats_without": float(without.mean()),
        "saved_by_own": _mean(without - own), "saved_by_other": _mean(without - other),
        "own_over_other": _mean(other - own),
        "percent": {name: 100 * value / float(without.mean())
                    for name, value in _mean(other - own).items()},
    }


def _mean(x: np.ndarray) -> dict[str, Any]:
    half = 1.96 * float(x.std(ddof=1)) / len(x) ** 0.5 if len(x) > 1 else 0.0
    return {"mean": float(x.mean()), "low": float(x.mean()) - half, "high": float(x.mean()) + half}
