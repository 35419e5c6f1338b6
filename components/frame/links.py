"""Which link of a told fact's chain broke, as model.recall finds it; cached.

Two features ask for it: Memory and Recall. Computes nothing itself.
"""

import threading

import streamlit as st

from components.frame import visit
from model.memory.state import MemoryState
from model.recall import chain, near_miss, told_facts
from model.recall.chain import Chain
from model.recall.near_miss import NearMiss
from model.recall.told_facts import Fact

MOST_FACTS = 200  # at most so many told sentences to choose from, the newest


def of_outcome(one, key: tuple) -> Chain | None:
    """The chain of a probe's answer; key: of the outcome."""
    return _of_outcome(key, visit.checkpoint(), one)


def facts(key: str, state: MemoryState) -> list[Fact]:
    """Sentences that were told, the newest last; key: of the memory."""
    return _facts((visit.mark(), key), visit.checkpoint(), state)


def of_question(key: str, state: MemoryState, asked, fact: Fact, writing, states) -> Chain | None:
    """The chain of a sentence that should have answered; key: of the memory; asked: the question
    (memory.run.Asked); writing: the settings it is told with; states: memories before this one."""
    ids = asked.recalled.trace.ids.tobytes()
    mark = (visit.mark(), str(visit.checkpoint().placement), key, asked.settings, ids, fact, writing)
    return _of_question(mark, visit.checkpoint(), state, asked, fact, writing, states)


def near_miss_of(
    state: MemoryState, asked, told: list[Fact], question: str, said: str, without: str
) -> NearMiss | None:
    """Of what was told another thing was asked; asked: the question (asking.Recalled); said, without:
    the answers with memory and without."""
    return near_miss.find(visit.checkpoint(), state, asked, told, question, said, without)


@st.cache_resource(show_spinner=False)
def _lock() -> threading.Lock:
    return threading.Lock()


@st.cache_resource(show_spinner=False, max_entries=32)
def _of_outcome(key, _checkpoint, _one) -> Chain | None:
    with _lock():
        return chain.of_outcome(_checkpoint, _one)


@st.cache_resource(show_spinner=False, max_entries=16)
def _facts(key, _checkpoint, _state) -> list[Fact]:
    return told_facts.newest(_checkpoint, _state.prompts, MOST_FACTS)


@st.cache_resource(show_spinner=False, max_entries=32)
def _of_question(key, _checkpoint, _state, _asked, _fact, _writing, _states) -> Chain | None:
    with _lock():
        return chain.of_question(
            _checkpoint, _state, _asked.recalled, _asked.settings, _fact, _writing, _states
        )
