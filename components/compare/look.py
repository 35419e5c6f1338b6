"""Both prompts as the page sees them: which token of A is put into which of B, and which head sends."""

from dataclasses import replace

import numpy as np

from components.compare import choice
from components.frame import visit
from components.frame.choices import chosen
from components.frame.second_prompt import TwoPrompts
from model.analysis import alignment, comparison, patching


def by_position(two: TwoPrompts) -> TwoPrompts:
    """The same two prompts, of equal counts, with every token standing for the one at its place."""
    return replace(two, way="position", pairs=comparison.paired(two.first, two.second, "position"))


def sources(two: TwoPrompts, fill: str) -> np.ndarray:
    """For each token of B the token of A that is put into it, (S,); of a long prompt only in the
    chosen range, elsewhere alignment.NONE. Zero and the mean are the same for every token, so a token
    without a partner gets them, too."""
    found = np.full(len(two.others), 0 if fill in ("zero", "mean") else alignment.NONE)
    found[two.pairs[:, 1]] = two.pairs[:, 0]
    start = first_patched(two)
    found[:start] = found[start + patching.MOST_TOKENS :] = alignment.NONE
    return found


def first_patched(two: TwoPrompts) -> int:
    """The first token of B that is patched: 0, or of a long prompt the chosen one; else its last
    tokens are."""
    last = max(0, len(two.others) - patching.MOST_TOKENS)
    wanted = chosen(choice.FIRST)
    return last if wanted is None else min(wanted, last)


def sender(two: TwoPrompts) -> tuple[int, int]:
    """The chosen head (layer, head) that another layer hears; else the one that reads the previous
    token most."""
    scores = np.nan_to_num(visit.survey().facts["previous"][:-1])
    cell = chosen(choice.SENDER)
    if cell is not None and cell[0] < scores.shape[0] and cell[1] < scores.shape[1]:
        return cell
    layer, head = np.unravel_index(int(scores.argmax()), scores.shape)
    return int(layer), int(head)
