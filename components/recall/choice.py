"""What the visitor chose on the Recall page: the probe, the memory's settings, the variant.

The choices are keys in st.session_state and stay across pages. Knows nothing of results.
"""

from dataclasses import dataclass

import streamlit as st

from components.kit.own_sentence import Sentence
from model.memory import variants
from model.memory.settings import Settings
from model.recall.probe import Probe

VIEWS = {
    "probe": "One probe", "cause": "What causes it", "curves": "Curves",
    "tasks": "Standard tasks", "file": "Your probes", "board": "Scoreboard",
}
TITLES = {
    "gpt2": "GPT-2", "gpt2+rnn": "+ RNN", "gpt2+edm": "+ EDM", "gpt2+am": "+ AM",
    "gpt2-m": "GPT2-M",
}
WHAT = {
    "gpt2": "no memory", "gpt2+rnn": "recurrent states, before and after the stack",
    "gpt2+edm": "external memory: slots of key and value",
    "gpt2+am": "attention over Local ∪ Memory", "gpt2-m": "all of them",
}
DISTANCES = (0, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000)
SOURCES = {"made": "made-up talk", "own": "your own text", "file": "a text file"}
SLOTS = (16, 32, 64, 128, 256, 512)
MOST_TELL, MOST_ASK, MOST_TEXT = 50_000, 4_000, 100_000  # characters
PLAIN, PLAIN_SLOTS = Settings(), 128


@dataclass(frozen=True)
class Example:
    """A probe to begin with, and one sentence on what to look at."""

    tell: str
    ask: str
    answer: str
    look: str
    distance: int = 0


EXAMPLES = {
    "James Theory": Example(
        "My name is James Theory. I live in New York.", "Where do I live? You live in",
        " New York",
        "Only the columns with memory can say New York: it is not in the question's prompt.",
    ),
    "Two people": Example(
        "The favourite drink of Mary is tea. The favourite drink of Tom is coffee.",
        "What is the favourite drink of Mary? The favourite drink of Mary is", " tea",
        "Two drinks are in memory. Under “What causes it”, swap the values of tea and coffee.",
    ),
    "He moved": Example(
        "I live in Boston.\nI moved to Madrid.", "Where do I live? You live in", " Madrid",
        "Two contradicting facts were told. Does it answer the latest, the first, or neither?",
    ),
    "Never told": Example(
        "My name is James Theory. I live in New York.", "What is my job? You work as a", "",
        "The answer was never told. An honest memory changes nothing here.",
    ),
    "After 250 tokens": Example(
        "My name is James Theory. I live in New York.", "Where do I live? You live in",
        " New York", "Other talk came in between. Which memories still hold the fact?", 250,
    ),
}
FIRST = "James Theory"


def begin() -> None:
    """First visit: the James Theory probe is filled in."""
    if "recall_tell" not in st.session_state:
        use_example(FIRST)


def use_example(name: str) -> None:
    """Fill the form with an example."""
    one = EXAMPLES[name]
    use(Probe(tuple(one.tell.split("\n")), one.ask, one.answer or None, one.distance))


def use_sentence(one: Sentence) -> None:
    """Fill the form with a sentence and a question about it."""
    use(Probe((one.tell,), one.ask, one.answer))


def use(probe: Probe) -> None:
    """Fill the form with a probe, and look at it."""
    state = st.session_state
    state.recall_tell, state.recall_ask = "\n".join(probe.tell), probe.ask
    state.recall_answer = probe.answer or ""
    state.recall_distance = probe.distance
    state.recall_seed = probe.seed
    if probe.distraction:
        state.recall_source, state.recall_text = "own", probe.distraction
    else:
        state.recall_source = "made"
    forget_words()


def look_sentence() -> str:
    """The one sentence on what to look at, of the example that is filled in; else a plain one."""
    now = (st.session_state.get("recall_tell"), st.session_state.get("recall_ask"))
    for one in EXAMPLES.values():
        if now == (one.tell, one.ask) and st.session_state.get("recall_distance") == one.distance:
            return one.look
    return "Compare the columns: a memory adds what GPT-2 alone does not say."


def probe(text: str) -> Probe:
    """The probe in the form; text: the distraction's, "" if it is made up."""
    state = st.session_state
    lines = tuple(line for line in (state.recall_tell or "").split("\n") if line.strip())
    answer = state.recall_answer if (state.recall_answer or "").strip() else None
    distance = int(state.get("recall_distance") or 0)
    return Probe(lines, state.recall_ask or "", answer, distance, text,
                 int(state.get("recall_seed") or 0))


def settings() -> Settings:
    """The memory's settings, the same for all modules."""
    chosen = {name: st.session_state.get(f"recall_{name}") for name in
              ("slots", "policy", "score", "best")}
    plain = {"slots": PLAIN_SLOTS, "policy": PLAIN.policy, "score": PLAIN.fusion.score, "best": 0}
    said = {name: plain[name] if value is None else value for name, value in chosen.items()}
    chosen = Settings(policy=said["policy"], best=int(said["best"]))
    return chosen.with_slots(int(said["slots"])).with_fusion(score=said["score"])


def variant() -> str:
    """The chosen variant; at first the whole system."""
    chosen = st.session_state.get("recall_variant")
    return chosen if chosen in variants.VARIANTS else "gpt2-m"


def choose_variant(name: str) -> None:
    """Remember a variant."""
    st.session_state.recall_variant = name


def forget_words() -> None:
    """No word is removed, swapped or changed any more."""
    st.session_state.recall_words = []
