"""Words that a prompt shares with stored sentences; rare words weigh more. Knows no model.

Attention reads two sentences of the same form ("The code of the office …", "The code of the cabin
…") alike; the word that distinguishes them is in the prompt.
"""

import re

import numpy as np


def weights(texts: list[str], prompt: str) -> np.ndarray:
    """For each of N texts: the summed weight of the different words that it shares with the prompt,
    (N,). A word that occurs in n of the texts weighs ln(1 + N / n) (Spärck Jones 1972). Upper and
    lower case are equal."""
    said, asked = [_words(text) for text in texts], _words(prompt)
    counts: dict[str, int] = {}
    for one in said:
        for word in one & asked:
            counts[word] = counts.get(word, 0) + 1
    weigh = {word: np.log1p(len(texts) / n) for word, n in counts.items()}
    return np.array([sum(weigh[word] for word in one & asked) for one in said], dtype=np.float64)


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))
