"""How soon kernels stop, and what else runs meanwhile: ``python -m gilfree.benchmarks.cancelling``.

Prints for each kernel, as users call it, how long after `cancel()` of its scope the call had raised in another thread;
how long after Ctrl-C, which is SIGINT, it had raised in the main one; then how long an asyncio loop was kept from its
other tasks at the worst while a kernel ran through `gilfree.to_thread`, with the GIL released and with it held.

On a machine that has other work, a thread that was told to stop may have to wait for a CPU before it can; the CPU time
that it takes from there on is the kernel's own share. POSIX only.

`gilfree.benchmarks.polling` measures the first of the compiled functions alone, and what the polls cost.
"""

import asyncio
import os
import random
import signal
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

import gilfree
from gilfree.kernels import KERNELS

from .problems import PROBLEMS

CANCELS = 100
INTERRUPTS = 20
BEAT_SECONDS = 0.001
BEATING_SECONDS = 0.3


def prepared(kernel: str, size: str, **options: Any) -> Callable[[], object]:  # noqa: ANN401
    """Return a call of this size."""
    call, function = PROBLEMS[kernel].make(size), KERNELS[kernel].functions[0]
    return lambda: call(function, **options)


def latencies(call: Callable[[], object], dice: random.Random) -> tuple[list[float], list[float]]:
    """Cancel a repeated call at random moments. Return how long after that it had raised, and computed, both sorted."""
    waits, computed = [], []
    for _ in range(CANCELS):
        ends = [0.0, 0.0]
        begun = threading.Event()

        def work(ends: list[float] = ends, begun: threading.Event = begun) -> None:
            begun.set()
            try:
                while True:
                    call()
            except gilfree.Cancelled:
                ends[:] = time.perf_counter(), time.thread_time()

        with gilfree.cancel_scope() as scope:
            thread = threading.Thread(target=scope.run, args=(work,))
            thread.start()
            begun.wait()
            clock = time.pthread_getcpuclockid(thread.ident or 0)
            time.sleep(dice.uniform(0.002, 0.03))
            starts = time.perf_counter(), time.clock_gettime(clock)
            scope.cancel()
            thread.join()
        waits.append(ends[0] - starts[0])
        computed.append(ends[1] - starts[1])
    return sorted(waits), sorted(computed)


def interrupts(call: Callable[[], object], dice: random.Random) -> list[float]:
    """Interrupt a repeated call at random moments. Return how long after that it had raised, sorted."""
    waits = []
    for _ in range(INTERRUPTS):
        start = [0.0]

        def press(start: list[float] = start) -> None:
            start[0] = time.perf_counter()
            os.kill(os.getpid(), signal.SIGINT)

        timer = threading.Timer(dice.uniform(0.01, 0.2), press)
        try:
            timer.start()
            while True:
                call()
        except KeyboardInterrupt:
            waits.append(time.perf_counter() - start[0])
        timer.join()
    return sorted(waits)


async def longest_gap(call: Callable[[], object]) -> float:
    """Return the longest time between two turns of a task that wants one each millisecond, while the call repeats."""

    async def repeat() -> None:
        while True:
            await gilfree.to_thread(call)

    running = asyncio.create_task(repeat())
    gap, last = 0.0, time.perf_counter()
    end = last + BEATING_SECONDS
    while last < end:
        await asyncio.sleep(BEAT_SECONDS)
        now = time.perf_counter()
        gap, last = max(gap, now - last - BEAT_SECONDS), now
    running.cancel()
    await asyncio.wait([running])
    return gap


def row(name: str, waits: list[float], computed: list[float]) -> str:
    """Return a line of the first table."""
    late, busy = (times[int(0.99 * (len(times) - 1))] * 1e3 for times in (waits, computed))
    times = f"{statistics.median(waits) * 1e3:8.2f} {late:8.2f} {waits[-1] * 1e3:8.2f}"
    return f"  {name:20} {times}   {busy:8.2f} {computed[-1] * 1e3:8.2f}"


def main() -> None:
    """Print the tables."""
    dice = random.Random(1)  # noqa: S311 - it picks moments
    print(f"from cancel() to the end of the call, {CANCELS} times, in ms; and the CPU time that it took")
    print(f"  {'':20} {'median':>8} {'99 %':>8} {'longest':>8}   {'CPU 99 %':>8} {'longest':>8}")
    everything: list[list[float]] = [[], []]
    for kernel in KERNELS:
        waits, computed = latencies(prepared(kernel, "large"), dice)
        print(row(kernel, waits, computed))
        everything[0] += waits
        everything[1] += computed
    print(row("all", *map(sorted, everything)))
    print(f"\nfrom Ctrl-C to the end of the call, {INTERRUPTS} times, in ms")
    print(f"  {'':20} {'released':>17} {'held':>17}")
    print(f"  {'':20} {'median':>8} {'longest':>8} {'median':>8} {'longest':>8}")
    for kernel in KERNELS:
        found = [interrupts(prepared(kernel, "large", release_gil=release), dice) for release in (True, False)]
        print(f"  {kernel:20} " + " ".join(f"{statistics.median(w) * 1e3:8.1f} {w[-1] * 1e3:8.1f}" for w in found))
    print("\nthe event loop's longest gap while medium calls run in a thread, in ms")
    print(f"  {'':20} {'released':>8} {'held':>8}")
    for kernel in KERNELS:
        gaps = [asyncio.run(longest_gap(prepared(kernel, "medium", release_gil=release))) for release in (True, False)]
        print(f"  {kernel:20} {gaps[0] * 1e3:8.1f} {gaps[1] * 1e3:8.1f}")


if __name__ == "__main__":
    main()
