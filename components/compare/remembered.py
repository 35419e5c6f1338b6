"""The two runs that the Patch view patches between: two prompts, two prompts that read one memory, or one
prompt with memory and without. What memory was told: the Memory page's, or an example."""

import numpy as np
import streamlit as st

from components.compare import choice, other_model
from components.frame import second_prompt, visit
from components.frame.choices import chosen
from components.frame.second_prompt import TwoPrompts
from components.kit.safe_text import for_markdown
from model.analysis import comparison

_A, _B = "compare:asked A", "compare:asked B"  # session keys


def two_runs(text: str) -> TwoPrompts:
    """The chosen pair of runs; text: prompt B. Raises ValueError for a prompt that does not fit."""
    runs = chosen(choice.RUNS)
    if runs == "alone":
        return second_prompt.both(text)
    ids = visit.encode_part(visit.prompt().text)
    first = other_model.asked(ids, _A).trace
    if runs == "into":
        second = other_model.without(ids)
    else:
        second = other_model.asked(visit.encode_part(text), _B).trace
    way = chosen(second_prompt.WAY) if np.intersect1d(first.ids, second.ids).size else "position"
    names = visit.show_tokens(first.ids), visit.show_tokens(second.ids)
    return TwoPrompts(first, second, *names, way, comparison.paired(first, second, way))


def say() -> None:
    """What memory was told, where a run reads it."""
    if chosen(choice.RUNS) == "alone":
        return
    told = other_model.told()
    more = f" and {len(told) - 1:,} before it" if len(told) > 1 else ""
    what = "B is the same prompt without memory." if chosen(choice.RUNS) == "into" else "B reads the same memory."
    example = " (an example: nothing is told on the Memory page yet)" if visit.memory()[0] is None else ""
    st.caption(f"Memory was told “{for_markdown(told[-1][:90])}”{more}{example}. {what} A patch brings a "
               "value, not the memory: B reads what it read before.")


def is_same_memory(two: TwoPrompts) -> bool:
    """Whether both runs read the same, so that all of A's last stream gives A's logits."""
    return second_prompt.memory_mark(two.first) == second_prompt.memory_mark(two.second)
