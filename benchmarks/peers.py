"""Times each kernel beside what people would install instead: ``python -m gilfree.benchmarks.peers [KERNEL ...]``.

Same input, same output (checked), one thread each, in one process. Ours and the peer's calls alternate, and the ratio
is the median over the rounds: above 1, ours is the faster. What is not installed is named as such.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from gilfree.kernels import KERNELS

from .problems import PROBLEMS, Call, Peer, Problem

SIZES = ("small", "medium", "large")
SECONDS = 2.0  # for each peer and size
ROUNDS = 201  # at the most; at least three, however long they take
BATCH_SECONDS = 1e-3  # shorter calls are timed so many at once
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def seconds_for(function: Callable[[], Any], repeats: int) -> float:
    """Return how long one of so many calls takes."""
    start = time.perf_counter()
    for _ in range(repeats):
        function()
    return (time.perf_counter() - start) / repeats


def compare(ours: Callable[[], Any], theirs: Callable[[], Any]) -> tuple[float, float]:
    """Return the time of our call, and the peer's time over ours."""
    repeats = max(1, int(BATCH_SECONDS / max(seconds_for(ours, 1), 1e-9)))
    rounds: list[tuple[float, float]] = []
    end = time.perf_counter() + SECONDS
    while len(rounds) < 3 or (time.perf_counter() < end and len(rounds) < ROUNDS):  # noqa: PLR2004
        rounds.append((seconds_for(ours, repeats), seconds_for(theirs, repeats)))
    return statistics.median(mine for mine, _ in rounds), statistics.median(other / mine for mine, other in rounds)


def rows(problem: Problem, call: Call) -> Iterator[tuple[Peer, str]]:
    """Return each peer and what came of it, in words."""
    kernel = KERNELS[problem.kernel].functions[0]

    def ours() -> Any:  # noqa: ANN401
        return call(kernel)

    for peer in problem.peers:
        try:
            theirs = peer.prepare(call)
        except ImportError:
            yield peer, "not installed"
            continue
        if not problem.same(ours(), theirs()):
            yield peer, "gives another result"
            continue
        mine, ratio = compare(ours, theirs)
        yield peer, f"{mine * 1e3:10.3f} ms   {ratio:7.2f} ×"


def main() -> None:
    """Print the table."""
    for variable in THREAD_VARIABLES:
        os.environ[variable] = "1"
    for name in sys.argv[1:] or PROBLEMS:
        print(f"{name}: our time, and the peer's over ours")
        for size in SIZES:
            for peer, words in rows(PROBLEMS[name], PROBLEMS[name].make(size)):
                print(f"  {size:8} {peer.name:36} {words}", flush=True)


if __name__ == "__main__":
    main()
