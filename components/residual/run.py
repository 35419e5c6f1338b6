"""The numbers of the residual page: arrays derived from the prompt's trace, cached.

Logit lenses are kept in blocks of positions: while a prompt is typed, only its last block is new.
"""

import threading
from itertools import pairwise

import numpy as np
import streamlit as st

from components.frame import visit
from model.analysis import ablation, attribution, lens, neurons, residual
from model.run.tokens import encode

BLOCK = 16  # positions of a lens read and kept together
LENS_WORK = 3e10  # multiply–adds that one window of a lens may cost on a CPU: under a second
INSTANT, MINUTES = 4e10, 6e12  # multiply–adds of switching off every part alone, on a CPU


def stream() -> residual.Stream | None:
    """Norms and cosines of the present prompt; None without a prompt."""
    trace = visit.trace()
    return None if trace is None else _stream(visit.key(trace), trace)


def lens_window(at: int, n_tokens: int) -> tuple[int, int]:
    """The positions start to stop around `at` that a lens may read in one go; all, if that is
    cheap."""
    config = visit.checkpoint().model.config
    a_position = (config.n_layer + 1) * config.n_embd * config.vocab_size
    work = LENS_WORK if visit.checkpoint().placement.device.type == "cpu" else 100 * LENS_WORK
    n = max(2, int(work / a_position) // BLOCK) * BLOCK
    stop = min(-(-n_tokens // BLOCK), at // BLOCK + 1 + n // BLOCK // 2) * BLOCK
    start = max(0, stop - n)
    return start, min(n_tokens, max(stop, start + n))


def lenses(start: int, stop: int) -> lens.Lens:
    """The lens of the positions start to stop, start a multiple of BLOCK."""
    trace = visit.trace()
    edges = [*range(start, stop, BLOCK), stop]
    parts = []
    for first, last in pairwise(edges):
        seen = trace.ids[: last + 1].tobytes()  # the token after the last one counts: it came
        parts.append(_lens(visit.key(trace)[:2], seen, first, last, visit.checkpoint(), trace))
    names = [name for name in lens.Lens.__dataclass_fields__ if name != "start"]
    joined = {name: np.concatenate([getattr(p, name) for p in parts], 1) for name in names}
    return lens.Lens(start, **joined)


def lens_top(layer: int, position: int, k: int):
    """The k most probable tokens of one cell of the lens."""
    return lens.top_tokens(visit.checkpoint(), visit.trace(), layer, position, k)


def attribute(position: int, token: int, against: int | None) -> attribution.Attribution:
    """One logit of the present prompt in its parts."""
    trace = visit.trace()
    return _attribute(visit.key(trace), position, token, against, visit.checkpoint(), trace)


def token_id(text: str) -> int:
    """What a visitor typed, "·" for a space -> the id of that one token.

    Raises ValueError if it is no token or several.
    """
    ids = encode(visit.checkpoint().tokenizer, text.replace("·", " "))
    if len(ids) == 1:
        return int(ids[0])
    parts = " ".join(visit.show_tokens(ids))
    raise ValueError(
        f"Not one token: “{text}” is {len(ids)} tokens{': ' if parts else ''}{parts}. Choose one "
        "of them (· is a space, and most words begin with one)."
    )


def activations(layer: int, position: int) -> neurons.Activations:
    """All neurons of a layer at one token."""
    return neurons.activations(visit.checkpoint(), visit.trace(), layer, position)


def describe_neurons(layer: int, position: int, indices) -> list[neurons.Neuron]:
    """Neurons with the tokens they raise and lower most."""
    return neurons.describe(visit.checkpoint(), visit.trace(), layer, position, indices)


def norm_steps(station: int, position: int) -> residual.NormSteps:
    """One LayerNorm in steps."""
    return residual.norm_steps(visit.checkpoint(), visit.trace(), station, position)


def change(off: ablation.Off, position: int) -> ablation.Change:
    """The distribution after `position` as it is and with parts off."""
    trace, key = visit.trace(), visit.key(visit.trace())
    before = _ablated(key, ablation.Off(), position, visit.checkpoint(), trace)
    after = _ablated(key, off, position, visit.checkpoint(), trace)
    return ablation.compare(visit.checkpoint(), before, after)


def effort_of_all(position: int) -> str:
    """How long switching off every part alone takes: "instant", "minutes" or "too long"."""
    model = visit.checkpoint().model
    config = model.config
    a_token = model.num_parameters() - config.n_embd * config.vocab_size
    work = a_token * (position + 1) * config.n_layer * (config.n_head + 2)
    if visit.checkpoint().placement.device.type != "cpu":
        work /= 100
    return "instant" if work <= INSTANT else "minutes" if work <= MINUTES else "too long"


def each_alone(position: int, fill: str, measure: bool, on_layer) -> np.ndarray | None:
    """KL in nats with each head, each MLP, each layer off alone, (L,H+2); None if it was not
    measured yet and `measure` is False. on_layer(n done) reports progress."""
    trace = visit.trace()
    known = _alone_results()
    key = (visit.key(trace), position, fill)
    if key not in known and measure:
        rows = []
        with _turn():
            for layer, effects in ablation.each_alone(visit.checkpoint(), trace, position, fill):
                rows.append(effects)
                on_layer(layer + 1)
        while len(known) >= 32:
            known.pop(next(iter(known)))
        known[key] = np.stack(rows)
    return known.get(key)


@st.cache_resource(show_spinner=False)
def _alone_results() -> dict:
    return {}


@st.cache_resource(show_spinner=False)
def _turn() -> threading.Lock:
    """Runs with parts off take turns: a class that clicks at once must not share two cores."""
    return threading.Lock()


@st.cache_resource(show_spinner=False, max_entries=16)
def _stream(key, _trace):
    return residual.measure(_trace)


@st.cache_resource(show_spinner=False, max_entries=1024)
def _lens(model_key, ids, start, stop, _checkpoint, _trace):
    return lens.lens(_checkpoint, _trace, start, stop)


@st.cache_resource(show_spinner=False, max_entries=32)
def _attribute(key, position, token, against, _checkpoint, _trace):
    return attribution.attribute(_checkpoint, _trace, position, token, against)


@st.cache_resource(show_spinner=False, max_entries=32)
def _ablated(key, off, position, _checkpoint, _trace):
    with _turn():
        return ablation.logits(_checkpoint, _trace, off, position)
