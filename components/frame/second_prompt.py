"""A second prompt beside the box's: its text, its run, and which tokens of both stand for each other.

Prompt A is the prompt box's. Compare always has a B; other pages show it where their switch is on.
Knows nothing of what is compared.
"""

import hashlib
from collections.abc import Callable, Container, Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import streamlit as st
import torch

from components.frame import opened_trace, presenting, results, visit
from components.frame.choice_widgets import holding, one_of
from components.frame.choices import Choice, Flag, OneOf, Text, chosen
from components.frame.live_area import live_area
from components.frame.place import AT
from components.kit.safe_text import for_markdown
from model.analysis import comparison
from model.run.checkpoint import Checkpoint
from model.run.engine import trace_request
from model.run.store import RunKey
from model.run.trace import Trace

WAYS = {"subsequence": "common tokens", "position": "position"}
FIRST_OTHER = "My name is James Theory. I live in Boston. Where do I live? I live in"  # as many tokens as A

OTHER = Choice("other_prompt", Text(), FIRST_OTHER, what="prompt B")
WAY = Choice("align", OneOf(WAYS), "subsequence")
BESIDE = Choice("beside", Flag(), False)  # other pages than Compare show prompt B, too
CHOICES = (OTHER, WAY, BESIDE)


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

    def of_b(self, place: int) -> int | None:
        """The token of B that stands for a token of A."""
        found = np.flatnonzero(self.pairs[:, 0] == place)
        return int(self.pairs[found[0], 1]) if len(found) else None

    def nearest_in_b(self, place: int) -> int:
        """The token of B that stands for a token of A, or for the last one before it that has a
        partner."""
        return int(self.pairs[self.nearest_pair(place), 1])

    def of_a(self, place: int) -> int | None:
        """The token of A that stands for a token of B."""
        found = np.flatnonzero(self.pairs[:, 1] == place)
        return int(self.pairs[found[0], 0]) if len(found) else None

    def nearest_pair(self, place: int) -> int:
        """The pair of a token of A; where it has no partner, the last pair before it, or the first."""
        return max(0, int(np.searchsorted(self.pairs[:, 0], place, side="right")) - 1)


def both(text: str) -> TwoPrompts:
    """The prompt box's text and `text`, which both have tokens; aligned by position where they share
    none. Raises ValueError for a text that is longer than the window."""
    first, second = visit.trace(), trace_of(text)
    way = chosen(WAY) if np.intersect1d(first.ids, second.ids).size else "position"
    names = visit.token_texts(), visit.show_tokens(second.ids)
    return TwoPrompts(first, second, *names, way, comparison.paired(first, second, way))


def pair(two: TwoPrompts) -> int:
    """The chosen pair by its token of A; else the last one."""
    at = chosen(AT)
    found = np.flatnonzero(two.pairs[:, 0] == at) if at is not None else []
    return int(found[0]) if len(found) else len(two.pairs) - 1


def show_counts(two: TwoPrompts, at: int | None = None) -> None:
    """How the tokens were aligned, where that is not plain; at: the chosen token of A."""
    if two.is_whole:
        return
    if at is not None and two.of_b(at) is None:
        a, b = for_markdown(two.tokens[at]), for_markdown(two.others[two.nearest_in_b(at)])
        st.caption(f"{a} ({at}) of A has no partner in B: B shows {b} ({two.nearest_in_b(at)}) in its place.")
    n, m = len(two.tokens), len(two.others)
    st.caption(f"Prompt A has {n:,} tokens, B has {m:,}; {len(two.pairs):,} stand for each other, "
               f"aligned by {WAYS[two.way]}. A slash shows both tokens of a pair.")


def pictures_of_both(a: Callable, b: Callable, apart: Callable) -> None:
    """A beside B, below them their difference; in a hall one of the three."""
    if presenting.is_on():
        presenting.pictures({"A": a, "B": b, "B − A": apart})
        return
    for place, draw in zip(st.columns(2, gap="medium"), (a, b)):
        with place:
            draw()
    apart()


def chooser_of_a(two: TwoPrompts, take: Callable[[int], None]) -> Callable[[int], None]:
    """A click on a token of B takes the one of A that stands for it."""

    def chosen_in_b(place: int) -> None:
        if (own := two.of_a(place)) is not None:
            take(own)

    return chosen_in_b


def _both(token: str, other: str) -> str:
    return token if token == other else f"{token}/{other}"


# -- runs -----------------------------------------------------------------------------------------


def trace_of(text: str) -> Trace:
    """The run of prompt B. Raises ValueError for one that the window does not hold."""
    ids, window = visit.encode(text), visit.checkpoint().model.config.n_positions
    if len(ids) > window:
        raise ValueError(f"Prompt B has {len(ids):,} tokens; the model's window holds {window:,}. "
                         "Shorten it.")
    return results.computed(*trace_request(results.engine().store, visit.checkpoint(), ids))


def between(
    compute: Callable, first: Trace, second: Trace, *given: Hashable,
    on_progress: Callable[[Any], None] | None = None,
) -> Any:
    """compute(checkpoint, first, second, *given), kept under both prompts and what it was given."""
    key = key_between(compute, first, second, *given)
    work = partial(compute, visit.checkpoint(), first, second, *given)
    return results.computed(key, work, on_progress=on_progress)


def key_between(compute: Callable, first: Trace, second: Trace, *given: Hashable) -> RunKey:
    """Under which key `between` keeps its result."""
    return RunKey.of(
        visit.checkpoint(), visit.named(compute), first.ids, second.ids.tobytes(), memory_mark(first),
        memory_mark(second), *given
    )


def memory_mark(run: Trace) -> str:
    """What tells the memory that a run read from any other; "" for none."""
    if run.reading is None and run.graft is None:
        return ""
    found = hashlib.sha256()
    for read in (run.reading, run.graft, None if run.graft is None else run.graft.external):
        for name, value in ({} if read is None else vars(read)).items():
            if isinstance(value, torch.Tensor):
                found.update(f"{name} ".encode() + value.detach().float().cpu().numpy().tobytes())
            elif isinstance(value, int | float | np.ndarray):
                found.update(f"{name} {np.asarray(value).tolist()}".encode())
    return found.hexdigest()


def of_pairs(compute: Callable, two: TwoPrompts, *given: Hashable) -> Any:
    """compute(side of A, side of B, pairs (N,2), *given) of model.analysis.comparison, kept likewise."""
    way = two.pairs.tobytes()
    key = key_between(compute, two.first, two.second, way, *given)
    return results.computed(key, partial(compute, *sides(visit.checkpoint(), two.first, two.second),
                                         two.pairs, *given))


def next_tokens(two: TwoPrompts, at: int, place: int) -> comparison.NextTokens:
    """The next token after token `at` of A and token `place` of B."""
    return between(_next_tokens, two.first, two.second, at, place)


def _next_tokens(model: Checkpoint, first: Trace, second: Trace, at: int, place: int) -> comparison.NextTokens:
    return comparison.next_tokens(*sides(model, first, second), np.array([[at, place]]))


def sides(model: Checkpoint, *runs: Trace) -> list[comparison.Side]:
    """These runs of one model, as model.analysis.comparison wants them."""
    return [comparison.Side(model, run) for run in runs]


# -- on other pages -------------------------------------------------------------------------------


def switch(label: str = "Compare with a prompt B") -> None:
    """The switch that puts a second run beside this one on this page."""
    in_hall = presenting.is_on()  # where the row has no room for more
    st.toggle("Compare" if in_hall else label, disabled=not _can_run(),
              help=None if in_hall else "The same view twice, and the difference", **holding(BESIDE))


def show_box() -> TwoPrompts | None:
    """Where the switch is on, the box of prompt B, and how tokens are aligned -> both prompts; None
    where it is off, and, said here, while B is empty."""
    if not (chosen(BESIDE) and _can_run()):
        return None
    row = st.container(horizontal=True, vertical_alignment="bottom", key="beside_row")
    with row, presenting.folded("Prompt B", "beside_prompt"):
        with st.container():
            text = live_area(OTHER, "Prompt B (A is the box above)",
                             "Type the other prompt: everything below follows each key", 1, 1000)
        one_of("Align tokens by", WAY, shown=True)
    if not text:
        st.info("Prompt B is empty, so only A is shown. Type B, or switch the comparison off.")
        return None
    return both(text)


def shows_both(view: str, views: Container[str]) -> bool:
    """Whether this view is one of those that are drawn of both prompts; of another, the way to Compare."""
    if view not in views:
        lead_to_compare(f"“{view}” shows one prompt at a time.")
    return view in views


def lead_to_compare(why: str) -> None:
    """A view that shows one prompt: the sentence, and the way to Compare, which has both."""
    row = st.container(horizontal=True, vertical_alignment="center", key="beside_elsewhere")
    row.markdown(f"{why} It shows A.")
    row.page_link("pages/compare.py", label="Both prompts on Compare →")


def _can_run() -> bool:
    opened = opened_trace.current()
    return opened is None or opened.has_weights
