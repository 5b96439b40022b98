"""Medians and their intervals."""

from itertools import product
from math import comb

import pytest
from gilfree.benchmarks.summary import CONFIDENCE, fewest_rounds, noise, summarise


def coverage_by_brute_force(count, rank):
    """How often x_k < median < x_(n+1-k), over every pattern of values below and above the median."""
    patterns = list(product((False, True), repeat=count))
    return sum(rank <= sum(below) <= count - rank for below in patterns) / len(patterns)


@pytest.mark.parametrize("count", range(6, 13))
def test_interval_is_the_narrowest_that_covers_enough(count):
    summary = summarise(range(1, count + 1))
    rank = int(summary.low)
    assert summary.high == count + 1 - rank
    assert summary.coverage == pytest.approx(coverage_by_brute_force(count, rank))
    assert summary.coverage >= CONFIDENCE
    assert coverage_by_brute_force(count, rank + 1) < CONFIDENCE


@pytest.mark.parametrize(
    ("count", "rank", "coverage"),
    # As tabulated for the sign test.
    [(6, 1, 0.9688), (7, 1, 0.9844), (8, 1, 0.9922), (9, 2, 0.9609), (15, 4, 0.9648), (20, 6, 0.9586), (25, 8, 0.9567)],
)
def test_known_intervals(count, rank, coverage):
    summary = summarise([value * 10 for value in range(1, count + 1)])
    assert (summary.low, summary.high) == (rank * 10, (count + 1 - rank) * 10)
    assert summary.coverage == pytest.approx(coverage, abs=5e-5)


def test_order_does_not_matter():
    assert summarise([3, 1, 2, 7, 5, 6, 4]) == summarise([1, 2, 3, 4, 5, 6, 7])
    assert summarise([3, 1, 2, 7, 5, 6, 4]).median == 4


def test_median_resists_an_outlier():
    assert summarise([1.0] * 6 + [1000.0]).median == 1.0


def test_too_few_values_are_refused():
    assert fewest_rounds() == 6
    assert 1 - 2 * comb(5, 0) / 2**5 < CONFIDENCE
    with pytest.raises(ValueError, match="wanted 6 or more for a 95% interval, got 5"):
        summarise([1.0] * 5)


def test_noise_is_the_spread_of_the_middle_half():
    assert noise([10.0] * 7) == 0
    assert noise([8, 9, 10, 11, 12]) == pytest.approx(0.2)
    assert noise([10, 10, 10, 10, 10, 10, 1000]) == 0
