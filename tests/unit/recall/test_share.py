"""Intervals: of one seed, and of several that were asked the same episodes."""

import numpy as np
import pytest

from model.recall.share import mean_of_seeds, share_of_seeds, student, wilson


def test_quantiles_of_students_t_are_those_of_the_tables():
    for freedom, quantile in ((1, 12.706), (2, 4.303), (4, 2.776), (10, 2.228), (100, 1.984)):
        assert student(freedom) == pytest.approx(quantile, abs=2e-3)
    assert student(1e9) == 1.96


def test_one_seed_keeps_wilsons_interval():
    for hits, n in ((0, 20), (13, 20), (20, 20)):
        assert share_of_seeds([(hits, n)]) == pytest.approx((hits / n, *wilson(hits, n)))


def test_seeds_that_agree_are_as_sure_as_one_and_not_as_three():
    share, low, high = share_of_seeds([(90, 100)] * 3)
    assert share == pytest.approx(0.9) and (low, high) == pytest.approx(wilson(90, 100))
    assert low < wilson(270, 300)[0] and high > wilson(270, 300)[1]
    assert share_of_seeds([(50, 50)] * 3) == (1.0, *wilson(50, 50))


def test_seeds_that_lie_apart_widen_the_interval():
    _, low, high = share_of_seeds([(80, 100), (90, 100), (100, 100)])
    assert low < wilson(90, 100)[0] and high > wilson(90, 100)[1] and 0 <= low < high <= 1


def test_the_interval_holds_the_truth_as_often_as_it_says():
    """Seeds of 0.85 ± 0.03 asked the same 200 episodes, some of which are hard for all; counted as
    600 independent episodes they would miss it far more often."""
    rng, held, pooled = np.random.default_rng(0), 0, 0
    truth = _expected(0.6**2 + 1 + 0.25**2)
    for _ in range(400):
        hard = rng.normal(0, 0.6, 200)
        seeds = rng.normal(1.2, 0.25, 3)
        hits = [int((hard + rng.normal(0, 1, 200) < seed).sum()) for seed in seeds]
        _, low, high = share_of_seeds([(n, 200) for n in hits])
        held += low <= truth <= high
        one, other = wilson(sum(hits), 600)
        pooled += one <= truth <= other
    assert held / 400 >= 0.93 and pooled / 400 < 0.85


def _expected(variance: float) -> float:
    """The mean share: of a normal variable of this variance, below 1.2."""
    draws = np.random.default_rng(1).normal(0, variance**0.5, 400_000)
    return float((draws < 1.2).mean())


def test_means_over_seeds():
    assert mean_of_seeds([2.0], [0.5]) == pytest.approx((2.0, 1.5, 2.5))
    assert mean_of_seeds([2.0, 2.0], [0.5, 0.5]) == pytest.approx((2.0, 1.5, 2.5))
    mean, low, high = mean_of_seeds([1.0, 3.0], [0.1, 0.1])
    assert mean == 2.0 and high - low > 20  # two seeds that far apart say hardly anything
