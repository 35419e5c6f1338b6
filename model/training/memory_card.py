"""What trained memory can do, in numbers: measured on the exported file, for its card."""

import platform
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch

from model.grafts import modules
from model.recall import episodes
from model.recall.share import Share, wilson
from model.training import memory, remembering
from model.training.memory_data import Lesson, LessonBatch
from model.training.under_way import RECURRENT, MemoryTraining

GRID = (
    ("one fact", Lesson("one", episodes.Plan(facts=(1, 1), others=(0, 0), fillers=(0, 1), near=0,
                                             update=0, unknown=0, source="unseen"), (0, 0))),
    ("four facts, one prompt between", Lesson(
        "four", episodes.Plan(facts=(4, 4), others=(0, 0), fillers=(0, 2), near=0.3, update=0,
                              unknown=0, source="unseen"), (1, 1))),
    ("four facts, eight prompts between", Lesson(
        "far", episodes.Plan(facts=(4, 4), others=(0, 0), fillers=(0, 2), near=0.3, update=0,
                             unknown=0, source="unseen"), (8, 8))),
    ("seven facts about seven people", Lesson(
        "people", episodes.Plan(facts=(0, 0), others=(7, 7), fillers=(0, 2), near=0.3, update=0,
                                unknown=0, source="unseen"), (1, 1))),
)
NEVER = Lesson("never", episodes.Plan(facts=(1, 4), others=(0, 3), fillers=(0, 2), unknown=1.0,
                                      source="unseen"), (0, 3))
BATCH = 32
KNOWN = "one to three facts, values of the lists, up to three prompts between"


def figures(training: MemoryTraining, path: Path, n: int) -> dict:
    """Everything the card says, ready for JSON; n held-out episodes for each share."""
    options, state, config = training.options, training.state, training.model.config
    shipped = modules.load_modules(path, config, training.checkpoint.fingerprint)
    measured = replace(training, modules=shipped.to(training.model.device))
    settings = (*GRID, (KNOWN, _known()))
    shares = {name: _shares(measured, lesson, n) for name, lesson in settings}
    return {
        "variant": options.variant, "base": training.checkpoint.fingerprint, "seed": options.seed,
        "steps": state.step, "tokens": state.tokens, "seconds": round(state.seconds),
        "platform": f"{training.model.device.type}, {platform.machine()}, torch {torch.__version__}",
        "text": "books of a folder" if options.text else "made-up sentences only",
        "went_on_from": _before(options.weights),
        "n_parameters": sum(p.numel() for name, p in shipped.named_parameters()
                            if name.startswith(modules.prefixes(memory.written(training)))),
        "file_bytes": path.stat().st_size, "cell": options.cell, "lora": options.lora,
        **({"base_numbers": "NF4, 4 bits, while training and measuring"} if options.four_bit else {}),
        "recall": shares, "refused": _shares(measured, NEVER, n),
        "stability": stability(measured, n),
    }


def n_episodes(n: int) -> int:
    """How many episodes a card reads, n for each share: the settings, what is known, what was never told
    and ordinary text."""
    return (len(GRID) + 3) * n


def _before(weights: Path | None) -> dict:
    """Steps, tokens and seconds of the training that this one continued; {} if it began anew."""
    if weights is None:
        return {}
    card = modules.card_of(weights)  # {} where a training was stopped before it was measured
    return {name: card[name] for name in ("steps", "tokens", "seconds", "base") if name in card}


def _known() -> Lesson:
    """Recall of what the recurrent memory was taught: one to three facts with values of the
    lists."""
    return replace(RECURRENT, name="known", plan=replace(RECURRENT.plan, unknown=0.0))


def _shares(training: MemoryTraining, lesson: Lesson, n: int) -> dict[str, dict]:
    rng = random.Random(f"card {lesson.name}")
    hits: dict[str, int] = {}
    for first in range(0, n, BATCH):
        batch = training.data.batch(rng, [lesson] * min(BATCH, n - first), 1)
        with torch.no_grad():
            for name, right in memory.answered(training, batch).items():
                hits[name] = hits.get(name, 0) + right
    return {name: share(Share(name, right, n)) for name, right in hits.items()}


def share(one: Share) -> dict:
    """hits of n with its interval, for JSON."""
    low, high = wilson(one.hits, one.n)
    return {"hits": one.hits, "n": one.n, "share": round(one.value, 4),
            "low": round(low, 4), "high": round(high, 4)}


@torch.no_grad()
def stability(training: MemoryTraining, n: int) -> dict:
    """How a memory full of other facts changes ordinary text: nats a token with and without it, the
    KL, and the same with empty memory (0 by construction)."""
    rng, sums = random.Random("card stability"), {"base": 0.0, "with": 0.0, "kl": 0.0, "tokens": 0}
    lesson = Lesson("full", episodes.Plan(facts=(6, 8), others=(3, 5), unknown=0), (2, 4))
    for first in range(0, n, BATCH):
        batch = training.data.batch(rng, [lesson] * min(BATCH, n - first), 1)
        for name, value in _on_ordinary_text(training, batch).items():
            sums[name] += value
    tokens = sums.pop("tokens")
    found = {name: round(value / tokens, 5) for name, value in sums.items()}
    return {"nats_per_token_base": found["base"], "nats_per_token_memory": found["with"],
            "relative_change": round(found["with"] / found["base"] - 1, 5),
            "kl_nats_per_token": found["kl"], "tokens": tokens}


def _on_ordinary_text(training: MemoryTraining, batch: LessonBatch) -> dict[str, float]:
    rows = len(batch.episodes)
    _, asked, remembered = remembering.read_batch(training, batch)
    ordinary = remembering.select(asked, slice(rows, None))
    T = ordinary.ids.shape[1]
    places = torch.arange(T, device=ordinary.ids.device).expand(len(ordinary.ids), -1)
    log_p, base_p = (
        remembering.logits(training, ordinary, some, places)[:, :-1].log_softmax(-1)
        for some in (remembering.pick(remembered, ordinary.row), None)
    )
    real = torch.arange(1, ordinary.ids.shape[1], device=log_p.device) < ordinary.n[:, None]
    target = ordinary.ids[:, 1:, None]
    kl = (base_p.exp() * (base_p - log_p)).sum(-1)
    nats = {"base": -base_p.gather(-1, target)[..., 0], "with": -log_p.gather(-1, target)[..., 0]}
    sums = {name: float(value[real].sum()) for name, value in nats.items()}
    return {**sums, "kl": float(kl[real].sum()), "tokens": int(real.sum())}


def lines(card: dict) -> Iterator[str]:
    """The card as lines to read."""
    for setting, shares in card["recall"].items():
        told = ", ".join(f"{name} {s['share']:.1%} ({s['low']:.1%} to {s['high']:.1%})"
                         for name, s in shares.items())
        n = next(iter(shares.values()))["n"]
        yield f"{setting}, n = {n}: {told}"
    refused = ", ".join(f"{name} {s['share']:.1%} ({s['low']:.1%} to {s['high']:.1%})"
                        for name, s in card["refused"].items())
    yield f'"I do not know." to what was never told: {refused}'
    change = card["stability"]["relative_change"]
    yield (f"ordinary text with memory full of other things: {change:+.2%} nats a token, KL "
           f"{card['stability']['kl_nats_per_token']:.4f} nats over "
           f"{card['stability']['tokens']:,} tokens")
