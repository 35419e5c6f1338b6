"""Token surprisal: as in float64, in blocks as in one piece, and a broken logit is named."""

import math

import numpy as np
import pytest
import torch

from model.run import bits


def test_equal_logits_share_the_better_rank():
    logits = torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    each, rank = bits.bits_and_rank(logits, [1, 2])
    assert rank.tolist() == [1, 1] and each[1] == pytest.approx(math.log2(3))


def test_bits_are_as_good_as_in_float64_where_logits_are_large():
    logits = torch.randn(50, 5000, generator=torch.Generator().manual_seed(3)) * 5 - 120
    targets = torch.arange(50) * 90
    each, _ = bits.bits_and_rank(logits, targets)
    exact = -logits.double().log_softmax(-1)[torch.arange(50), targets] / math.log(2)
    np.testing.assert_allclose(each, exact, atol=1e-6)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_broken_logit_is_named(bad):
    logits = torch.zeros(3, 5)
    logits[1, 2] = bad
    with pytest.raises(ValueError, match=r"logits here \(3, 5\).*first at \(1, 2\)"):
        bits.bits_and_rank(logits, [0, 0, 0], "logits here")


def test_blocks_of_rows_give_what_all_rows_together_give():
    generator = torch.Generator().manual_seed(4)
    logits = torch.randn(2 * bits.ROWS_AT_ONCE + 3, 40, generator=generator) * 4
    targets = torch.randint(40, (len(logits),), generator=generator)
    whole, _ = bits.bits_and_rank(logits, targets)
    np.testing.assert_array_equal(bits.bits(logits, targets), whole)
    assert bits.bits(logits, targets).dtype == np.float64


def test_no_rows_give_no_bits():
    assert bits.bits(torch.zeros(0, 5), np.zeros(0, np.int64)).shape == (0,)
