"""The numbers of the KV cache page: recorded generations, timings and prices, kept for all
visitors.

A recording belongs to a prompt and its settings, not to a visitor: looking at an earlier step, or
at a step that someone else ran, runs nothing. Knows nothing of looks.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from components.frame import results, visit
from model.analysis import cache_bytes, cost, step_times
from model.run import cache_budget, sampling
from model.run import recording as recordings
from model.run.cache_budget import AGAIN, FULL, Price  # noqa: F401 (for the page)
from model.run.cache_policies import POLICIES
from model.run.recording import Recording, sizes  # noqa: F401 (for the page)
from model.run.store import RunKey

MOST_BEYOND = 256  # tokens beyond the window that a policy is priced on
MOST_AT_ONCE = 64  # steps run for one click or link
REPEATS = 5  # runs behind one timing


def recording(settings: sampling.SamplingSettings, seed: int, n_steps: int) -> Recording | None:
    """The generation from the prompt, run up to n steps (at most MOST_AT_ONCE new ones) unless it
    ends before; None for the empty prompt."""
    chosen, trace = visit.checkpoint(), visit.trace()
    if trace is None:
        return None
    key = RunKey.of(chosen, "recording", trace.ids, settings, seed)
    found = results.computed(key, partial(recordings.begun, chosen, trace, settings, seed))
    wanted = min(n_steps, len(found.steps) + MOST_AT_ONCE)
    while not found.has(wanted):  # another visitor's steps of the same recording may come first
        found = results.computed(key, partial(_longer, key, chosen, found, wanted), renew=True)
    return found


def _longer(key: RunKey, chosen, found: Recording, n_steps: int) -> Recording:
    latest = results.engine().store.get(key) or found
    return recordings.longer(chosen, latest, n_steps)


def placement() -> str:
    """Device and number format of the model, "cpu float32"."""
    place = visit.checkpoint().placement
    return f"{place.device} {str(place.dtype).removeprefix('torch.')}"


# -- time ----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class StepTimes:
    """measured: one Timing a length; ts and the multiply–adds of each way at every t, (n,)."""

    measured: tuple[step_times.Timing, ...]
    ts: np.ndarray
    with_work: np.ndarray
    without_work: np.ndarray

    @property
    def paces(self) -> tuple[cost.Pace, cost.Pace]:
        """How long each way takes for its multiply–adds, fitted."""
        at = np.array([m.t for m in self.measured]) - 1
        return (
            cost.pace(self.with_work[at], [m.with_ms for m in self.measured]),
            cost.pace(self.without_work[at], [m.without_ms for m in self.measured]),
        )


def counts(most: int) -> StepTimes:
    """The multiply–adds of every step up to `most` tokens; nothing measured yet."""
    config = visit.checkpoint().model.config
    ts = np.arange(1, most + 1)
    both = [[way(config, int(t)).total for t in ts]
            for way in (cost.with_cache, cost.without_cache)]
    return StepTimes(measured_times(most), ts, *map(np.array, both))


def work(t: int) -> tuple[cost.Work, cost.Work]:
    """Multiply–adds of the step that reads token t, with and without the cache."""
    config = visit.checkpoint().model.config
    return cost.with_cache(config, t), cost.without_cache(config, t)


def measured_times(most: int) -> tuple[step_times.Timing, ...]:
    """What has been measured for this model and length; empty before."""
    return results.kept(_timings_key(most)) or ()


def measure(most: int, on_progress: Callable[[float], None]) -> None:
    """Measure both ways at 8 lengths up to `most`, on this prompt's tokens, repeated as needed."""
    on_progress(0.0)
    ids, ts = np.resize(visit.prompt().ids, most), tuple(step_times.lengths(most))
    work = partial(step_times.measure_all, visit.checkpoint(), ids, ts, REPEATS)
    results.computed(_timings_key(most), work, on_progress=on_progress, renew=True)


def _timings_key(most: int) -> RunKey:
    return RunKey.of(visit.checkpoint(), "timings", (), most)


# -- beyond the window -----------------------------------------------------------------------------


def long_ids() -> np.ndarray:
    """The whole prompt's ids, also where they exceed the window, up to MOST_BEYOND tokens more."""
    most = visit.checkpoint().model.config.n_positions + MOST_BEYOND
    return visit.encode(visit.prompt().text)[:most]


def re_encoding(budget: int) -> tuple[int, bool]:
    """Tokens that re-encoding the window at every token would run, and whether that is quick."""
    return cost.re_encoding(visit.checkpoint().model.config, len(long_ids()), budget)


def is_quick(budget: int, place: str) -> bool:
    """Whether pricing the policies takes seconds, or has been done."""
    ids, config = long_ids(), visit.checkpoint().model.config
    quick = cost.is_quick_step_by_step(config, len(ids), len(POLICIES))
    return quick or results.kept(_price_key(ids, budget, place)) is not None


def prices(budget: int, place: str, again: bool, on_progress) -> dict[str, Price]:
    """Every policy that drops, on the visitor's whole text; FULL where it fits the window, AGAIN
    where it is asked for."""
    ids, chosen = long_ids(), visit.checkpoint()
    works = {place: partial(cache_budget.compared, chosen, ids, budget, place)}
    if again:
        works[AGAIN] = partial(cache_budget.slid_exactly, chosen, ids, budget)
    found: dict[str, Price] = {}
    for name, work in works.items():
        key = _price_key(ids, budget, name)
        found |= results.computed(key, work, on_progress=on_progress)
    return found


def _price_key(ids: np.ndarray, budget: int, name: str) -> RunKey:
    return RunKey.of(visit.checkpoint(), "prices", ids, budget, name)


# -- bytes at scale --------------------------------------------------------------------------------


def own_shape(n_tokens: int) -> cache_bytes.CacheShape:
    """The loaded model's cache at n tokens."""
    place = visit.checkpoint().placement
    dtype = str(place.dtype).removeprefix("torch.")
    return cache_bytes.of_model(visit.checkpoint().model.config, n_tokens, dtype)
