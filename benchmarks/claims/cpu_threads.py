"""Threads and CPU-bound Python code.

A piece of pure Python is run four times: in one thread after the other, and in two and four threads. Two processes do
the same, to see whether there is a second CPU to be had. The observer counts how often a thread that computes has to
hand the GIL over, alone and beside another one.
"""

import threading
from typing import Any

from gilfree.info import gil_enabled

from .claim import Claim, Judgement, all_of, figure, judge, opposite
from .measuring import (
    compute_in_python,
    in_threads,
    need_cpus,
    parallel,
    process_pool,
    speedup_figure,
    take_turns,
)

__all__ = ["CLAIM"]

PIECES = 4


def experiment() -> dict[str, Any]:
    """Time the same work in 1, 2 and 4 threads, and in 2 processes."""
    need_cpus(2)
    with process_pool(2) as pool:
        seconds = take_turns(
            {
                "serial": lambda: compute_in_python(PIECES),
                "1 thread": lambda: in_threads(lambda: compute_in_python(PIECES), 1),
                "2 threads": lambda: in_threads(lambda: compute_in_python(PIECES // 2), 2),
                "4 threads": lambda: in_threads(compute_in_python, 4),
                "2 processes": lambda: list(pool.map(compute_in_python, [PIECES // 2] * 2)),
            }
        )
    return {"seconds": seconds, "gil": gil_enabled(), "hand_overs": {"alone": hand_overs(), "beside": beside()}}


def hand_overs() -> float | None:
    """Return how often a second this thread lets the GIL go while it computes."""
    from gilfree.observe import NotMeasurableError, Prober  # noqa: PLC0415 - not every Python can be observed

    try:
        found = Prober(0.5, threads=(1,)).probe(compute_in_python)
    except NotMeasurableError:
        return None
    return None if found.releases is None else found.releases / found.seconds


def beside() -> float | None:
    """Return the same while another thread computes, too."""
    done = threading.Event()

    def rival() -> None:
        while not done.is_set():
            compute_in_python()

    thread = threading.Thread(target=rival)
    thread.start()
    try:
        return hand_overs()
    finally:
        done.set()
        thread.join()


def rule(measured: dict[str, Any]) -> Judgement:
    """Demand that threads do not run in parallel, though processes do."""
    seconds = measured["seconds"]
    one, two, four, processes = (
        speedup_figure(f"{name}, speed-up", seconds, "serial", name)
        for name in ("1 thread", "2 threads", "4 threads", "2 processes")
    )
    counted = [
        figure(f"GIL hand-overs a second, {where}", count, "")
        for where, count in (
            ("one thread", measured["hand_overs"]["alone"]),
            ("one of two threads", measured["hand_overs"]["beside"]),
        )
        if count is not None
    ]
    slowed = any(threads.below(1.0) for threads in (two, four))
    return judge(
        all_of(opposite(parallel(two, processes)), opposite(parallel(four, processes))),
        {
            True: "More threads were no faster" + (", but slower." if slowed else "."),
            False: "Threads made it faster" + ("." if measured["gil"] else ": this Python runs without a GIL."),
            None: "The figures are too noisy, or the machine had no second CPU free.",
        },
        [one, two, four, processes, *counted],
    )


CLAIM = Claim(
    "cpu-threads",
    "Threads do not speed CPU-bound Python up, and can slow it down.",
    experiment,
    rule,
)
