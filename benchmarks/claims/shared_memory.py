"""Memory that two processes share: no copies, but it takes locks.

A block of memory is handed to another process, once by its name, once pickled. Then two processes add to one number in
such a block: without a lock, with one, and as often in one process to see what the lock costs.
"""

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.shared_memory import SharedMemory
from typing import Any, cast

from .claim import Claim, Judgement, all_of, figure, judge
from .measuring import SOME, need_cpus, process_pool, take_turns

__all__ = ["CLAIM"]

BLOCK_BYTES = 16_000_000
TIMES = 300_000
TIMES_WITH_LOCK = 30_000


def experiment() -> dict[str, Any]:
    """Hand memory over, and count in it."""
    need_cpus(SOME)
    return {
        "seconds": handing_over(),
        "unlocked": counted(count, TIMES),
        "locked": counted(count_with_lock, TIMES_WITH_LOCK),
    }


def handing_over() -> dict[str, list[float]]:
    """Time handing memory to a process by name, and pickled."""
    block = SharedMemory(create=True, size=BLOCK_BYTES)
    data = bytes(BLOCK_BYTES)
    try:
        with process_pool(1) as pool:
            return take_turns(
                {
                    "pickled": lambda: pool.submit(last_of, data).result(),
                    "shared": lambda: pool.submit(last_of_shared, block.name).result(),
                }
            )
    finally:
        block.close()
        block.unlink()


def last_of(data: bytes) -> int:
    """Return the last byte."""
    return data[-1]


def last_of_shared(name: str) -> int:
    """Return the last byte of a block of that name."""
    block = SharedMemory(name)
    try:
        return int(view(block)[BLOCK_BYTES - 1])
    finally:
        block.close()


def view(block: SharedMemory) -> "memoryview[int]":
    """Return a block's bytes; there are none only after it was closed."""
    return cast("memoryview[int]", block.buf)


def counted(way: Callable[..., None], times: int) -> dict[str, Any]:
    """Let processes count in the same memory; return the count and how long one of them takes for one, in seconds."""
    context = multiprocessing.get_context("spawn")
    block = SharedMemory(create=True, size=8)
    try:
        lock, start = context.Lock(), context.Barrier(SOME)
        spent = context.SimpleQueue()
        processes = [context.Process(target=way, args=(block.name, times, lock, start, spent)) for _ in range(SOME)]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        with view(block).cast("q") as numbers:
            return {
                "count": numbers[0],
                "wanted": SOME * times,
                "seconds": max(spent.get() for _ in processes) / (SOME * times),
            }
    finally:
        block.close()
        block.unlink()


def count(name: str, times: int, lock: Any, start: Any, spent: Any) -> None:  # noqa: ANN401, ARG001
    """Count without the lock."""
    block = SharedMemory(name)
    with view(block).cast("q") as numbers:
        start.wait()
        begun = time.perf_counter()
        for _ in range(times):
            numbers[0] += 1
        spent.put(time.perf_counter() - begun)
    block.close()


def count_with_lock(name: str, times: int, lock: Any, start: Any, spent: Any) -> None:  # noqa: ANN401
    """Count with the lock."""
    block = SharedMemory(name)
    with view(block).cast("q") as numbers:
        start.wait()
        begun = time.perf_counter()
        for _ in range(times):
            with lock:
                numbers[0] += 1
        spent.put(time.perf_counter() - begun)
    block.close()


def rule(measured: dict[str, Any]) -> Judgement:
    """Demand that handing memory over by name is faster, and that counting is right with a lock only."""
    seconds, unlocked, locked = measured["seconds"], measured["unlocked"], measured["locked"]
    gain = figure(
        "16 MB handed to a process, pickled / by name",
        [a / b for a, b in zip(seconds["pickled"], seconds["shared"], strict=True)],
        "×",
    )
    lost = [figure(f"lost {how}", 1 - of["count"] / of["wanted"], "%") for how, of in named(unlocked, locked)]
    price = [figure(f"an addition {how}", of["seconds"], "s") for how, of in named(unlocked, locked)]
    careless = unlocked["count"] < unlocked["wanted"] or None  # that none was lost would prove nothing
    careful = locked["count"] == locked["wanted"]
    return judge(
        all_of(gain.above(1.0), careful, careless),
        {
            True: "Nothing is copied; without a lock additions get lost, with one none, at a price.",
            False: "Additions were lost in spite of the lock." if not careful else "It was no faster than pickling.",
            None: "The figures are too noisy, or nobody got in anybody's way.",
        },
        [gain, *lost, *price],
    )


def named(unlocked: dict[str, Any], locked: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return both with their names."""
    return [("without a lock", unlocked), ("with a lock", locked)]


CLAIM = Claim(
    "shared-memory",
    "Shared memory avoids the copies but needs locks.",
    experiment,
    rule,
)
