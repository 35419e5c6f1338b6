"""Two runs side by side, into one file."""

from argparse import Namespace
from collections.abc import Iterator
from typing import Any

import numpy as np

from model.analysis import comparison
from model.analysis.comparison import Side
from model.commands.opening import opened
from model.commands.patch import check_file
from model.disk.whole import replacing
from model.run import tokens, trace
from model.run.checkpoint import Checkpoint

SHOWN = 5  # tokens whose logits moved most


def run_command(chosen: Namespace) -> Iterator[str]:
    """Compare, write, and say where most changes."""
    check_file(chosen.out, ".npz")
    first, second = _sides(chosen)
    pairs = comparison.paired(first.trace, second.trace, chosen.align)
    arrays: dict[str, Any] = {"pairs": pairs}
    for name, side in (("first", first), ("second", second)):
        shown = tokens.display(side.checkpoint.tokenizer, side.trace.ids)
        arrays[f"tokens_{name}"] = np.array(shown)
    arrays["js"] = comparison.js_nats(first, second, pairs)
    arrays["logits"] = comparison.logit_difference(first, second)
    if comparison.are_alike(first, second):
        arrays |= vars(comparison.apart(first, second, pairs))
    else:
        yield "models of different shapes: only their next tokens are compared"
    with replacing(chosen.out) as draft, open(draft, "wb") as file:
        np.savez_compressed(file, **arrays)
    yield from _said(first.checkpoint, arrays)
    yield f"{chosen.out}: {len(pairs)} pairs of tokens"


def _sides(chosen: Namespace) -> tuple[Side, Side]:
    loaded = opened(chosen.model)
    other = loaded if chosen.other_model is None else opened(chosen.other_model)
    comparison.check_vocabularies(loaded, other)
    texts = (chosen.prompt, chosen.prompt if chosen.other_prompt is None else chosen.other_prompt)
    sides = [
        Side(model, trace.run(model, tokens.encode(model.tokenizer, text)))
        for model, text in zip((loaded, other), texts)
    ]
    return sides[0], sides[1]


def _said(loaded: Checkpoint, arrays: dict[str, Any]) -> Iterator[str]:
    """Where the next tokens, the logits and the streams differ most."""
    most = int(arrays["js"].argmax())
    a, b = arrays["pairs"][most]
    yield (f"next token differs most behind {arrays['tokens_first'][a]} ({a}) and "
           f"{arrays['tokens_second'][b]} ({b}): Jensen-Shannon {arrays['js'][most]:.4f} nats of at most "
           f"{np.log(2):.4f}")
    moved = np.abs(arrays["logits"]).argsort()[::-1][:SHOWN]
    words = tokens.display(loaded.tokenizer, moved)
    parts = ", ".join(f"{word} {arrays['logits'][i]:+.3f}" for word, i in zip(words, moved))
    yield f"logits that moved most behind the last token: {parts}"
    if "distance" in arrays:
        station, at = np.unravel_index(arrays["distance"].argmax(), arrays["distance"].shape)
        yield (f"streams differ most at station {station} of {len(arrays['distance']) - 1}, pair {at}: "
               f"{arrays['distance'][station, at]:.4f}")
