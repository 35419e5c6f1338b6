"""Words that a prompt shares with stored sentences, rare ones weighing more. Knows no model.

Of two sentences of the same form ("The code of the office …", "The code of the cabin …") attention
reads both; the word that tells them apart stands in the prompt.
"""

import re

import numpy as np


def weights(texts: list[str], prompt: str) -> np.ndarray:
    """For each text, (N,): the summed weight of the different words that it shares with the prompt;
    a word that stands in n of the N texts weighs ln(1 + N / n) (Spärck Jones 1972). Letters' case
    does not count."""
    said, asked = [_words(text) for text in texts], _words(prompt)
    counts: dict[str, int] = {}
    for one in said:
        for word in one & asked:
            counts[word] = counts.get(word, 0) + 1
    weigh = {word: np.log1p(len(texts) / n) for word, n in counts.items()}
    return np.array([sum(weigh[word] for word in one & asked) for one in said], dtype=np.float64)


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))
