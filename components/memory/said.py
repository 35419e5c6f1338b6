"""The answers to the prompt that is being typed, with memory and without, and the latest before.

If the prompt lies on the way of an earlier answer (an earlier prompt and the beginning of its
answer), the rest of that answer is taken and nothing is run. For any other prompt, earlier answers
are drafts. Kept in st.session_state; knows nothing of looks.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import streamlit as st

from components.frame import visit
from components.memory import run
from model.memory.answer import NOTHING, Answer, AnswerPiece, pieces, readable, rest, say
from model.memory.question import AskedPrompt

MOST_KEPT = 16  # answers of one visitor


@dataclass(frozen=True, eq=False)
class KeptAnswer:
    """memory: the key of what was read, equal for equal memories; asked (T,): the prompt's ids."""

    memory: tuple
    asked: np.ndarray
    answer: Answer


@dataclass(frozen=True, eq=False)
class TwoAnswers:
    """The two answers so far; is_read: whether any memory could be read."""

    after: Answer
    before: Answer
    is_read: bool

    @property
    def is_same(self) -> bool:
        """Whether both say the same tokens."""
        return np.array_equal(self.after.ids, self.before.ids)


def follow(asked: AskedPrompt) -> Iterator[TwoAnswers]:
    """Both answers as they grow, the one with memory first; the last is whole."""
    after, trace = NOTHING, asked.recalled.trace
    is_read = trace.reading is not None or trace.graft is not None
    told = asked.read_tokens
    for after in _one(_memory(asked) if is_read else _none(), trace, told):
        yield TwoAnswers(after, NOTHING, is_read)
    for before in _one(_none(), asked.plain, told):
        yield TwoAnswers(after, before, is_read)


def words(answer: Answer) -> list[AnswerPiece]:
    """An answer as pieces of text with their probabilities."""
    return pieces(visit.checkpoint().tokenizer, answer)


def visible(text: str) -> str:
    """A visitor's text without invisible characters and without marks that reverse its
    direction."""
    return readable(text.encode("utf-8", "replace"))


def _one(memory: tuple, trace, told: np.ndarray) -> Iterator[Answer]:
    known = NOTHING
    for said in reversed(_kept()):
        if said.memory == memory and not len(known):
            known = rest(visit.checkpoint(), said.asked, said.answer, trace.ids)
    drafts = [*(said.answer.ids for said in reversed(_kept())), told]
    steps = say(visit.checkpoint(), trace, known, drafts)
    while found := run.next_steps(steps):
        _keep(KeptAnswer(memory, trace.ids, found[-1]))
        yield found[-1]


def _memory(asked: AskedPrompt) -> tuple:
    """What the prompt read: of this memory, with these settings, these slots of the bank."""
    return (*_none(), asked.key, asked.settings, asked.recalled.kept.tobytes())


def _none() -> tuple:
    return (visit.mark(), str(visit.checkpoint().placement))


def _keep(said: KeptAnswer) -> None:
    """Keep an answer, even one that a newer key cut off; it replaces its own beginning."""
    same = [one for one in _kept() if one.memory == said.memory
            and np.array_equal(one.asked, said.asked)]
    left = [one for one in _kept() if not any(one is old for old in same)]
    st.session_state["memory:said"] = [*left, said][-MOST_KEPT:]


def _kept() -> list[KeptAnswer]:
    return st.session_state.get("memory:said", [])
