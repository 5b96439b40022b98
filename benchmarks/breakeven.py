"""From which length of a call on two workers are faster than one: the kernels' own ``workers=``, on calls of all sizes.

Three ways to have two workers are compared with one: the number 2, which the kernel follows only where it expects to
gain; a thread pool, which it uses whatever the work; and a process pool, to which everything is pickled.
"""

import multiprocessing
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from math import ceil
from typing import Any, TypeAlias

from gilfree.kernels import KERNELS

from .cell import WrongResultError, identical
from .problems import PROBLEMS, Call
from .summary import fewest_rounds, summarise

__all__ = ["LONGEST", "WAYS", "Team", "bracket", "break_even", "team"]

# By the name in the results: what a reader calls it.
WAYS = {"number": "workers=2", "threads": "a pool of 2 threads", "processes": "a pool of 2 processes"}
WORKERS = 2

LONGEST, SHORTEST = 0.02, 50e-6  # seconds on one worker, about
# Some of the larger problems have few rows, and those of the smaller take less time.
SIZES = ("medium", "tiny")
MOST_DOUBLINGS = 13
SHORTER = 0.75  # calls of nearly the same length tell nothing new
BATCH_SECONDS = 2e-3  # shorter calls are timed by the batch
HOPELESS = 0.05  # a way with such a speed-up is not tried on calls that are shorter still
MOST_ROUNDS = 15
MARGIN = 1.05  # two runs of the very same code differ by as much on a quiet machine

Team: TypeAlias = dict[str, int | Executor]


@contextmanager
def team() -> Iterator[Team]:
    """Yield the three, started."""
    with (
        ThreadPoolExecutor(WORKERS) as threads,
        ProcessPoolExecutor(WORKERS, mp_context=multiprocessing.get_context("spawn")) as processes,
    ):
        deque(processes.map(abs, range(WORKERS)), maxlen=0)
        yield {"number": WORKERS, "threads": threads, "processes": processes}


def break_even(kernel: str, workers: Team, seconds: float, longest: float = LONGEST) -> dict[str, Any]:
    """Measure calls of a kernel from the shortest that can be cut up, for about so many seconds in all."""
    pieces = list(smaller(kernel, longest))
    left, points = dict(workers), []
    for piece in pieces:
        points.append(measured(kernel, piece, left, seconds / len(pieces)))
        speedups = points[-1]["speedup"]
        left = {way: two for way, two in left.items() if speedups[way]["high"] > HOPELESS}
    points.sort(key=lambda point: point["seconds"]["median"])
    return {
        "points": points,
        "pays": {
            way: bracket(
                [
                    (point["seconds"]["median"], point["speedup"][way]["median"] if way in point["speedup"] else 0.0)
                    for point in points
                ]
            )
            for way in workers
        },
    }


def smaller(kernel: str, longest: float) -> Iterator[Call]:
    """Yield calls of the kernel that can be cut, each shorter than the one before, as long as they are of interest."""
    function, last = KERNELS[kernel].functions[0], longest / SHORTER
    for size in SIZES:
        for piece in halves(kernel, size):
            taken = min(timed(function, piece, 1, 1) for _ in range(3))
            if taken < SHORTEST:
                return
            if taken < last * SHORTER:
                yield piece
                last = taken


def halves(kernel: str, size: str) -> Iterator[Call]:
    """Yield a problem, half of it, a quarter and so on, as far as these can be cut in their turn.

    A problem's middle is taken: the first rows of a picture may be empty.
    """
    problem = PROBLEMS[kernel]
    whole, before = problem.make(size), 0
    for doublings in range(MOST_DOUBLINGS):
        pieces = problem.split(whole, 2**doublings)
        piece = pieces[len(pieces) // 2]
        if len(pieces) > before and divisible(kernel, piece):
            yield piece
        before = max(before, len(pieces))


def divisible(kernel: str, piece: Call) -> bool:
    """Tell whether a piece can be cut in its turn; four parts are the fewest that all problems have."""
    try:
        return len(PROBLEMS[kernel].split(piece, 2 * WORKERS)) > 1
    except (StopIteration, ValueError, IndexError):
        return False


def measured(kernel: str, piece: Call, workers: Team, seconds: float) -> dict[str, Any]:
    """Return how long a call takes on one worker, and the speed-ups from two; all take turns."""
    function = KERNELS[kernel].functions[0]
    expected = piece(function, workers=1, release_gil=True)
    for way, two in workers.items():
        if not identical(piece(function, workers=two, release_gil=True), expected):
            raise WrongResultError(f"{kernel}, {WAYS[way]}: not what one worker computes")
    batch = batch_of(function, piece, 1)
    batches = {way: batch_of(function, piece, two) for way, two in workers.items()}
    alone: list[float] = []
    ratios: dict[str, list[float]] = {way: [] for way in workers}
    until = time.perf_counter() + seconds
    while len(alone) < fewest_rounds() or (time.perf_counter() < until and len(alone) < MOST_ROUNDS):
        alone.append(timed(function, piece, 1, batch))
        for way, two in workers.items():
            ratios[way].append(alone[-1] / timed(function, piece, two, batches[way]))
    return {
        "units": PROBLEMS[kernel].units(piece),
        "seconds": summarise(alone).as_json(),
        "speedup": {way: summarise(values).as_json() for way, values in ratios.items()},
    }


def batch_of(function: Callable[..., Any], piece: Call, workers: int | Executor) -> int:
    """Return how many calls take about as long as a batch."""
    return max(1, ceil(BATCH_SECONDS / timed(function, piece, workers, 1)))


def timed(function: Callable[..., Any], piece: Call, workers: int | Executor, batch: int) -> float:
    """Return how long a call takes, the mean of a batch."""
    start = time.perf_counter()
    for _ in range(batch):
        piece(function, workers=workers, release_gil=True)
    return (time.perf_counter() - start) / batch


def bracket(points: Sequence[tuple[float, float]]) -> dict[str, float | None]:
    """Return between which lengths two workers begin to pay, given (length, speed-up), the shortest first.

    The border is where fewest of the points are on its wrong side, and of several such places the one farthest up.
    Below the shortest there is none, and none above the longest.
    """

    def wrong(border: int) -> int:
        return sum((speedup > MARGIN) != (index >= border) for index, (_, speedup) in enumerate(points))

    border = min(reversed(range(len(points) + 1)), key=wrong)
    ends = [None, *(length for length, _ in points), None]
    low, high = list(pairwise(ends))[border]
    return {"low": low, "high": high}
