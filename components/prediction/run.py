"""The numbers of the Prediction page, computed by model/ and kept. No looks."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import streamlit as st
import torch

from components.frame import results, visit
from model.analysis import forecast as forecasts
from model.analysis import surprisal
from model.analysis.forecast import Forecast
from model.run import sampling
from model.run.store import RunKey
from model.run.trace import Trace


@dataclass(frozen=True, eq=False)
class Draws:
    """points (n,) float64 in [0, 1) in the order drawn; ranks (n,) of the tokens they chose, 0 =
    the most probable; first: the name of the first."""

    points: np.ndarray
    ranks: np.ndarray
    first: str


def reading() -> surprisal.PredictedPrompt | None:
    """How each token of the prompt was predicted; None without a prompt."""
    trace = visit.trace()
    return None if trace is None else reading_of(trace, "prediction:reading")


def reading_of(trace: Trace, held: str) -> surprisal.PredictedPrompt:
    """The same of any prompt. Only tokens typed since the last run are computed; held: the session key
    of what was read last."""
    chosen = visit.checkpoint()
    key = RunKey.of(chosen, "reading", trace.ids)
    model, earlier = st.session_state.get(held, (None, None))
    before = earlier if model == key.placed_model else None
    found = results.computed(key, partial(surprisal.read, chosen, trace, before))
    st.session_state[held] = (key.placed_model, found)
    return found


def forecast(trace: Trace, at: int) -> Forecast:
    """The whole vocabulary after token `at` of a prompt."""
    return visit.derived_of(trace, forecasts.forecast, at)


def stages(trace: Trace, at: int, settings: sampling.SamplingSettings) -> sampling.SamplingStages:
    """The stages of a draw after token `at`."""
    key = RunKey.of(visit.checkpoint(), "stages", trace.ids, at, settings)
    scores = forecast(trace, at).scores
    return results.made(key, partial(forecasts.stages, scores, settings, at))


def draws(trace: Trace, at: int, settings: sampling.SamplingSettings, seed: int, n: int) -> Draws:
    """n draws with a seed after token `at`."""
    points = sampling.uniform(n, torch.Generator().manual_seed(seed))
    ids = sampling.at(stages(trace, at, settings).probabilities, points).numpy()
    order = forecast(trace, at).ids
    rank_of = np.empty(len(order), np.int64)
    rank_of[order] = np.arange(len(order))
    return Draws(points.numpy(), rank_of[ids], names(ids[:1])[0])


def names(ids: np.ndarray) -> list[str]:
    """Visible text of each id."""
    return visit.show_tokens(ids)
