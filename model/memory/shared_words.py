"""Words that a prompt shares with stored sentences; rare words weigh more. Knows no model.

Attention reads two sentences of the same form ("The code of the office …", "The code of the cabin
…") alike; the word that distinguishes them is in the prompt.
"""

import re
from collections import Counter

import numpy as np

FIRST = 8  # sentences that are compared with each other
MORE = 0.3  # a sentence beats another if it lacks at most this share of what it has more
NEAR = 0.25


def weights(texts: list[str], prompt: str) -> np.ndarray:
    """For each of N texts: the summed weight of the different words that it shares with the prompt,
    (N,). A word that occurs in n of the texts weighs ln(1 + N / n) (Spärck Jones 1972). Upper and
    lower case are equal."""
    said, asked = [_words(text) for text in texts], _words(prompt)
    weigh = _weigh(said, asked)
    return np.array([sum(weigh[word] for word in one & asked) for one in said], dtype=np.float64)


def near_misses(texts: list[str], prompt: str, fits: np.ndarray) -> np.ndarray:
    """For each of N texts, (N,) bool: whether another one shares with the prompt the words that this
    one shares, and more. Then this text is about something else of the same form: a near miss. A text
    that lacks more than it shares is none: it may say the same in other words.

    fits (N,): how well each fits. Only the FIRST that fit best are compared, and only one that fits
    at least NEAR times as well makes a near miss of another.
    """
    said, asked = [_words(text) for text in texts], _words(prompt)
    weigh = _weigh(said, asked)

    def weight(words: set[str]) -> float:
        return sum(weigh[word] for word in words & asked)

    def beats(one: int, other: int) -> bool:
        more, less = weight(said[one] - said[other]), weight(said[other] - said[one])
        is_near = more <= weight(said[other])  # it shares at least as much as it lacks
        return is_near and fits[one] > NEAR * fits[other] and less <= MORE * more > 0

    first, found = np.argsort(-fits, kind="stable")[:FIRST], np.zeros(len(texts), dtype=bool)
    found[first] = [any(beats(one, other) for one in first) for other in first]
    return found


def shares(texts: list[str], prompt: str) -> np.ndarray:
    """The same as shares of what all the prompt's words weigh, (N,) of 0 to 1. A word that stands in
    no text weighs as much as one that stands in one."""
    said, asked = [_words(text) for text in texts], _words(prompt)
    weigh = {word: np.log1p(len(texts)) for word in asked} | _weigh(said, asked)
    found: np.ndarray = weights(texts, prompt) / max(sum(weigh.values()), 1e-12)
    return found


def _weigh(said: list[set[str]], asked: set[str]) -> dict[str, float]:
    """The weight of every asked word that stands in one of the texts."""
    counts = Counter(word for one in said for word in one & asked)
    return {word: float(np.log1p(len(said) / n)) for word, n in counts.items()}


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))
