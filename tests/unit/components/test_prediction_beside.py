"""Prediction of two prompts: the page says where a token of A has no partner in B."""

import numpy as np

from components.frame.second_prompt import TwoPrompts
from components.prediction.beside import _no_partner


def test_a_token_without_a_partner_is_named_with_what_stands_in_its_place():
    pairs = np.array([[0, 0], [1, 1]])
    two = TwoPrompts(None, None, ["My", "·name", "·house"], ["My", "·name"], "position", pairs)
    assert _no_partner(two, 1, 1) == ""
    said = _no_partner(two, 2, two.pairs[two.nearest_pair(2), 1])
    assert "·house of A has no partner in B" in said and "what follows ·name of B" in said
