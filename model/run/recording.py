"""A generation kept as it happened: every step with its cost, and the cache that the last one left.

A recording is never changed: `longer` gives a new one that begins with the same steps, so that a
step that fails, or that nobody waits for any more, leaves nothing behind. Knows nothing of pages.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from model.run import borders, generate, sampling
from model.run.cache import KVCache
from model.run.checkpoint import Checkpoint
from model.run.trace import Trace
from model.run.turn import undivided


@dataclass(frozen=True, eq=False)
class RecordedStep:
    """One step as it happened.

    ms: of its pass; None for the prefill, which was read while it was typed. anew_n, anew_ms: a
    pass without cache over so many tokens, made for the proof. error: largest difference of this
    step's logits from that pass; None for the prefill, which used nothing cached.
    """

    phase: str
    n_read: int
    n_entries: int
    cache_bytes: int
    token: int
    probability: float
    end: str
    ms: float | None = None
    anew_n: int | None = None
    anew_ms: float | None = None
    error: float | None = None


@dataclass(frozen=True, eq=False)
class Recording:
    """One generation of n steps. cache: what the last step left, without its drawn token; only
    `longer` may write behind it. random: state of the generator after the last draw; end_tokens:
    those that end a text."""

    prompt_ids: np.ndarray
    settings: sampling.SamplingSettings
    cache: KVCache
    random: torch.Tensor
    end_tokens: frozenset[int]
    steps: tuple[RecordedStep, ...]

    @property
    def ids(self) -> np.ndarray:
        """Prompt and all drawn tokens; the last one is not in the cache yet."""
        return np.concatenate([self.prompt_ids, np.array([s.token for s in self.steps], np.int64)])

    def has(self, n_steps: int) -> bool:
        """Whether there are so many steps, or nothing can follow."""
        return len(self.steps) >= n_steps or bool(self.steps[-1].end)

    def vector(self, kind: str, layer: int, entry: int) -> np.ndarray:
        """The cached K or V of one token in one layer, (H,D), read from the live cache."""
        held = self.cache.layer_caches[layer]
        return (held.keys if kind == "K" else held.values)[0, :, entry].float().cpu().numpy()

    def is_end_of_text(self, number: int) -> bool:
        """Whether step `number` (from 1) draws the end-of-text token; a visitor may step on."""
        return self.steps[number - 1].token in self.end_tokens


def begun(
    checkpoint: Checkpoint, trace: Trace, settings: sampling.SamplingSettings, seed: int
) -> Recording:
    """The first step. The prompt's trace holds its keys and values already: they become the cache."""
    cache = KVCache(checkpoint.model.config.n_layer)
    for i in range(trace.n_layers):
        cache.update(trace.layer_k(i)[None], trace.layer_v(i)[None], i)
    generator = torch.Generator().manual_seed(seed)
    reading = generate.GenerationPass(
        "prefill", len(trace), cache.n_entries, cache.n_bytes, 0.0, trace.next_logits
    )
    first = generate.draw(generate.WithCache(checkpoint, cache), reading, settings, generator)
    return Recording(
        trace.ids, settings, cache, generator.get_state(), borders.ends(checkpoint),
        (RecordedStep(**_facts(first)),)
    )


def longer(checkpoint: Checkpoint, recording: Recording, n_steps: int) -> Recording:
    """The recording with n_steps, or as many as can be; each new step is proved by one pass over
    the same text that has no cache."""
    if recording.has(n_steps):
        return recording
    generator = torch.Generator()
    generator.set_state(recording.random)
    cache = recording.cache.forked()
    fresh = list(generate.generate(
        generate.WithCache(checkpoint, cache), [recording.steps[-1].token],
        n_steps - len(recording.steps), settings=recording.settings, generator=generator,
    ))
    steps = (*recording.steps, *_proved(checkpoint, recording.ids, fresh))
    return replace(recording, cache=cache, random=generator.get_state(), steps=steps)


def sizes(recording: Recording, n: int) -> list[tuple[str, str, int]]:
    """(what, shape, bytes) of ever larger parts of the first n entries, cut from the live cache."""
    layers = [(x.keys[:, :, :n], x.values[:, :, :n]) for x in recording.cache.layer_caches]
    k, v = layers[0]
    H, D = k.shape[1], k.shape[3]
    L = len(layers)
    return [
        ("one vector: a K or a V of one head", f"({D},)", k[0, 0, 0].nbytes),
        ("one token in one layer", f"2 × ({H}, {D})", _pair_bytes(k[:, :, :1], v[:, :, :1])),
        ("one token in all layers", f"{L} × 2 × ({H}, {D})",
         sum(_pair_bytes(k[:, :, :1], v[:, :, :1]) for k, v in layers)),
        ("one head of one layer", f"2 × ({n}, {D})", _pair_bytes(k[:, :1], v[:, :1])),
        ("one layer", f"2 × {tuple(k.shape)}", _pair_bytes(k, v)),
        (f"all {L} layers", f"{L} × 2 × {tuple(k.shape)}", sum(_pair_bytes(*kv) for kv in layers)),
    ]


def _proved(
    checkpoint: Checkpoint, ids_before: np.ndarray, fresh: list[generate.GeneratedToken]
) -> Iterator[RecordedStep]:
    """Each step beside one pass over the same text that has no cache."""
    ids = np.concatenate([ids_before, [s.token for s in fresh[:-1]]]).astype(np.int64)
    device = checkpoint.model.device
    with undivided():
        start = generate.now(device)
        anew = generate.recompute(checkpoint, ids, len(fresh))
        anew_ms = 1000 * (generate.now(device) - start)
    for step, logits in zip(fresh, anew):
        yield RecordedStep(
            **_facts(step), ms=1000 * step.reading.seconds, anew_n=len(ids), anew_ms=anew_ms,
            error=float((step.reading.logits.float() - logits.float()).abs().max()),
        )


def _facts(step: generate.GeneratedToken) -> dict[str, Any]:
    r = step.reading
    return {
        "phase": r.phase, "n_read": r.n_read, "n_entries": r.n_entries,
        "cache_bytes": r.cache_bytes, "token": step.token, "probability": step.probability,
        "end": step.end,
    }


def _pair_bytes(k: torch.Tensor, v: torch.Tensor) -> int:
    return k.nbytes + v.nbytes
