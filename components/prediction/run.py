"""The numbers of the Prediction page, computed by model/ and cached. No looks."""

from dataclasses import dataclass

import numpy as np
import streamlit as st
import torch

from components.frame import visit
from model.analysis import surprisal
from model.run import sampling, tokens
from model.run.trace import final_logits

N_NAMED = 512  # the most probable tokens travel with their names


@dataclass(frozen=True, eq=False)
class Forecast:
    """What the model expects after one position.

    scores (V,) float32 by id; ids (V,) most probable first, logits (V,) in that order; names of
    the first N_NAMED of them.
    came: rank of the token that came (0 = the first), its name; None at the end of the prompt.
    """

    scores: torch.Tensor
    ids: np.ndarray
    logits: np.ndarray
    names: list[str]
    came: int | None
    came_name: str | None


@dataclass(frozen=True, eq=False)
class Draws:
    """points (n,) float64 in [0, 1) in the order drawn; ranks (n,) of the tokens they chose, 0 =
    the most probable; first: the name of the first."""

    points: np.ndarray
    ranks: np.ndarray
    first: str


def reading() -> surprisal.Reading | None:
    """How each token of the prompt was predicted; None without a prompt. Only tokens typed since
    the last run are computed."""
    trace = visit.trace()
    if trace is None:
        return None
    earlier = st.session_state.get("prediction:reading")
    found = _reading(_key(trace), visit.checkpoint(), trace, earlier[1] if _same(earlier) else None)
    st.session_state["prediction:reading"] = (_model_key(), found)
    return found


def forecast(at: int) -> Forecast:
    """The whole vocabulary after token `at` of the prompt."""
    trace = visit.trace()
    return _forecast(_key(trace), at, visit.checkpoint(), trace)


def stages(at: int, settings: sampling.Settings) -> sampling.Stages:
    """The stages of a draw after token `at`."""
    return _stages(_key(visit.trace()), at, settings, forecast(at).scores)


def draws(at: int, settings: sampling.Settings, seed: int, n: int) -> Draws:
    """n draws with a seed after token `at`."""
    points = sampling.uniform(n, torch.Generator().manual_seed(seed))
    ids = sampling.at(stages(at, settings).probabilities, points).numpy()
    order = forecast(at).ids
    rank_of = np.empty(len(order), np.int64)
    rank_of[order] = np.arange(len(order))
    return Draws(points.numpy(), rank_of[ids], names(ids[:1])[0])


def names(ids: np.ndarray) -> list[str]:
    """Visible text of each id."""
    return tokens.display(visit.checkpoint().tokenizer, ids)


def _model_key() -> tuple:
    chosen = visit.checkpoint()
    return (chosen.fingerprint, str(chosen.placement))


def _key(trace) -> tuple:
    return (*_model_key(), trace.ids.tobytes())


def _same(earlier) -> bool:
    return earlier is not None and earlier[0] == _model_key()


@st.cache_resource(show_spinner=False, max_entries=32)
def _reading(key, _checkpoint, _trace, _earlier):
    return surprisal.read(_checkpoint, _trace, _earlier)


@st.cache_resource(show_spinner=False, max_entries=32)
@torch.inference_mode()
def _forecast(key, at, _checkpoint, _trace):
    logits = final_logits(_checkpoint.model, _trace.layer_stream(-1)[at : at + 1])[0]
    sampling.check_finite(logits, f"logits after token {at:,}")
    order = sampling.ranking(logits)
    came = came_name = None
    if at + 1 < len(_trace.ids):
        next_id = int(_trace.ids[at + 1])
        came = int((order == next_id).nonzero()[0])
        came_name = tokens.display(_checkpoint.tokenizer, [next_id])[0]
    named = tokens.display(_checkpoint.tokenizer, order[:N_NAMED].tolist())
    scores = logits.float().cpu()
    return Forecast(scores, order.numpy(), scores[order].numpy(), named, came, came_name)


@st.cache_resource(show_spinner=False, max_entries=64)
def _stages(key, at, settings, _scores):
    made = sampling.stages(_scores, settings, f"logits after token {at:,}")
    _ = made.probabilities, made.facts, made.kept  # computed once, kept with it
    return made
