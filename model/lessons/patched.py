"""Which value of one prompt, put into another, brings its answer back: the answers of lessons on patching.

Knows nothing of lessons' files. L layers, H heads, T tokens of the other prompt.
"""

from collections.abc import Callable

import numpy as np

from model.analysis import alignment, attention, comparison, patching, path_patching, recovery
from model.run import tokens
from model.run.checkpoint import Checkpoint
from model.run.trace import Trace

MOST = 6  # options
HALF = 0.5
Found = tuple[tuple[str, ...], tuple[str, ...], int, str]  # options, notes, the right one, a sentence


def found(checkpoint: Checkpoint, clean: Trace, corrupt: Trace, of: str) -> Found:
    """`of`: "first" or "last": the token whose stream before that layer brings most back; "layer": the
    first one before which the last token's stream brings half back; "head"; "path": the later head
    that alone hears the head that reads the previous token most. Raises ValueError as
    model.analysis.recovery and path_patching."""
    answers = _answers(clean, corrupt)
    if of == OF_PATHS:
        return _with_both(checkpoint, answers, _path(checkpoint, clean, corrupt, answers))
    sources = np.full(len(corrupt), alignment.NONE)
    pairs = comparison.paired(clean, corrupt, "subsequence")
    sources[pairs[:, 1]] = pairs[:, 0]
    grid = patching.every_cell(checkpoint, corrupt, clean, "head" if of == "head" else "stream", sources)
    read = recovery.recovered(checkpoint, grid, clean, corrupt, "difference", *answers)
    return _with_both(checkpoint, answers, OF[of](checkpoint, corrupt, read.share))


def _with_both(checkpoint: Checkpoint, answers: tuple[int, int], said: Found) -> Found:
    options, notes, right, sentence = said
    one, two = tokens.display(checkpoint.tokenizer, list(answers))
    return options, notes, right, f"{sentence} of the difference between “{one}” and “{two}”."


def _answers(clean: Trace, corrupt: Trace) -> tuple[int, int]:
    """What each prompt says; where both say the same, the other one's second."""
    answer = int(clean.next_logits.argmax())
    best, second = corrupt.next_logits.float().topk(2).indices.tolist()
    return answer, second if best == answer else best


def _first(checkpoint: Checkpoint, corrupt: Trace, share: np.ndarray) -> Found:
    return _token(checkpoint, corrupt, share[0], 0)


def _last(checkpoint: Checkpoint, corrupt: Trace, share: np.ndarray) -> Found:
    return _token(checkpoint, corrupt, share[-1], len(share) - 1)


def _token(checkpoint: Checkpoint, corrupt: Trace, share: np.ndarray, layer: int) -> Found:
    """share (T,), NaN where nothing can be put in."""
    best = int(np.nanargmax(share))
    order = np.argsort(-np.nan_to_num(np.abs(share)), kind="stable")
    places = sorted({best, len(share) - 1, *order[: MOST - 2].tolist()})
    places = [place for place in places if not np.isnan(share[place])]
    names = tokens.display(checkpoint.tokenizer, corrupt.ids[places])
    options = tuple(f"{name} ({place})" for name, place in zip(names, places))
    sentence = (f"Before layer {layer}, the stream at “{names[places.index(best)]}” ({best}) brings back "
                f"{_percent(share[best])}")
    return options, tuple(_percent(share[i]) for i in places), places.index(best), sentence


def _layer(checkpoint: Checkpoint, corrupt: Trace, share: np.ndarray) -> Found:
    last = np.nan_to_num(share[:, -1])
    enough = np.flatnonzero(last >= HALF)
    right = int(enough[0]) if len(enough) else len(last)
    shown = {0, len(last) - 1, min(right, len(last) - 1)}
    for layer in np.linspace(0, len(last) - 1, MOST).round().astype(int).tolist():
        if len(shown) < MOST - 1:
            shown.add(layer)
    layers = sorted(shown)
    options = (*(f"layer {i}" for i in layers), "no layer")
    notes = (*(_percent(last[i]) for i in layers), "")
    if right == len(last):
        most = int(last.argmax())
        sentence = f"No layer is enough: before layer {most}, the best, it brings back {_percent(last[most])}"
        return options, notes, len(layers), sentence
    before = f"; before layer {right - 1}, {_percent(last[right - 1])}," if right else ""
    sentence = f"Before layer {right} it brings back {_percent(last[right])}{before}"
    return options, notes, layers.index(right), sentence


def _path(
    checkpoint: Checkpoint, clean: Trace, corrupt: Trace, answers: tuple[int, int]
) -> Found:
    scores = np.nan_to_num(attention.survey(checkpoint, clean).facts["previous"][:-1])
    if not scores.size:
        raise ValueError("This model has one layer, so no head hears another. Choose a model of 2 layers or more.")
    at = int(scores.argmax())
    sender = at // scores.shape[1], at % scores.shape[1]
    paths = path_patching.every_path(checkpoint, corrupt, clean, sender)
    share = recovery.recovered(checkpoint, paths.ends, clean, corrupt, "difference", *answers).share
    options, notes, right, _ = _head(checkpoint, corrupt, np.nan_to_num(share, nan=-np.inf))
    layer, head = np.unravel_index(int(np.nanargmax(share)), share.shape)
    return options, notes, right, (
        f"The path from layer {sender[0]} head {sender[1]} to layer {layer} head {head} alone brings back "
        f"{_percent(share[layer, head])}")


def _head(checkpoint: Checkpoint, corrupt: Trace, share: np.ndarray) -> Found:
    order = np.argsort(-share, axis=None)[: MOST - 1]
    heads = sorted((int(i) // share.shape[1], int(i) % share.shape[1]) for i in order)
    layer, head = (int(i) for i in np.unravel_index(int(order[0]), share.shape))
    options = tuple(f"layer {i} head {h}" for i, h in heads)
    sentence = (f"Layer {layer}, head {head} alone brings back {_percent(share[layer, head])}, the most of "
                f"{share.size:,} heads,")
    return options, tuple(_percent(share[cell]) for cell in heads), heads.index((layer, head)), sentence


def _percent(share: float) -> str:
    """A share, which may be below 0 or above 1."""
    return f"{100 * share:.0f} %".replace("-0 %", "0 %").replace("-", "−")


OF_PATHS = "path"
OF: dict[str, Callable[[Checkpoint, Trace, np.ndarray], Found]] = {
    "first": _first, "last": _last, "layer": _layer, "head": _head,
}
