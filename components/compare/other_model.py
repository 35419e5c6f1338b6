"""One prompt on two models: the second model, both runs, and what is computed of them. No looks."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from components.compare import choice
from components.frame import model_picker, results, visit
from components.frame.choices import chosen
from components.frame.place import AT
from model.analysis import comparison
from model.analysis.comparison import Side
from model.memory import asking, telling
from model.memory.settings import Settings
from model.memory.state import blank
from model.run import borders, tokens
from model.run.checkpoint import Checkpoint
from model.run.engine import trace_request
from model.run.store import RunKey
from model.run.trace import Trace

_RECALLED = "compare:recalled"  # session key: what memory recalled for the prompt typed before
EXAMPLE = "My name is James Theory. I live in New York."  # told to memory where nothing was


@dataclass(frozen=True, eq=False)
class TwoModels:
    """sides: both models' runs of the prompt; names: what they are called; pairs (N,2): places of its
    tokens in both, without <|endoftext|>, n_start tokens in front; texts: N visible strings;
    second: the key of the second run, None where it reads a memory that only this visitor has."""

    sides: tuple[Side, Side]
    names: tuple[str, str]
    pairs: np.ndarray
    n_start: int
    texts: list[str]
    second: RunKey | None

    @property
    def at(self) -> int:
        """The chosen pair by its token of the prompt; else the last one."""
        wanted = chosen(AT)
        found = [] if wanted is None else np.flatnonzero(self.pairs[:, 0] - self.n_start == wanted)
        return int(found[0]) if len(found) else len(self.pairs) - 1

    def words(self) -> list[str]:
        """Each pair in words."""
        return [f"{i - self.n_start} {text}" for i, text in zip(self.pairs[:, 0], self.texts)]


def both(name: str) -> TwoModels | None:
    """The prompt, which has tokens, on the chosen model and on `name`; None, and what is needed drawn
    here, while that model is not loaded. Raises ValueError for models of different vocabularies and
    for a prompt that does not fit."""
    if name == choice.WITH_MEMORY:
        return _with_memory()
    other = model_picker.beside(name)
    if other is None:
        return None
    comparison.check_vocabularies(visit.checkpoint(), other)
    ids = tokens.encode(other.tokenizer, visit.prompt().text)
    if len(ids) > other.model.config.n_positions:
        raise ValueError(f"The prompt has {len(ids):,} tokens; the window of {other.name} holds "
                         f"{other.model.config.n_positions:,}. Shorten it.")
    key, work = trace_request(results.engine().store, other, ids)
    sides = Side(visit.checkpoint(), visit.trace()), Side(other, results.computed(key, work))
    runs = [side.trace for side in sides]
    pairs = comparison.paired(*runs, "position" if np.array_equal(*(x.ids for x in runs)) else "subsequence")
    return _two(sides, (visit.plain_model_name(), visit.plain_name(other)), pairs, 0, key)


def _with_memory() -> TwoModels:
    """The chosen model beside itself with memory."""
    model, ids = visit.checkpoint(), visit.encode_part(visit.prompt().text)
    recalled, plain = asked(ids, _RECALLED), without(ids)
    n_start = borders.start_length(model, plain.ids)
    if len(plain) != len(recalled.trace):  # positions `continue`: memory stands where the start was
        raise ValueError("With positions `continue` the prompt has no <|endoftext|> in front, so its "
                         "places differ from those without memory. Choose other positions on Memory.")
    pairs = comparison.paired(plain, recalled.trace, "position")[n_start:]
    sides = Side(model, plain), Side(model, recalled.trace)
    return _two(sides, ("without memory", "with memory"), pairs, n_start, None)


def asked(ids: np.ndarray, held: str) -> asking.Recalled:
    """A prompt (T,), asked of the Memory page's memory, or of the example; held: the session key of what
    was asked last. Raises ValueError for one that does not fit."""
    model, (state, settings) = visit.checkpoint(), visit.memory()
    if state is None:
        settings = Settings(modules=_modules(model))
        mark = RunKey.with_memory(model, "compare: told", (), EXAMPLE)
        state = results.computed(mark, partial(_told, model, settings))
    before = st.session_state.get(held)
    recalled = results.computed(None, partial(asking.ask, model, state, ids, settings, before))
    st.session_state[held] = recalled
    return recalled


def without(ids: np.ndarray) -> Trace:
    """The same prompt without memory, <|endoftext|> in front."""
    return results.computed(None, partial(asking.plain, visit.checkpoint(), ids))


def _told(model: Checkpoint, settings: Settings):
    return telling.tell(model, blank(model), EXAMPLE, settings).state


def _modules(model: Checkpoint) -> frozenset[str]:
    return frozenset({"am", *(model.memory.parts if model.memory is not None else ())})


def _two(sides, names, pairs: np.ndarray, n_start: int, second: RunKey | None) -> TwoModels:
    texts = visit.show_tokens(sides[0].trace.ids[pairs[:, 0]])
    return TwoModels(sides, names, pairs, n_start, texts, second)


def told() -> list[str]:
    """What memory was told, in order: on the Memory page, or the example."""
    state, _ = visit.memory()
    return [EXAMPLE] if state is None else list(state.prompts)


# -- what is computed of both ----------------------------------------------------------------------


def apart(two: TwoModels) -> comparison.Apart:
    """How far apart both are at every station, and what each head and MLP wrote differently."""
    return _of(two, comparison.apart, two.pairs)


def weight_difference(two: TwoModels, layer: int, head: int) -> np.ndarray:
    """A head's weights in the second minus those in the first, (N,N)."""
    return _of(two, comparison.weight_difference, two.pairs, layer, head)


def next_tokens(two: TwoModels) -> comparison.NextTokens:
    """The next token after the chosen pair."""
    return _of(two, comparison.next_tokens, two.pairs[[two.at]])


def _of(two: TwoModels, compute: Callable, pairs: np.ndarray, *given: Hashable) -> Any:
    first, key = two.sides[0], None
    if two.second is not None:
        key = RunKey.of(first.checkpoint, visit.named(compute), first.trace.ids, two.second,
                        pairs.tobytes(), *given)
    return results.computed(key, partial(compute, *two.sides, pairs, *given))
