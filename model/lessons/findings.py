"""Which effects the model at hand has, in one sentence with its numbers; also where it lacks them.

Every function takes the checkpoint and the trace of the step's prompt. Knows nothing of lessons.
"""

from collections.abc import Callable

import numpy as np
import torch

from model.analysis import attention
from model.run.checkpoint import Checkpoint
from model.run.predict import next_tokens
from model.run.trace import Trace

HAS_INDUCTION, HAS_PREVIOUS, HAS_SINK = 0.25, 0.5, 0.5  # mean weight from which a head is called so
HEADS = {  # name of a fact in model.analysis.attention.FACTS -> what such a head is called, from when
    "induction": ("an induction head", HAS_INDUCTION),
    "previous": ("a previous-token head", HAS_PREVIOUS),
    "first": ("a head that rests on the first token", HAS_SINK),
    "itself": ("a head that reads its own token", 0.5),
}


def scores(checkpoint: Checkpoint, trace: Trace, name: str) -> np.ndarray:
    """A fact of HEADS for every head, (L,H); -1 where the prompt does not show it."""
    found: np.ndarray = np.nan_to_num(attention.survey(checkpoint, trace).facts[name], nan=-1.0)
    return found


def strongest(checkpoint: Checkpoint, trace: Trace, name: str) -> tuple[int, int, float]:
    """The layer and head with the highest score of a fact, and the score, 0 to 1; -1: none."""
    found = scores(checkpoint, trace, name)
    layer, head = np.unravel_index(found.argmax(), found.shape)
    return int(layer), int(head), float(found[layer, head])


def of_head(checkpoint: Checkpoint, trace: Trace, name: str) -> str:
    """Whether the model has a head of this kind, and the best one's score."""
    layer, head, score = strongest(checkpoint, trace, name)
    called, least = HEADS[name]
    if score >= least:
        return f"Layer {layer}, head {head} is {called}: score {score:.2f} of 1."
    n = scores(checkpoint, trace, name).size
    return (f"This model has no {called.split(' ', 1)[1]}: the best score of its {n:,} heads is "
            f"{max(score, 0):.2f}.")


def induction(checkpoint: Checkpoint, trace: Trace) -> str:
    """Whether the model has an induction head."""
    return of_head(checkpoint, trace, "induction")


def previous(checkpoint: Checkpoint, trace: Trace) -> str:
    """Whether the model has a previous-token head."""
    return of_head(checkpoint, trace, "previous")


def both_kinds(checkpoint: Checkpoint, trace: Trace) -> str:
    """How many heads are induction heads, and how many previous-token heads."""
    reads, copies = (int((scores(checkpoint, trace, name) >= HEADS[name][1]).sum())
                     for name in ("induction", "previous"))
    return f"Induction heads of this model: {reads:,}. Previous-token heads: {copies:,}."


def sink(checkpoint: Checkpoint, trace: Trace) -> str:
    """How many heads rest on the first token."""
    found = scores(checkpoint, trace, "first")
    n = int((found >= HAS_SINK).sum())
    if not n:
        return of_head(checkpoint, trace, "first")
    return (f"{n:,} of {found.size:,} heads give the first token more than half of their weight; "
            f"the strongest {found.max():.2f}.")


def two_layers(checkpoint: Checkpoint, trace: Trace) -> str:
    """Where the first previous-token head stands, and where the first induction head."""
    copies = _first_layer(checkpoint, trace, "previous")
    reads = _first_layer(checkpoint, trace, "induction")
    if copies is None or reads is None:
        return of_head(checkpoint, trace, "induction" if reads is None else "previous")
    if reads > copies:
        return (f"The first previous-token head stands in layer {copies}, the first induction head "
                f"in layer {reads}: above it.")
    return (f"Here a head of layer {reads} already scores as an induction head, and the first "
            f"previous-token head stands in layer {copies}: it must have found another way.")


def _first_layer(checkpoint: Checkpoint, trace: Trace, name: str) -> int | None:
    has = (scores(checkpoint, trace, name) >= HEADS[name][1]).any(1)
    return int(has.argmax()) if has.any() else None


@torch.inference_mode()
def stream_grows(checkpoint: Checkpoint, trace: Trace) -> str:
    """How long the last token's stream is before the first block and after the last."""
    first, last = (float(trace.layer_stream(i)[-1].float().norm()) for i in (0, -1))
    return (f"The last token's vector has length {first:.1f} before block 0 and {last:.1f} after "
            f"block {trace.n_layers - 1}.")


def next_word(checkpoint: Checkpoint, trace: Trace) -> str:
    """The most probable next token, and how sure the model is."""
    top = next_tokens(checkpoint, trace, 2)
    said = f"“{top.texts[0]}” with {percent(float(top.probability[0]))}"
    if len(top.ids) > 1:
        said += f", then “{top.texts[1]}” with {percent(float(top.probability[1]))}"
    return f"This model’s first choice is {said}."


def sizes(checkpoint: Checkpoint, trace: Trace) -> str:
    """Layers, heads, width, vocabulary and window of the model."""
    c = checkpoint.model.config
    return (f"This model: {c.vocab_size:,} tokens in its vocabulary, vectors of {c.n_embd:,} numbers, "
            f"{c.n_layer} layers of {c.n_head} heads, a window of {c.n_positions:,} tokens.")


def memory(checkpoint: Checkpoint, trace: Trace) -> str:
    """Which parts of GPT2-M were trained for the model."""
    parts = checkpoint.memory.parts if checkpoint.memory is not None else ()
    if not parts:
        return ("No memory was trained for this model: of GPT2-M only attention over stored words "
                "works here.")
    names = {"early": "early recurrent", "late": "late recurrent", "edm": "EDM"}
    return f"Trained for this model: {', '.join(names.get(p, p) for p in sorted(parts))} memory."


FINDINGS: dict[str, Callable[[Checkpoint, Trace], str]] = {
    "induction": induction,
    "previous": previous,
    "induction heads": both_kinds,
    "sink": sink,
    "two layers": two_layers,
    "stream grows": stream_grows,
    "next word": next_word,
    "sizes": sizes,
    "memory": memory,
}


def find(checkpoint: Checkpoint, trace: Trace, name: str) -> str:
    """The sentence of one of FINDINGS."""
    return FINDINGS[name](checkpoint, trace)


def percent(share: float) -> str:
    """0.1234 -> "12.3 %"; what is too small to show says so."""
    if share == 0 or share >= 0.0005:
        return f"{100 * share:.1f} %"
    return "< 0.1 %"
