"""The numbers of the KV cache page: recorded generations, timings and prices, kept for all
visitors.

A recording belongs to a prompt and its settings, not to a visitor: looking at an earlier step, or
at a step that someone else ran, runs nothing. Knows nothing of looks.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import streamlit as st
import torch

from components.frame import visit
from model.analysis import cache_bytes, step_cost
from model.run import cache_budget, generate, sampling, tokens
from model.run.cache import KVCache
from model.run.cache_policies import POLICIES

MOST_BEYOND = 256  # tokens beyond the window that a policy is priced on
PLACES = {"counted": cache_budget.counted_on, "in cache": cache_budget.in_the_cache}
FULL, AGAIN = "full context", "slide, re-encoded"
MOST_AT_ONCE = 64  # steps run for one click or link
MOST_BYTES = 2**30  # of all recordings' caches
STEP_OVERHEAD = 5e8  # the fixed time of one step, as multiply–adds
QUICK = 1.5e11  # up to so many multiply–adds we do not ask first: a few seconds on a laptop


@dataclass(frozen=True, eq=False)
class Seen:
    """One step as it happened.

    ms: time of its pass; None for the prefill, which ran while the visitor typed. anew_n, anew_ms:
    tokens and time of a pass without cache, made for the proof. error: largest difference of this
    step's logits from that pass; None for the prefill, which used no cache.
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


@dataclass(eq=False)
class Recording:
    """One generation, as far as anyone has taken it; its cache holds what the last step left."""

    checkpoint: object
    prompt_ids: np.ndarray
    settings: sampling.Settings
    generator: torch.Generator
    cache: KVCache
    steps: list[Seen] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def ids(self) -> np.ndarray:
        """Prompt and all drawn tokens; the last one is not in the cache yet."""
        return np.concatenate([self.prompt_ids, np.array([s.token for s in self.steps], np.int64)])

    def extend(self, n_steps: int) -> None:
        """Run decode steps until there are n steps, or until nothing can follow; all or nothing."""
        if n_steps <= len(self.steps):
            return
        with self.lock:
            state, n_entries = self.generator.get_state(), self.cache.n_entries
            try:
                self.steps += self._proved(self._more(n_steps - len(self.steps)))
            except BaseException:  # other visitors continue from the last whole step
                self.generator.set_state(state)
                for layer in self.cache.layers:  # a pass may end between two layers
                    layer.keys = layer.keys[:, :, :n_entries]
                    layer.values = layer.values[:, :, :n_entries]
                raise

    def vector(self, kind: str, layer: int, entry: int) -> np.ndarray:
        """The cached K or V of one token in one layer, (H,D), read from the live cache."""
        held = self.cache.layers[layer]
        return (held.keys if kind == "K" else held.values)[0, :, entry].float().cpu().numpy()

    def _more(self, n: int) -> list[generate.Step]:
        if n <= 0 or self.steps[-1].end:
            return []
        reader = generate.WithCache(self.checkpoint, self.cache)
        return list(generate.generate(
            reader, [self.steps[-1].token], n, settings=self.settings, generator=self.generator
        ))

    def is_end_of_text(self, number: int) -> bool:
        """Whether step `number` (from 1) draws the end-of-text token; a visitor may step on."""
        return self.steps[number - 1].token == self.checkpoint.model.config.eos_token_id

    def _proved(self, fresh: list[generate.Step]) -> list[Seen]:
        """Each step beside one pass over the same text that has no cache."""
        if not fresh:
            return []
        ids = np.concatenate([self.ids, [s.token for s in fresh[:-1]]]).astype(np.int64)
        device = self.checkpoint.model.device
        start = generate.now(device)
        anew = generate.recompute(self.checkpoint, ids, len(fresh))
        anew_ms = 1000 * (generate.now(device) - start)
        return [
            Seen(
                **_facts(step), ms=1000 * step.reading.seconds, anew_n=len(ids), anew_ms=anew_ms,
                error=float((step.reading.logits.float() - logits.float()).abs().max()),
            )
            for step, logits in zip(fresh, anew)
        ]


def _facts(step: generate.Step) -> dict:
    r = step.reading
    return {
        "phase": r.phase, "n_read": r.n_read, "n_entries": r.n_entries,
        "cache_bytes": r.cache_bytes, "token": step.token, "probability": step.probability,
        "end": step.end,
    }


def _begin(chosen, trace, settings: sampling.Settings, seed: int) -> Recording:
    """The prompt's trace holds its keys and values already: they become the cache."""
    cache = KVCache(chosen.model.config.n_layer)
    for i in range(trace.n_layers):
        cache.update(trace.layer_k(i)[None], trace.layer_v(i)[None], i)
    generator = torch.Generator().manual_seed(seed)
    reading = generate.Reading(
        "prefill", len(trace), cache.n_entries, cache.n_bytes, 0.0, trace.next_logits
    )
    first = generate.draw(generate.WithCache(chosen, cache), reading, settings, generator)
    return Recording(chosen, trace.ids, settings, generator, cache, [Seen(**_facts(first))])


def _no_bytes(value) -> int:
    return 0


class Store:
    """The latest values by key, at most `most` of them, and at most so many bytes in all; the
    newest stays whatever its size."""

    def __init__(self, most: int, most_bytes: int = 0, n_bytes: Callable = _no_bytes):
        self._most, self._values, self._lock = most, OrderedDict(), threading.Lock()
        self._most_bytes, self._n_bytes = most_bytes, n_bytes

    def get(self, key, make: Callable):
        """The value of this key; `make()` when there is none."""
        with self._lock:
            if key not in self._values:
                self._values[key] = make()
            self._values.move_to_end(key)
            while len(self._values) > 1 and self._is_too_full():
                self._values.popitem(last=False)
            return self._values[key]

    def _is_too_full(self) -> bool:
        n_bytes = sum(map(self._n_bytes, self._values.values()))
        return len(self._values) > self._most or n_bytes > self._most_bytes


@st.cache_resource(show_spinner=False)
def _recordings() -> Store:
    return Store(6, MOST_BYTES, lambda found: found.cache.reserved_bytes)


@st.cache_resource(show_spinner=False)
def _timings() -> Store:
    return Store(64)


@st.cache_resource(show_spinner=False)
def _prices() -> Store:
    return Store(8)


@st.cache_resource(show_spinner=False)
def _turn() -> threading.Lock:
    """Long measurements take turns: two at once would slow each other down."""
    return threading.Lock()


def recording(settings: sampling.Settings, seed: int, n_steps: int) -> Recording | None:
    """The generation from the prompt, run up to n steps (at most MOST_AT_ONCE new ones) unless it
    ends before; None for the empty prompt."""
    chosen, trace = visit.checkpoint(), visit.trace()
    if trace is None:
        return None
    key = (*_model_key(), trace.ids.tobytes(), settings, seed)
    found = _recordings().get(key, lambda: _begin(chosen, trace, settings, seed))
    found.extend(min(n_steps, len(found.steps) + MOST_AT_ONCE))
    return found


def sizes(found: Recording, n: int) -> list[tuple[str, str, int]]:
    """(what, shape, bytes) of ever larger parts of the first n entries, cut from the live cache."""
    layers = [(x.keys[:, :, :n], x.values[:, :, :n]) for x in found.cache.layers]
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


def _pair_bytes(k: torch.Tensor, v: torch.Tensor) -> int:
    return k.nbytes + v.nbytes


def placement() -> str:
    """Device and number format of the model, "cpu float32"."""
    place = visit.checkpoint().placement
    return f"{place.device} {str(place.dtype).removeprefix('torch.')}"


# -- time ----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Times:
    """measured: one Timing a length; ts and the multiply–adds of each way at every t, (n,)."""

    measured: list[step_cost.Timing]
    ts: np.ndarray
    with_work: np.ndarray
    without_work: np.ndarray

    @property
    def rates(self) -> tuple[float, float]:
        """Multiply–adds a millisecond of each way, fitted."""
        at = np.array([m.t for m in self.measured]) - 1
        return (
            step_cost.rate(self.with_work[at], [m.with_ms for m in self.measured]),
            step_cost.rate(self.without_work[at], [m.without_ms for m in self.measured]),
        )


def counts(most: int) -> Times:
    """The multiply–adds of every step up to `most` tokens; nothing measured yet."""
    config = visit.checkpoint().model.config
    ts = np.arange(1, most + 1)
    both = [[way(config, int(t)).total for t in ts]
            for way in (step_cost.with_cache, step_cost.without_cache)]
    return Times(measured_times(most), ts, *map(np.array, both))


def work(t: int) -> tuple[step_cost.Work, step_cost.Work]:
    """Multiply–adds of the step that reads token t, with and without the cache."""
    config = visit.checkpoint().model.config
    return step_cost.with_cache(config, t), step_cost.without_cache(config, t)


def measured_times(most: int) -> list[step_cost.Timing]:
    """What has been measured for this model and length; empty before."""
    return _timings().get((*_model_key(), most), list)


def measure(most: int, on_progress: Callable[[float], None]) -> None:
    """Measure both ways at 8 lengths up to `most`, on this prompt's tokens, repeated as needed."""
    fresh = []
    ids = np.resize(visit.prompt().ids, most)
    ts = step_cost.lengths(most)
    _take_turn(on_progress)
    try:
        for i, timing in enumerate(step_cost.measure(visit.checkpoint(), ids, ts, repeats=5)):
            fresh.append(timing)
            on_progress((i + 1) / len(ts))
        measured_times(most)[:] = fresh  # all lengths or none
    finally:
        _turn().release()


# -- beyond the window -----------------------------------------------------------------------------


def long_ids() -> np.ndarray:
    """The whole prompt's ids, also where they exceed the window, up to MOST_BEYOND tokens more."""
    chosen = visit.checkpoint()
    most = chosen.model.config.n_positions + MOST_BEYOND
    return tokens.encode(chosen.tokenizer, visit.prompt().text)[:most]


def re_encoding(budget: int) -> tuple[int, bool]:
    """Tokens that re-encoding the window at every token would run, and whether that is quick."""
    T, config = len(long_ids()), visit.checkpoint().model.config
    n_run = min(T, budget) + max(0, T - 1 - budget) * budget
    return n_run, n_run * step_cost.work(config, 1, 0).total < QUICK


def is_quick(budget: int, place: str) -> bool:
    """Whether pricing the policies takes seconds, or has been done."""
    ids, config = long_ids(), visit.checkpoint().model.config
    cost = STEP_OVERHEAD + len(POLICIES) * step_cost.work(config, 1, 0).total
    key = (*_model_key(), ids.tobytes(), budget, place)
    return len(ids) * cost < QUICK or bool(_prices().get(key, dict))


def prices(budget: int, place: str, again: bool, on_progress) -> dict[str, cache_budget.Price]:
    """Every policy that drops, on the visitor's whole text; FULL where it fits the window, AGAIN
    where it is asked for."""
    ids = long_ids()
    key = (*_model_key(), ids.tobytes(), budget)
    found = dict(_prices().get((*key, place), dict))
    if again:
        found |= _prices().get((*key, AGAIN), dict)
    missing = [name for name, there in ((place, "slide"), (AGAIN, AGAIN)) if there not in found]
    for name in missing if again else missing[: place in missing]:
        found |= _priced(key, name, ids, budget, on_progress)
    return found


def _priced(key, name: str, ids, budget: int, on_progress) -> dict[str, cache_budget.Price]:
    """Price what is missing, unless another visitor has done so meanwhile."""
    kept = _prices().get((*key, name), dict)
    _take_turn(on_progress)
    try:
        if not kept:
            runs = _re_encoded(ids, budget) if name == AGAIN else _policies(ids, budget, name)
            for done in runs:
                if isinstance(done, dict):
                    kept.update(done)
                else:
                    on_progress(done / len(ids))
    finally:
        _turn().release()
    return kept


def _re_encoded(ids, budget: int):
    for done in cache_budget.re_encoded(visit.checkpoint(), ids, budget):
        yield {AGAIN: done} if isinstance(done, cache_budget.Price) else done


def _policies(ids, budget: int, place: str):
    chosen = visit.checkpoint()
    dropping = {name: policy for name, policy in POLICIES.items() if name != "stop"}
    full = {}
    if len(ids) <= chosen.model.config.n_positions:
        full[FULL] = cache_budget.full_context(chosen, ids)
    for done in cache_budget.with_policies(
        chosen, ids, dropping, budget, place=PLACES[place], seed=0
    ):
        yield full | done if isinstance(done, dict) else done


def _take_turn(on_progress) -> None:
    """Wait for the turn so that a newer keystroke can end this run: on_progress is an st call."""
    while not _turn().acquire(timeout=0.1):
        on_progress(0.0)


# -- bytes at scale --------------------------------------------------------------------------------


def own_shape(n_tokens: int) -> cache_bytes.CacheShape:
    """The loaded model's cache at n tokens."""
    place = visit.checkpoint().placement
    dtype = str(place.dtype).removeprefix("torch.")
    return cache_bytes.of_model(visit.checkpoint().model.config, n_tokens, dtype)


def _model_key() -> tuple:
    chosen = visit.checkpoint()
    return (chosen.fingerprint, str(chosen.placement))
