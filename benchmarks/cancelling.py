"""How soon kernels stop, and what else runs meanwhile: ``python -m gilfree.benchmarks.cancelling``.

Prints for each kernel, as users call it, how long after `cancel()` of its scope the call had raised in another thread;
then how long an asyncio loop was kept from its other tasks at the worst while a kernel ran through `gilfree.to_thread`,
once with the GIL released and once with it held.

`gilfree.benchmarks.polling` measures the first of the compiled functions alone, and what the polls cost.
"""

import asyncio
import random
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

import gilfree
from gilfree.kernels import KERNELS

from .problems import PROBLEMS

CANCELS = 100
BEAT_SECONDS = 0.001
BEATING_SECONDS = 0.3


def prepared(kernel: str, size: str, **options: Any) -> Callable[[], object]:  # noqa: ANN401
    """Return a call of this size."""
    call, function = PROBLEMS[kernel].make(size), KERNELS[kernel].functions[0]
    return lambda: call(function, **options)


def latencies(call: Callable[[], object], dice: random.Random) -> list[float]:
    """Return how long after they were cancelled, at random moments, so many calls had raised, sorted."""
    delays = []
    for _ in range(CANCELS):
        ended = [0.0]
        begun = threading.Event()

        def work(ended: list[float] = ended, begun: threading.Event = begun) -> None:
            begun.set()
            try:
                while True:
                    call()
            except gilfree.Cancelled:
                ended[0] = time.perf_counter()

        with gilfree.cancel_scope() as scope:
            thread = threading.Thread(target=scope.run, args=(work,))
            thread.start()
            begun.wait()
            time.sleep(dice.uniform(0.002, 0.03))
            cancelled = time.perf_counter()
            scope.cancel()
            thread.join()
        delays.append(ended[0] - cancelled)
    return sorted(delays)


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


def main() -> None:
    """Print both tables."""
    dice = random.Random(1)  # noqa: S311 - it picks moments
    print(f"from cancel() to the end of the call, {CANCELS} times, in ms")
    print(f"  {'':20} {'median':>8} {'99 %':>8} {'longest':>8}")
    everything = []
    for kernel in KERNELS:
        delays = latencies(prepared(kernel, "large"), dice)
        everything += delays
        late = delays[int(0.99 * (CANCELS - 1))]
        print(f"  {kernel:20} {statistics.median(delays) * 1e3:8.2f} {late * 1e3:8.2f} {delays[-1] * 1e3:8.2f}")
    everything.sort()
    print(
        f"  {'all':20} {statistics.median(everything) * 1e3:8.2f} {everything[int(0.99 * len(everything))] * 1e3:8.2f}"
    )
    print("\nthe event loop's longest gap while medium calls run in a thread, in ms")
    print(f"  {'':20} {'released':>8} {'held':>8}")
    for kernel in KERNELS:
        gaps = [asyncio.run(longest_gap(prepared(kernel, "medium", release_gil=release))) for release in (True, False)]
        print(f"  {kernel:20} {gaps[0] * 1e3:8.1f} {gaps[1] * 1e3:8.1f}")


if __name__ == "__main__":
    main()
