"""The numbers of the Positions page: runs with other positions and table facts, cached.

A run belongs to a model and a prompt, not to a visitor. Knows nothing of looks.
"""

import threading
from dataclasses import replace

import numpy as np
import streamlit as st

from components.frame import visit
from components.kit import canvas
from model.analysis import embeddings, position_table, positions, what_if

SWEEP_WORK = 1e11  # multiply–adds that one click may cost on a CPU: a few seconds
MOST_SHIFTS = 17
EDITS = ("words", "positions", "both", "shift", "none", "none_words")


def guessed_head() -> tuple[int, int]:
    """The head of this prompt that reads the previous token most: it uses position most clearly."""
    config = visit.checkpoint().model.config
    facts = visit.survey(canvas.squares(config.n_layer, config.n_head)).facts
    scores = np.nan_to_num(facts["previous"], nan=-1.0)
    layer, head = np.unravel_index(scores.argmax(), scores.shape)
    return int(layer), int(head)


def maps(layer: int, head: int) -> dict[str, np.ndarray]:
    """One head's attention (T,T) under each scheme of model.analysis.what_if.SCHEMES."""
    trace = visit.trace()
    key = visit.key(trace)
    return _maps(key, layer, head, visit.checkpoint(), trace, _pass("none"), _pass("sinusoidal"))


def alibi_maps(layer: int, head: int, heads: list[int]) -> list[np.ndarray]:
    """The same q and k, of the run without positions, biased with the slopes of other heads."""
    q, k, scale = bare_qk(layer, head)
    slopes = positions.alibi_slopes(visit.checkpoint().model.config.n_head)
    scores = q @ k.T * scale
    biases = (positions.alibi_bias(len(q), slopes[h]) for h in heads)
    return [positions.causal_weights(scores + bias) for bias in biases]


def bare_qk(layer: int, head: int) -> tuple[np.ndarray, np.ndarray, float]:
    """q and k (T,D) of the run without positions, and the factor on q·k."""
    found = _pass("none")
    scale = visit.checkpoint().model.transformer.h[layer].attn.scaling
    return what_if.numpy64(found.q[layer][head]), what_if.numpy64(found.k[layer][head]), scale


def by_distance(weights: np.ndarray) -> np.ndarray:
    """weights (T,T) -> mean weight at each distance (T,)."""
    return positions.mean_by_distance(weights)


def rope_by_distance(q: np.ndarray, k: np.ndarray, n: int) -> np.ndarray:
    """q·k at distances 0 to n - 1."""
    return positions.rope_by_distance(q, k, n)


def frequencies() -> np.ndarray:
    """Radians a position of each RoPE pair of the chosen model's heads (D/2,)."""
    config = visit.checkpoint().model.config
    return positions.frequencies(config.n_embd // config.n_head)


def slopes() -> np.ndarray:
    """ALiBi's slopes for as many heads as the chosen model has (H,)."""
    return positions.alibi_slopes(visit.checkpoint().model.config.n_head)


def table(kind: str) -> position_table.Table:
    """Facts about the learned table, or about the sinusoidal one of its size."""
    chosen = visit.checkpoint()
    return _table(chosen.fingerprint, str(chosen.placement), kind, chosen)


def scaled(at: int, factor: np.ndarray) -> position_table.Scaled:
    """Token `at` of the prompt with its position made longer."""
    word = embeddings.token_table(visit.checkpoint())[visit.prompt().ids[at]]
    place = embeddings.position_table(visit.checkpoint())[at]
    return position_table.scale_position(word, place, factor)


def order(edit: str, seed: int, shift: int) -> what_if.Order:
    """One of EDITS as an order of the prompt's tokens; ValueError where it is too short."""
    n = len(visit.prompt().ids)
    here = np.arange(n)
    if edit == "shift":
        return what_if.Order(here, here + shift)
    if edit == "none":
        return what_if.Order(here, here, placed=False)
    mixed = what_if.shuffled(n, seed)
    return {
        "words": what_if.Order(mixed, here),
        "positions": what_if.Order(here, mixed),
        "both": what_if.Order(mixed, mixed),
        "none_words": what_if.Order(mixed, here, placed=False),
    }[edit]


def change(edit: str, seed: int, shift: int) -> what_if.Change:
    """What an edit does to the next token; "none_words" is compared with "none"."""
    before = _last("none" if edit == "none_words" else "", 0, 0)
    is_random = edit in ("words", "positions", "both", "none_words")
    after = _last(edit, seed if is_random else 0, shift if edit == "shift" else 0)
    return what_if.compare(before, after)


def cheap_edits(chosen: str) -> tuple[str, ...]:
    """The edits that may all be run for one look; of a long prompt in a large model, one."""
    n = len(visit.prompt().ids)
    possible = EDITS if n >= 3 else ("shift", "none")
    return possible if _work() * (len(EDITS) + 1) <= _most_work() else (chosen,)


def bits_by_shift() -> tuple[np.ndarray, np.ndarray]:
    """Shifts (n,) and mean bits a token of the prompt at each (n,); needs 2 tokens."""
    ids = visit.prompt().ids
    n = int(np.clip(_most_work() / _work(), 2, MOST_SHIFTS))
    shifts = what_if.shifts(len(ids), visit.checkpoint().model.config.n_positions, n)
    return shifts, np.array([bits_at(int(shift)) for shift in shifts])


def bits_at(shift: int) -> float:
    """Mean bits a token with every position shifted; ValueError where that leaves the window."""
    ids = visit.prompt().ids
    what_if.check_places(np.arange(len(ids)) + shift, visit.checkpoint().model.config)
    return _bits(visit.key(visit.trace()), shift, visit.checkpoint(), ids)


def _work() -> float:
    """Multiply–adds of one pass with all its logits, without attention's own."""
    return visit.checkpoint().model.num_parameters() * float(len(visit.prompt().ids))


def _most_work() -> float:
    return SWEEP_WORK * (1 if visit.checkpoint().placement.device.type == "cpu" else 100)


def _pass(kind: str) -> what_if.Pass:
    trace = visit.trace()
    return _run(visit.key(trace), kind, visit.checkpoint(), trace.ids)


def _last(edit: str, seed: int, shift: int) -> what_if.Last:
    trace = visit.trace()
    here = np.arange(len(trace))
    wanted = order(edit, seed, shift) if edit else what_if.Order(here, here)
    what_if.check_places(wanted.places, visit.checkpoint().model.config)
    return _last_run(visit.key(trace), edit, seed, shift, visit.checkpoint(), trace.ids, wanted)


@st.cache_resource(show_spinner=False)
def _turn() -> threading.Lock:
    """What-if runs take turns: a class that clicks at once must not share two cores."""
    return threading.Lock()


@st.cache_resource(show_spinner="Reading the prompt with other positions …", max_entries=2)
def _run(key, kind, _checkpoint, _ids):
    with _turn():
        runs = {"none": what_if.without_positions, "sinusoidal": what_if.with_sinusoids}
        found = runs[kind](_checkpoint, _ids)
    return replace(found, stream=[])  # the views read q and k only


@st.cache_resource(show_spinner=False, max_entries=8)
def _maps(key, layer, head, _checkpoint, _trace, _bare, _waves):
    return what_if.maps(_checkpoint, _trace, _bare, _waves, layer, head)


@st.cache_resource(show_spinner=False, max_entries=4)
def _table(fingerprint, placement, kind, _checkpoint):
    learned = embeddings.position_table(_checkpoint)
    return position_table.measure(
        learned if kind == "learned" else position_table.sinusoidal_like(learned)
    )


@st.cache_resource(show_spinner="Reading the prompt in another order …", max_entries=64)
def _last_run(key, edit, seed, shift, _checkpoint, _ids, _order):
    with _turn():
        return what_if.last_of(_checkpoint, _ids, _order)


@st.cache_resource(show_spinner="Reading the prompt at other positions …", max_entries=256)
def _bits(key, shift, _checkpoint, _ids):
    with _turn():
        return what_if.bits_when_shifted(_checkpoint, _ids, shift)
