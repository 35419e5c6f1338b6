"""The numbers of the residual page: arrays derived from the prompt's trace, cached.

Logit lenses are kept in blocks of positions: while a prompt is typed, only its last block is new.
"""

from functools import partial
from itertools import pairwise

import numpy as np

from components.frame import results, visit
from model.analysis import ablation, attribution, cost, lens, neurons, residual
from model.run.store import RunKey
from model.run.trace import Trace

BLOCK = cost.LENS_BLOCK


def stream(trace: Trace) -> residual.Stream:
    """Norms and cosines of a prompt."""
    key = RunKey.of(visit.checkpoint(), "norms and cosines", trace.ids)
    return results.computed(key, partial(residual.measure, trace))


def lens_window(at: int, n_tokens: int) -> tuple[int, int]:
    """The positions start to stop around `at` that a lens may read in one go; all, if that is
    cheap."""
    return cost.lens_window(visit.checkpoint(), at, n_tokens)


def lenses(trace: Trace, start: int, stop: int) -> lens.Lens:
    """The lens of the positions start to stop of a prompt, start a multiple of BLOCK."""
    chosen = visit.checkpoint()
    edges = [*range(start, stop, BLOCK), stop]
    parts = []
    for first, last in pairwise(edges):
        seen = trace.ids[: last + 1]  # the token after the last one counts: it came
        key = RunKey.of(chosen, "lens of a block", seen, first, last)
        parts.append(results.computed(key, partial(lens.lens, chosen, trace, first, last)))
    names = [name for name in lens.Lens.__dataclass_fields__ if name != "start"]
    joined = {name: np.concatenate([getattr(p, name) for p in parts], 1) for name in names}
    return lens.Lens(start, **joined)


def lens_top(layer: int, position: int, k: int):
    """The k most probable tokens of one cell of the lens."""
    return visit.derived(lens.top_tokens, layer, position, k)


def attribute(trace: Trace, position: int, token: int, against: int | None) -> attribution.Attribution:
    """One logit of a prompt in its parts."""
    return visit.derived_of(trace, attribution.attribute, position, token, against)


def token_id(text: str) -> int:
    """What a visitor typed, "·" for a space -> the id of that one token.

    Raises ValueError if it is no token or several.
    """
    ids = visit.encode_part(text.replace("·", " "))
    if len(ids) == 1:
        return int(ids[0])
    parts = " ".join(visit.show_tokens(ids))
    raise ValueError(
        f"Not one token: “{text}” is {len(ids)} tokens{': ' if parts else ''}{parts}. Choose one "
        "of them (· is a space, and most words begin with one)."
    )


def activations(layer: int, position: int) -> neurons.Activations:
    """All neurons of a layer at one token."""
    return visit.derived(neurons.activations, layer, position)


def describe_neurons(layer: int, position: int, indices) -> list[neurons.Neuron]:
    """Neurons with the tokens they raise and lower most."""
    return visit.derived(neurons.describe, layer, position, tuple(int(i) for i in indices))


def norm_steps(station: int, position: int) -> residual.NormSteps:
    """One LayerNorm in steps."""
    return visit.derived(residual.norm_steps, station, position)


def change(off: ablation.Off, position: int) -> ablation.AblationChange:
    """The distribution after `position` as it is and with parts off."""
    before, after = (
        visit.derived(ablation.logits, parts, position) for parts in (ablation.Off(), off)
    )
    return ablation.compare(visit.checkpoint(), before, after)


def effort_of_all(position: int) -> str:
    """How long switching off every part alone takes: "instant", "minutes" or "too long"."""
    return cost.of_each_part_off(visit.checkpoint(), position + 1)


def each_alone(position: int, fill: str, measure: bool, on_layer) -> np.ndarray | None:
    """KL in nats with each head, each MLP, each layer off alone, (L,H+2); None if it was not
    measured yet and `measure` is False. on_layer(n done) reports progress."""
    if measure or visit.is_kept(ablation.all_alone, position, fill):
        return visit.derived(ablation.all_alone, position, fill, on_progress=on_layer)
    return None
