"""What the tests of notes share: an embedder without a model, and an index maker of it."""

from types import SimpleNamespace

import numpy as np

from model.notes.index import Maker


class Letters:
    """How often each letter occurs: a vector that can be counted by hand."""

    width = 26

    def __init__(self, key: str = "letters"):
        self.key, self.n_embedded = key, 0

    def embed(self, texts: list[str]) -> np.ndarray:
        """N texts -> (N,26)."""
        self.n_embedded += len(texts)
        return np.array([[t.lower().count(chr(97 + i)) for i in range(26)] for t in texts], np.float32)


class Words:
    """A tokenizer: a token is a word."""

    def __call__(self, texts, **_):
        return {"input_ids": [text.split() for text in texts]}


def maker(size: int = 16, embedder=None) -> Maker:
    """An index of passages of at most `size` words."""
    checkpoint = SimpleNamespace(fingerprint="words", tokenizer=Words())
    return Maker(checkpoint, size, embedder or Letters())
