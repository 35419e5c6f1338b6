"""Words that a prompt shares with stored sentences: rare ones weigh more."""

import numpy as np
import pytest

from model.memory import shared_words


def test_weights_by_hand():
    texts = ["The code of the office is Rix.", "The code of the cabin is Vom.", "It rains."]
    found = shared_words.weights(texts, "What is the code of the Cabin?")
    common = 4 * np.log1p(3 / 2)  # the, code, of, is: in two of three
    assert found == pytest.approx([common, common + np.log1p(3), 0.0])


@pytest.mark.parametrize("texts, prompt", [([], "Who?"), (["A b."], ""), (["🐶", "…"], "🐶 ?")])
def test_nothing_shared_weighs_nothing(texts, prompt):
    assert not shared_words.weights(texts, prompt).any()
