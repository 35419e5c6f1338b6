"""Words that a prompt shares with stored sentences; rare words weigh more. Knows no model.

Attention reads two sentences of the same form ("The code of the office …", "The code of the cabin
…") alike; the word that distinguishes them is in the prompt.
"""

import re
from collections import Counter

import numpy as np


def weights(texts: list[str], prompt: str) -> np.ndarray:
    """For each of N texts: the summed weight of the different words that it shares with the prompt,
    (N,). A word that occurs in n of the texts weighs ln(1 + N / n) (Spärck Jones 1972). Upper and
    lower case are equal."""
    said, asked = [_words(text) for text in texts], _words(prompt)
    weigh = _weigh(said, asked)
    return np.array([sum(weigh[word] for word in one & asked) for one in said], dtype=np.float64)


def shares(texts: list[str], prompt: str) -> np.ndarray:
    """The same as shares of what all the prompt's words weigh, (N,) of 0 to 1. A word that stands in
    no text weighs as much as one that stands in one."""
    said, asked = [_words(text) for text in texts], _words(prompt)
    weigh = {word: np.log1p(len(texts)) for word in asked} | _weigh(said, asked)
    return weights(texts, prompt) / max(sum(weigh.values()), 1e-12)


def _weigh(said: list[set[str]], asked: set[str]) -> dict[str, float]:
    """The weight of every asked word that stands in one of the texts."""
    counts = Counter(word for one in said for word in one & asked)
    return {word: float(np.log1p(len(said) / n)) for word, n in counts.items()}


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))
