"""How much faster calls are on two workers than on one: ``python -m gilfree.benchmarks.two_workers [SIZE] [KERNEL …]``.

Each kernel computes its whole problem on one worker and, with ``workers=2``, on two threads. What these could reach at
best is measured beside them: two processes that know nothing of each other make the call on one worker each, at the
same time, and their rates, over those that each of them has alone, are added up. Two CPUs that share memory, a cache or
a power budget do not do twice the work of one. All take turns, and ratios are those within a round.

Prints a table in Markdown.
"""

import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

from gilfree.kernels import KERNELS

from .problems import PROBLEMS, Call
from .summary import Summary, summarise
from .wording import quantity

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

__all__ = ["Row", "measure"]

ROUNDS = 15
BATCH_SECONDS = 0.3  # calls are repeated until they take as long: a moment in which another program runs counts less


@dataclass(frozen=True)
class Row:
    """What was found of a kernel."""

    kernel: str
    seconds: Summary  # of a call on one worker
    workers: Summary  # speed-up by two
    processes: Summary  # how much more two processes do than one
    reached: Summary  # the first over the second


def measure(kernel: str, size: str, rounds: int = ROUNDS, least: float = BATCH_SECONDS) -> Row:
    """Let one worker, two workers and two processes take turns."""
    call = PROBLEMS[kernel].make(size)
    calls(kernel, call, 1, 2)  # the first ones make the pages that results are written to
    batch = ceil(least / calls(kernel, call, 1, 1))
    order = random.Random(0)  # noqa: S311 - it shuffles
    alone, ratios = [], []
    with another_process(kernel, size) as other:

        def at_once() -> float:
            other.send(batch)
            ours = calls(kernel, call, 1, batch)
            return took["one"] / ours + took["other"] / float(other.recv())

        def elsewhere() -> float:
            other.send(batch)
            return float(other.recv())

        for _ in range(rounds):
            turns = {
                "one": lambda: calls(kernel, call, 1, batch),
                "two": lambda: calls(kernel, call, 2, batch),
                "other": elsewhere,
            }
            took = {name: turns[name]() for name in order.sample(sorted(turns), len(turns))}
            alone.append(took["one"] / batch)
            ratios.append((took["one"] / took["two"], at_once()))
    return Row(
        kernel,
        summarise(alone),
        summarise([two for two, _ in ratios]),
        summarise([limit for _, limit in ratios]),
        summarise([two / limit for two, limit in ratios]),
    )


def calls(kernel: str, call: Call, workers: int, count: int) -> float:
    """Return how long so many calls take."""
    function = KERNELS[kernel].functions[0]
    start = time.perf_counter()
    for _ in range(count):
        call(function, workers=workers, release_gil=True)
    return time.perf_counter() - start


@contextmanager
def another_process(kernel: str, size: str) -> Iterator["Connection[Any, Any]"]:
    """Have a process that makes as many calls as it is told, and answers how long they took."""
    context = get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=answer, args=(there, kernel, size), daemon=True)
    process.start()
    there.close()
    try:
        here.recv()
        yield here
        here.send(0)
    finally:
        here.close()
        process.join()


def answer(told: "Connection[Any, Any]", kernel: str, size: str) -> None:
    """Be that process."""
    call = PROBLEMS[kernel].make(size)
    told.send(calls(kernel, call, 1, 2))
    while count := told.recv():
        told.send(calls(kernel, call, 1, count))


def shown(row: Row) -> str:
    """Return a line of the table."""

    def about(summary: Summary, unit: str = " ×", scale: float = 1.0, digits: int = 2) -> str:
        low, middle, high = (f"{scale * value:.{digits}f}" for value in (summary.low, summary.median, summary.high))
        return f"{middle}{unit} [{low} – {high}]"

    cells = (
        f"`{row.kernel}`", quantity(row.seconds.median), about(row.workers), about(row.processes),
        about(row.reached, " %", 100, 0),
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    size, *kernels = sys.argv[1:] or ["medium"]
    print("| | One call | Two workers | Two processes | Of these |\n|---|---:|---:|---:|---:|")
    for kernel in kernels or KERNELS:
        print(shown(measure(kernel, size)), flush=True)


if __name__ == "__main__":
    main()
