"""What a short call costs beside a thread that computes in Python.

The call lets the GIL go, the other thread takes it and does not give it back before a switch interval is over: a call
of a microsecond then takes milliseconds. Holding the GIL, the same call would have been over before.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from .summary import fewest_rounds, summarise
from .thresholds import call_of, compute_in_python

__all__ = ["INTERVALS", "LENGTHS", "convoy"]

LENGTHS = (2e-6, 20e-6, 200e-6, 2e-3, 10e-3)
INTERVALS = (5e-3, 0.5e-3)  # Python's own is the first
FEWEST_CALLS = 2


def convoy(seconds: float, lengths: Sequence[float] = LENGTHS) -> list[dict[str, Any]]:
    """Return how long calls take alone and beside such a thread, measured for about so many seconds in all."""
    rounds = fewest_rounds()
    runs = rounds * len(lengths) * 2 * (1 + len(INTERVALS))
    each = seconds / runs
    points = []
    for length in lengths:
        call = call_of(length)
        released, held = (partial(call, release_gil=release) for release in (True, False))
        alone: dict[bool, list[float]] = {True: [], False: []}
        beside: dict[tuple[bool, float], list[float]] = {}
        for _ in range(rounds):
            for release, body in ((True, released), (False, held)):
                alone[release].append(seconds_of(body, each))
                for interval in INTERVALS:
                    with switch_interval(interval), python_beside():
                        beside.setdefault((release, interval), []).append(seconds_of(body, each))
        points += [
            {
                "switch_interval": interval,
                "release_gil": release,
                "alone": summarise(alone[release]).as_json(),
                "beside": summarise(taken).as_json(),
            }
            for (release, interval), taken in beside.items()
        ]
    return points


def seconds_of(call: Callable[[], object], seconds: float) -> float:
    """Return how long a call takes, the mean of as many as there are in so many seconds."""
    start, count = time.perf_counter(), 0
    while (taken := time.perf_counter() - start) < seconds or count < FEWEST_CALLS:
        call()
        count += 1
    return taken / count


@contextmanager
def python_beside() -> Iterator[None]:
    """Have a thread compute in Python."""
    over, computing = threading.Event(), threading.Event()

    def compute() -> None:
        computing.set()
        while not over.is_set():
            compute_in_python()

    thread = threading.Thread(target=compute)
    thread.start()
    computing.wait()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def switch_interval(seconds: float) -> Iterator[None]:
    """Have threads take turns at this interval."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(seconds)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
