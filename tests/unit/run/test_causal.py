"""The causal softmax: rows sum to 1, no query reads its future, and it is written once."""

from pathlib import Path

import pytest
import torch

from model.run import causal

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("n_queries, n_keys", [(1, 1), (1, 5), (3, 5), (5, 5)])
def test_weights_are_those_computed_by_hand(n_queries, n_keys):
    q, k = torch.randn(2, n_queries, 4), torch.randn(2, n_keys, 4)
    found = causal.weights(q, k, 0.5)
    first = n_keys - n_queries
    for row in range(n_queries):
        seen = first + row + 1
        by_hand = (0.5 * q[:, row : row + 1] @ k[:, :seen].transpose(1, 2)).softmax(-1)[:, 0]
        torch.testing.assert_close(found[:, row, :seen], by_hand)
        assert (found[:, row, seen:] == 0).all()


def test_one_query_in_the_middle_reads_up_to_itself():
    scores = torch.arange(4.0).repeat(1, 1)
    assert torch.equal(causal.softmax(scores.clone(), 2)[0, :3], torch.arange(3.0).softmax(-1))


def test_scores_lose_their_future_in_one_place():
    """Others hand transformers a mask of finite numbers; only this file computes the softmax.
    Recipes of notebooks are code that stands without this project."""
    texts = {path: path.read_text("utf-8") for path in [*ROOT.glob("model/**/*.py"),
                                                        *ROOT.glob("components/**/*.py")]}
    found = {str(path.relative_to(ROOT)) for path, text in texts.items()
             if "-torch.inf" in text and ("triu" in text or "np.tri" in text)}
    assert {name for name in found if not name.startswith("model/takeaway/of_")} == {
        "model/run/causal.py"}
