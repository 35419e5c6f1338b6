"""How a full memory changes the reading of ordinary text: bits per byte of each variant and the
base.

The memory is full of facts that the text is not about. Knows nothing of recall.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import torch

from model.memory import asking, telling
from model.memory.heard import surprisal
from model.memory.settings import Settings
from model.memory.state import MemoryState, blank
from model.memory.variants import VARIANTS
from model.recall import distraction, probe
from model.recall.plain_runs import PlainRuns
from model.recall.probe import Probe
from model.run import tokens
from model.run.checkpoint import Checkpoint
from model.run.tokens import Ids

FULL = 1_500  # tokens told before the text is read
FACTS = 8  # probes that are told as well


@torch.inference_mode()
def bits_per_byte(
    checkpoint: Checkpoint,
    given: Sequence[Probe],
    text: str,
    variants: Sequence[str],
    *,
    n: int = 200,
    settings: Settings = Settings(),
) -> dict[str, Any]:
    """n passages (at least 2: one has no spread) of about 64 tokens of the text, each read as its own
    prompt with the same full memory -> bits per byte of the base and of each variant, and the change
    in percent with its 95 % interval (normal, over passages)."""
    state = full(checkpoint, given, settings)
    n = max(2, n)
    passages = list(islice(distraction.prompts(checkpoint, 200 * n, text, 1), n))
    nats: dict[str, list[float]] = {name: [] for name in ("gpt2", *variants)}
    n_bytes = 0
    for passage, _ in passages:
        ids, n_bytes = tokens.encode_part(checkpoint.tokenizer, passage), n_bytes + len(passage.encode())
        for name, sums in nats.items():
            sums.append(_nats(checkpoint, state, ids, probe.settings_for(name, settings)))
    base = np.array(nats["gpt2"])
    found = {name: _figures(np.array(sums), base, n_bytes) for name, sums in nats.items()}
    return {"passages": len(passages), "bytes": n_bytes, "variants": found}


def full(checkpoint: Checkpoint, given: Sequence[Probe], settings: Settings) -> MemoryState:
    """A memory of all modules that holds a few facts and much made-up talk."""
    settings = replace(settings, modules=VARIANTS["gpt2-m"])
    state, runs = blank(checkpoint), PlainRuns(1)
    told = [text for one in given[:FACTS] for text in one.tell]
    talk = [prompt for prompt, _ in distraction.prompts(checkpoint, FULL, "", 0)]
    for text in (*told, *talk):
        state = telling.tell(checkpoint, state, text, settings, heard=runs).state
    return state


def _nats(checkpoint: Checkpoint, state: MemoryState, ids: Ids, settings: Settings) -> float:
    """−ln p of all tokens of a passage, summed, read with the variant's part of the memory."""
    state = state if settings.modules else blank(checkpoint)
    trace = asking.ask(checkpoint, state, ids, settings).trace
    return float(surprisal(checkpoint, trace, len(trace) - len(ids)).sum())


def _figures(nats: np.ndarray, base: np.ndarray, n_bytes: int) -> dict[str, Any]:
    change = nats.sum() / base.sum() - 1
    rest = nats - (1 + change) * base  # a ratio's error, to first order
    half = 1.96 * rest.std(ddof=1) * len(rest) ** 0.5 / base.sum() if len(rest) > 1 else 0.0
    low, high = 100 * (change - half), 100 * (change + half)
    return {"bits_per_byte": float(nats.sum() / math.log(2) / n_bytes),
            "percent": float(100 * change), "low": float(low), "high": float(high)}
