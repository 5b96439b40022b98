"""asyncio: many waits at once on one thread, as long as nobody computes on it.

A thousand coroutines wait for a tenth of a second each. Then a heartbeat, a coroutine that wants to run each
millisecond, shows how long the event loop stands still while something computes: in a coroutine, and by
`asyncio.to_thread` in a kernel that holds the GIL and in the same one releasing it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

from gilfree.info import gil_enabled

from .claim import Claim, Judgement, all_of, figure, judge
from .measuring import ROUNDS, compute_in_python, compute_released

__all__ = ["CLAIM"]

WAITS = 1000
WAIT_SECONDS = 0.1
BEAT_SECONDS = 0.001
# A thousand waits at once should take hardly longer than one. Where they take less than a tenth of their sum, they
# surely overlap; where the loop stands still for more than half of a computation, that blocks it.
OVERLAP = 10
BLOCKED = 0.5


def experiment() -> dict[str, Any]:
    """Time many waits, and a heartbeat beside computations."""
    return {
        "waits": [asyncio.run(wait()) for _ in range(ROUNDS)],
        "in the loop": gaps(in_the_loop),
        "held": gaps(lambda: asyncio.to_thread(compute_released, 2, release_gil=False)),
        "released": gaps(lambda: asyncio.to_thread(compute_released, 2)),
        "gil": gil_enabled(),
    }


async def wait() -> float:
    """Return how long it takes to wait many times at once."""
    start = time.perf_counter()
    await asyncio.gather(*(asyncio.sleep(WAIT_SECONDS) for _ in range(WAITS)))
    return time.perf_counter() - start


async def in_the_loop() -> None:
    """Compute in a coroutine, that is, in the event loop's thread."""
    compute_in_python(2)


def gaps(work: Callable[[], Awaitable[None]]) -> list[float]:
    """Return the longest time without a heartbeat, as a share of the time that the work took, in each round."""
    return [asyncio.run(beside_a_heartbeat(work)) for _ in range(ROUNDS + 1)][1:]  # the first one warms up


async def beside_a_heartbeat(work: Callable[[], Awaitable[None]]) -> float:
    """Return the same for one round."""
    beats = [time.perf_counter()]

    async def beat() -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            beats.append(time.perf_counter())

    heart = asyncio.create_task(beat())
    await asyncio.sleep(5 * BEAT_SECONDS)
    start = time.perf_counter()
    await work()
    end = time.perf_counter()
    await asyncio.sleep(5 * BEAT_SECONDS)
    heart.cancel()
    longest = max(later - earlier for earlier, later in pairwise(beats))
    return longest / (end - start)


def rule(measured: dict[str, Any]) -> Judgement:
    """Demand that the waits overlap, and that a computation in a coroutine stops the heartbeat."""
    overlap = figure(f"{WAITS} waits, overlap", [WAITS * WAIT_SECONDS / waited for waited in measured["waits"]], "×")
    blocked, held, released = (
        figure(f"loop stands still, {words}", measured[name], "%")
        for name, words in (
            ("in the loop", "work in a coroutine"),
            ("held", "to_thread, GIL held"),
            ("released", "to_thread, GIL released"),
        )
    )
    cure = " In a thread that releases the GIL, it does not." if released.below(BLOCKED) else ""
    return judge(
        all_of(overlap.above(OVERLAP), blocked.above(BLOCKED)),
        {
            True: f"Waits overlap, and computing in a coroutine stops everything else.{cure}",
            False: "Waits did not overlap, or the loop went on while a coroutine computed.",
            None: "The figures are too noisy.",
        },
        [overlap, blocked, held, released],
    )


CLAIM = Claim(
    "asyncio-loop",
    "asyncio overlaps I/O on one thread; CPU work blocks its loop.",
    experiment,
    rule,
)
