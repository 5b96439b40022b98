"""Medians with confidence intervals that assume nothing about how timings are distributed."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import comb
from statistics import median, quantiles
from typing import Any

__all__ = ["CONFIDENCE", "NOISE_BOUND", "Summary", "fewest_rounds", "noise", "summarise"]

CONFIDENCE = 0.95
# Timings whose middle half is spread over more than this part of the median are flagged.
NOISE_BOUND = 0.10


@dataclass(frozen=True)
class Summary:
    """A median and an interval that contains the true one with at least the probability ``coverage``."""

    median: float
    low: float
    high: float
    coverage: float

    def as_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)


def summarise(values: Sequence[float]) -> Summary:
    """Return the median and the narrowest symmetric pair of order statistics that covers it with CONFIDENCE.

    The true median lies outside (x_k, x_(n+1-k)) only if fewer than k values fall on one side of it, each of them a
    toss of a fair coin. That holds for any continuous distribution; ties only make the interval cover more.
    """
    rank = _rank(len(values))
    if rank == 0:
        raise ValueError(f"values: wanted {fewest_rounds()} or more for a {CONFIDENCE:.0%} interval, got {len(values)}")
    ordered = sorted(values)
    return Summary(median(ordered), ordered[rank - 1], ordered[-rank], _coverage(len(values), rank))


def noise(values: Sequence[float]) -> float:
    """Return the interquartile range over the median."""
    lower, middle, upper = quantiles(values, n=4, method="inclusive")
    return (upper - lower) / middle


def fewest_rounds() -> int:
    """Return how many values it takes for an interval: the smallest and the largest of them must cover enough."""
    count = 2
    while _rank(count) == 0:
        count += 1
    return count


def _rank(count: int) -> int:
    """Return the largest k for which x_k and x_(n+1-k) cover the median with CONFIDENCE; 0 where none does."""
    rank = 0
    while 2 * (rank + 1) <= count and _coverage(count, rank + 1) >= CONFIDENCE:
        rank += 1
    return rank


def _coverage(count: int, rank: int) -> float:
    outside: int = 2 * sum(comb(count, below) for below in range(rank))
    return float(1 - outside / 2**count)
