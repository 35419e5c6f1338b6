"""Which effects the model at hand has, in one sentence with its numbers; also where it lacks them.

Every function takes the checkpoint, the trace of the step's prompt and the kind of head that the step
looks at. Knows nothing of lessons.
"""

from collections.abc import Callable

import numpy as np
import torch

from model.analysis import attention, lens
from model.run import tokens
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

NAMED = ("induction", "previous")  # kinds that a lesson is about; the others only choose a head


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


def induction(checkpoint: Checkpoint, trace: Trace, head: str = "") -> str:
    """Whether the model has an induction head."""
    return of_head(checkpoint, trace, "induction")


def previous(checkpoint: Checkpoint, trace: Trace, head: str = "") -> str:
    """Whether the model has a previous-token head."""
    return of_head(checkpoint, trace, "previous")


def both_kinds(checkpoint: Checkpoint, trace: Trace, head: str = "") -> str:
    """How many heads are induction heads, and how many previous-token heads."""
    reads, copies = (int((scores(checkpoint, trace, name) >= HEADS[name][1]).sum())
                     for name in ("induction", "previous"))
    return f"Induction heads of this model: {reads:,}. Previous-token heads: {copies:,}."


def sink(checkpoint: Checkpoint, trace: Trace, head: str = "") -> str:
    """How many heads rest on the first token."""
    found = scores(checkpoint, trace, "first")
    n = int((found >= HAS_SINK).sum())
    if not n:
        return of_head(checkpoint, trace, "first")
    return (f"{n:,} of {found.size:,} heads give the first token more than half of their weight; "
            f"the strongest {found.max():.2f}.")


def two_layers(checkpoint: Checkpoint, trace: Trace, head: str = "") -> str:
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
def stream_grows(checkpoint: Checkpoint, trace: Trace, head: str = "") -> str:
    """How long the last token's stream is before the first block and after the last."""
    first, last = (float(trace.layer_stream(i)[-1].float().norm()) for i in (0, -1))
    return (f"The last token's vector has length {first:.1f} before block 0 and {last:.1f} after "
            f"block {trace.n_layers - 1}.")


def _row(checkpoint: Checkpoint, trace: Trace, head: str) -> attention.Steps:
    """The last token's row in the strongest head of a kind."""
    layer, number, _ = strongest(checkpoint, trace, head or "itself")
    return attention.steps(checkpoint, trace, layer, number, len(trace) - 1)


def row_scores(checkpoint: Checkpoint, trace: Trace, head: str = "") -> str:
    """The largest and the smallest score of the last row, before scaling."""
    row = _row(checkpoint, trace, head)
    names = tokens.display(checkpoint.tokenizer, trace.ids)
    most, least = int(row.scores.argmax()), int(row.scores.argmin())
    return (f"{len(row.q):,} products in each sum. The largest score is {_signed(row.scores[most])}, "
            f"with “{names[most]}”; the smallest {_signed(row.scores[least])}, with “{names[least]}”.")


def row_scale(checkpoint: Checkpoint, trace: Trace, head: str = "") -> str:
    """The largest weight of the last row, with the scaling and without it."""
    row = _row(checkpoint, trace, head)
    bare = torch.tensor(row.scores).double().softmax(-1)
    return (f"Here every score is divided by {1 / row.scaling:.2f}. The largest share of this row is "
            f"{percent(float(row.weights.max()))}; without dividing it would be "
            f"{percent(float(bare.max()))}.")


def row_sum(checkpoint: Checkpoint, trace: Trace, head: str = "") -> str:
    """The weights of the last row and their sum; of a long one the largest few."""
    weights = _row(checkpoint, trace, head).weights
    shown = weights if len(weights) <= 6 else np.sort(weights)[::-1][:5]
    parts = " + ".join(f"{100 * x:.1f}" for x in shown)
    rest = "" if len(shown) == len(weights) else f" + {100 * (weights.sum() - shown.sum()):.1f} for the rest"
    return f"{parts}{rest} = {100 * float(weights.sum()):.1f} %."


def _signed(x: float) -> str:
    return f"{x:.1f}".replace("-", "−")


def lens_start(checkpoint: Checkpoint, trace: Trace, head: str = "") -> str:
    """What the logit lens says of the last token before the first block."""
    found = lens.lens(checkpoint, trace, len(trace) - 1)
    own, said = tokens.display(checkpoint.tokenizer, [trace.ids[-1], found.ids[0, 0]])
    what = "the token itself" if own == said else f"the token itself is “{own}”"
    return f"At the embedding the lens’s best word is “{said}”: {what}."


def entropy(checkpoint: Checkpoint, trace: Trace, head: str = "") -> str:
    """The entropy after the last token, in bits, and how many equal choices that is."""
    log = trace.next_logits.double().log_softmax(-1)
    bits = float(torch.special.entr(log.exp()).sum()) / np.log(2)
    return (f"{bits:.1f} bits: as unsure as among {2**bits:,.1f} equally likely tokens, of "
            f"{len(log):,}.")


def next_word(checkpoint: Checkpoint, trace: Trace, head: str = "") -> str:
    """The most probable next token, and how sure the model is."""
    top = next_tokens(checkpoint, trace, 2)
    said = f"“{top.texts[0]}” with {percent(float(top.probability[0]))}"
    if len(top.ids) > 1:
        said += f", then “{top.texts[1]}” with {percent(float(top.probability[1]))}"
    return f"This model’s first choice is {said}."


def sizes(checkpoint: Checkpoint, trace: Trace, head: str = "") -> str:
    """Layers, heads, width, vocabulary and window of the model."""
    c = checkpoint.model.config
    return (f"This model: {c.vocab_size:,} tokens in its vocabulary, vectors of {c.n_embd:,} numbers, "
            f"{c.n_layer} layers of {c.n_head} heads, a window of {c.n_positions:,} tokens.")


def memory(checkpoint: Checkpoint, trace: Trace, head: str = "") -> str:
    """Which parts of GPT2-M were trained for the model."""
    parts = checkpoint.memory.parts if checkpoint.memory is not None else ()
    if not parts:
        return ("No memory was trained for this model: of GPT2-M only attention over stored words "
                "works here.")
    names = {"early": "early recurrent", "late": "late recurrent", "edm": "EDM"}
    return f"Trained for this model: {', '.join(names.get(p, p) for p in sorted(parts))} memory."


FINDINGS: dict[str, Callable[[Checkpoint, Trace, str], str]] = {
    "induction": induction,
    "previous": previous,
    "induction heads": both_kinds,
    "sink": sink,
    "two layers": two_layers,
    "stream grows": stream_grows,
    "row scores": row_scores,
    "row scale": row_scale,
    "row sum": row_sum,
    "lens start": lens_start,
    "entropy": entropy,
    "next word": next_word,
    "sizes": sizes,
    "memory": memory,
}


def find(checkpoint: Checkpoint, trace: Trace, name: str, head: str = "") -> str:
    """The sentence of one of FINDINGS; head: of HEADS, for those that look at one."""
    return FINDINGS[name](checkpoint, trace, head)


def percent(share: float) -> str:
    """0.1234 -> "12.3 %"; what is too small to show says so."""
    if share == 0 or share >= 0.0005:
        return f"{100 * share:.1f} %"
    return "< 0.1 %"
