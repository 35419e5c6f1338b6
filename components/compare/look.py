"""Both prompts as the page sees them: their runs, their tokens, and which stand for each other."""

from dataclasses import dataclass, replace

import numpy as np

from components.compare import choice, run
from components.frame import visit
from components.frame.choices import chosen
from components.frame.place import AT
from model.analysis import alignment, comparison, patching
from model.run.trace import Trace


@dataclass(frozen=True, eq=False)
class TwoPrompts:
    """first, second: the runs of A (T tokens) and B (S tokens); tokens, others: their visible
    strings; way: how they were aligned; pairs (N,2): places in A and in B."""

    first: Trace
    second: Trace
    tokens: list[str]
    others: list[str]
    way: str
    pairs: np.ndarray

    @property
    def is_whole(self) -> bool:
        """Whether every token of one prompt stands for one of the other."""
        return len(self.tokens) == len(self.others) == len(self.pairs)

    def pair_names(self) -> list[str]:
        """Each pair in short: its token, or both."""
        return [_both(self.tokens[i], self.others[j]) for i, j in self.pairs]

    def pair_words(self) -> list[str]:
        """Each pair in words, with its places."""
        return [f"A {i} {self.tokens[i]}, B {j} {self.others[j]}" for i, j in self.pairs]


def both(text: str) -> TwoPrompts:
    """The prompt box's text and `text`, which both have tokens; aligned by position where they share
    none. Raises ValueError for a text that is longer than the window."""
    first, second = visit.trace(), run.other_trace(text)
    way = chosen(choice.WAY) if np.intersect1d(first.ids, second.ids).size else "position"
    names = visit.token_texts(), visit.show_tokens(second.ids)
    return TwoPrompts(first, second, *names, way, comparison.paired(first, second, way))


def by_position(two: TwoPrompts) -> TwoPrompts:
    """The same two prompts, of equal counts, with every token standing for the one at its place."""
    return replace(two, way="position", pairs=comparison.paired(two.first, two.second, "position"))


def pair(two: TwoPrompts) -> int:
    """The chosen pair by its token of A; else the last one."""
    at = chosen(AT)
    found = np.flatnonzero(two.pairs[:, 0] == at) if at is not None else []
    return int(found[0]) if len(found) else len(two.pairs) - 1


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


def _both(token: str, other: str) -> str:
    return token if token == other else f"{token}/{other}"
