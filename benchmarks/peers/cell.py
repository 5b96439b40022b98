"""A kernel and its peers on one problem, in a process of their own: ``python -m gilfree.benchmarks.peers.cell``.

Gets an `Order` as a line of JSON on stdin, and answers in lines on stdout: ``{"ours": ...}`` once the kernel has run,
``{"turn": peer}`` before each peer and ``{"row": ...}`` after it, and at last ``{"end": ...}`` with the kernel's own
times and how near the machine's limit it is. So if the process dies, it is known whose turn it was.
"""

import json
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from math import ceil
from pathlib import Path
from typing import Any, TextIO

from gilfree.kernels import KERNELS

from ..cell import answer, serve
from ..problems import PROBLEMS, Call, Peer, Problem
from ..summary import fewest_rounds
from .limits import load_limits, peak

__all__ = ["MOST_THREADS", "Order", "main", "measure_peer"]

BATCH_SECONDS = 1e-3  # a call that takes less is repeated within a turn until it takes about this long
TRIED_AGAIN_SECONDS = 0.05
CLOCK_SECONDS = 1e-9
MOST_ROUNDS = 101
# Where the fewest rounds that have an interval would take longer, there are as many as do not. If that is none,
# there is the call that was checked.
PATIENT_SECONDS = 20.0
LONGEST_CALL_SECONDS = 20.0  # one that is expected to take longer is not made
# CPU time over time of a peer. More is not one thread.
MOST_THREADS = 1.25
LEAST_CPU_SECONDS = 0.01  # in less the clock of CPU time, which may tick slowly, tells nothing


@dataclass(frozen=True)
class Order:
    """What the parent wants from the process."""

    kernel: str
    size: str
    peers: list[str]
    seconds: float  # for each peer, about
    limits: str | None  # where the compiled probes are
    paces: dict[str, float]  # seconds a unit of work that peers took for a smaller problem


def main() -> int:
    """Measure what is ordered."""
    with suppress(OSError):  # other systems than Linux
        # If a peer takes all memory, this process is to be ended for it and not another one.
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    return serve(take_part)


def take_part(orders: TextIO, answers: TextIO) -> None:
    """Measure one peer after the other, and then the kernel alone."""
    order = Order(**json.loads(orders.readline()))
    problem = PROBLEMS[order.kernel]
    function = KERNELS[order.kernel].functions[0]
    call = problem.make(order.size)

    def ours() -> Any:  # noqa: ANN401
        return call(function)

    expected = ours()
    units = problem.units(call)
    answer(answers, {"ours": {"units": units}})
    for peer in problem.peers:
        if peer.name in order.peers:
            answer(answers, {"turn": peer.name})
            row = too_slow(peer, units * order.paces.get(peer.name, 0.0))
            row = row or measure_peer(problem, peer, call, ours=ours, expected=expected, seconds=order.seconds)
            answer(answers, {"row": row})
    # The probe right after the kernel, so that both find the processor at the same speed.
    seconds = take_turns((ours,), order.seconds, fewest_rounds())
    answer(answers, {"end": {"seconds": [mine for [mine] in seconds], "limit": limit(problem, call, order.limits)}})


def too_slow(peer: Peer, expected: float) -> dict[str, Any] | None:
    """Return the row of a peer if a call of it would take too long, else None."""
    if expected <= LONGEST_CALL_SECONDS:
        return None
    reason = f"a call would take some {expected:.0f} s, by its time for the smaller problem"
    return {"name": peer.name, "version": installed(peer.package), "status": "skipped", "reason": reason}


def measure_peer(
    problem: Problem, peer: Peer, call: Call, *, ours: Callable[[], Any], expected: object, seconds: float
) -> dict[str, Any]:
    """Return what came of a peer."""
    row: dict[str, Any] = {"name": peer.name, "version": installed(peer.package)}
    try:
        theirs = peer.prepare(call)
    except ImportError as error:
        return row | {"status": "missing", "reason": f"needs {peer.package}: {error}"}
    except Exception as error:  # noqa: BLE001 - whatever a library does wrong is its row's failure
        return row | {"status": "failed", "reason": f"{type(error).__name__}: {error}"}
    try:
        watch = Watch()
        result = theirs()
        first, threads = watch.stop()
        if not problem.same(expected, result):
            return row | {"status": "wrong", "reason": "computes something else than the kernel"}
        del result
        mine = seconds_of(ours, 1)
        fewest = min(fewest_rounds(), int(PATIENT_SECONDS / (mine + first)))
        rounds: list[tuple[float, ...]] = [(mine, first)]
        if fewest:
            rounds = take_turns((ours, theirs), seconds, fewest)
            watch = Watch()
            seconds_of(theirs, ceil(2 * LEAST_CPU_SECONDS / max(rounds[-1][1], CLOCK_SECONDS)))
            threads = watch.stop()[1]
    except Exception as error:  # noqa: BLE001
        return row | {"status": "failed", "reason": f"{type(error).__name__}: {error}"}
    if threads > MOST_THREADS:
        return row | {"status": "failed", "reason": f"used {threads:.1f} CPUs where one was allowed"}
    ours_by_round, theirs_by_round = zip(*rounds, strict=True)
    return row | {"status": "measured", "reason": None, "ours": ours_by_round, "seconds": theirs_by_round}


class Watch:
    """Tells how long something took, and how many threads computed meanwhile."""

    def __init__(self) -> None:
        self._start = time.perf_counter(), time.process_time()

    def stop(self) -> tuple[float, float]:
        """Return the time and the CPU time over that; 0 where it was too short to tell."""
        seconds, cpu = time.perf_counter() - self._start[0], time.process_time() - self._start[1]
        return seconds, cpu / seconds if cpu > LEAST_CPU_SECONDS else 0.0


def take_turns(functions: tuple[Callable[[], Any], ...], seconds: float, fewest: int) -> list[tuple[float, ...]]:
    """Return how long each took, by round; who goes first alternates."""
    repeats = [repeats_for(function) for function in functions]
    rounds: list[tuple[float, ...]] = []
    places = list(range(len(functions)))
    end = time.perf_counter() + seconds
    while len(rounds) < fewest or (len(rounds) < MOST_ROUNDS and time.perf_counter() < end):
        places.reverse()
        found = {place: seconds_of(functions[place], repeats[place]) for place in places}
        rounds.append(tuple(found[place] for place in range(len(functions))))
    return rounds


def repeats_for(function: Callable[[], Any]) -> int:
    """Return how many calls a turn has; where one is short, another process may have interrupted the first."""
    shortest = seconds_of(function, 1)
    if shortest < TRIED_AGAIN_SECONDS:
        shortest = min(shortest, seconds_of(function, 1), seconds_of(function, 1))
    return max(1, ceil(BATCH_SECONDS / max(shortest, CLOCK_SECONDS)))


def seconds_of(function: Callable[[], Any], repeats: int) -> float:
    """Return how long one of so many calls takes, with what its result takes to be freed."""
    start = time.perf_counter()
    for _ in range(repeats):
        function()
    return (time.perf_counter() - start) / repeats


def limit(problem: Problem, call: Call, path: str | None) -> dict[str, Any] | None:
    """Return what bounds the kernel, how much of it the call takes, and how much there is."""
    if problem.effort is None or path is None:
        return None
    effort = problem.effort(call)
    return {
        "name": effort.limit,
        "counted": effort.counted,
        "amount": effort.amount,
        "peak": peak(load_limits(Path(path)), effort.limit, effort.footprint),
    }


def installed(package: str) -> str | None:
    """Return a package's version, or None if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    sys.exit(main())
