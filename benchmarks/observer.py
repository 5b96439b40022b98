"""What observing costs, and how true it is: ``python -m gilfree.benchmarks.observer``.

The cost is that of blocks of work under an observer over that of the same blocks without one, taken in turns. Besides
our own observer these are, where they are installed, gilknocker, which takes the GIL to see how long it waits for it,
and, on Python 3.15, the standard library's sampling profiler, which reads this process's memory from another.

The truth comes from an extension module that holds and releases the GIL for times that it measures itself.
"""

import hashlib
import math
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import gilfree
from gilfree.observe import Prober

from .known import build_known
from .summary import summarise

ROUNDS = 61
ATTACHED_ROUNDS = 7  # seconds each
BLOCK_SECONDS = 0.04
ATTACHED_SECONDS = 3
MS, US = 1_000_000, 1_000

# Hold and release in nanoseconds, and how often.
KNOWN = [
    (500 * US, 9 * MS, 1),
    (1 * MS, 1 * MS, 5),
    (3 * MS, 500 * US, 3),
    (10 * US, 90 * US, 100),
    (10 * US, 180 * US, 1),
    (10 * US, 10 * US, 10),
    (90 * US, 20 * US, 1),
]


def loop() -> None:
    """Compute in Python."""
    total = 0
    for number in range(200_000):
        total += number


def two_loops() -> None:
    """Compute in Python, in two threads that hand the GIL over to each other."""
    other = threading.Thread(target=loop)
    other.start()
    loop()
    other.join()


def arrays() -> None:
    """Compute in NumPy: calls that release the GIL for long, for short, often, and not at all."""
    a = ARRAY
    np.sort(a)
    np.histogram(a, 50)
    for _ in range(20):
        np.dot(a, a)
        np.cumsum(a)
        a @ a
        a + a


def digests() -> None:
    """Release the GIL for a few microseconds each time: the worst case."""
    for _ in range(2000):
        hashlib.sha256(BLOCK)


ARRAY = np.random.default_rng(1).random(50_000)
BLOCK = bytes(4096)
WORKLOADS = [loop, two_loops, arrays, digests]


@contextmanager
def knocking(**options: int) -> Iterator[None]:
    """Have gilknocker watch."""
    from gilknocker import KnockKnock  # noqa: PLC0415 - an optional peer

    knocker = KnockKnock(**options)
    knocker.start()
    try:
        yield
    finally:
        knocker.stop()


@contextmanager
def profiled() -> Iterator[None]:
    """Have the standard library's profiler sample who holds the GIL, from another process."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "profiling.sampling", "attach", "--mode", "gil", "-d", str(ATTACHED_SECONDS)]
        command += ["--collapsed", "-o", str(Path(folder) / "out"), str(os.getpid())]
        profiler = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        time.sleep(1.0)  # until it samples
        try:
            yield
        finally:
            still_there = profiler.poll() is None
            out, _ = profiler.communicate(timeout=60)
            if not still_there or profiler.returncode:
                raise RuntimeError(f"profiling.sampling: {out.strip()[-300:]}")


def observers() -> dict[str, Callable[[], AbstractContextManager[Any]]]:
    """Return all that there are here."""
    found: dict[str, Callable[[], AbstractContextManager[Any]]] = {"gilfree.observe()": gilfree.observe}
    try:
        import gilknocker  # noqa: F401, PLC0415
    except ImportError:
        pass
    else:
        found["gilknocker, as it comes"] = knocking
        found["gilknocker, each 100 µs"] = lambda: knocking(polling_interval_micros=100)
    if sys.version_info >= (3, 15):
        found["profiling.sampling"] = profiled
    return found


def seconds(work: Callable[[], object], times: int) -> float:
    """Time a block."""
    start = time.perf_counter()
    for _ in range(times):
        work()
    return time.perf_counter() - start


def costs(work: Callable[[], object], how: dict[str, Callable[[], AbstractContextManager[Any]]]) -> dict[str, str]:
    """Return in words what each observer adds to the work's time."""
    seconds(work, 3)
    times = max(1, round(BLOCK_SECONDS / min(seconds(work, 1) for _ in range(5))))
    ratios: dict[str, list[float]] = {name: [] for name in how}
    best: dict[str, list[float]] = {name: [math.inf, math.inf] for name in how}
    failed: dict[str, str] = {}
    dice = random.Random(1)  # noqa: S311 - it shuffles
    for turn in range(ROUNDS):
        names = [name for name in how if name not in failed]
        dice.shuffle(names)
        for name in names:
            if how[name] is profiled and turn >= ATTACHED_ROUNDS:
                continue
            # Watched between two that are not, so that a machine that becomes slower or faster meets both.
            before = seconds(work, times)
            try:
                with how[name]():
                    watched = seconds(work, times)
            except RuntimeError as error:
                failed[name] = str(error)
                continue
            after = seconds(work, times)
            ratios[name].append(watched / ((before + after) / 2))
            best[name] = [min(best[name][0], watched), min(best[name][1], before, after)]
    words = {}
    for name, values in ratios.items():
        if name in failed:
            words[name] = f"failed: {failed[name]}"
        else:
            found = summarise(values)
            shortest = best[name][0] / best[name][1] - 1
            words[name] = f"{found.median - 1:+.1%} [{found.low - 1:+.1%} – {found.high - 1:+.1%}]   {shortest:+.1%}"
    return words


def truths() -> None:
    """Print what probes find beside what is true."""
    with tempfile.TemporaryDirectory() as folder:
        known = build_known(Path(folder))
        prober = Prober(threads=(1,))
        print(f"{'held, released, rounds':24}{'call':>9}{'true':>17}{'found':>8}{'off':>8}  releases   longest")
        for hold, release, rounds in KNOWN:
            results: list[tuple[int, ...]] = []
            found = prober.probe(lambda h=hold, r=release, n=rounds, to=results: to.append(known.work(h, r, n)))
            least, most, _, _, all_time, _ = (sum(column) for column in zip(*results[1:], strict=True))
            low, high = least / all_time, most / all_time
            off = min(0.0, found.held - low) or max(0.0, found.held - high)
            longest = sum(max(result[which] for result in results[1:]) for which in (2, 3)) / 2e9
            label = f"{hold / 1e6:g} ms, {release / 1e6:g} ms, {rounds}"
            ratio = math.nan if found.longest_hold is None else found.longest_hold / longest
            print(
                f"{label:24}{found.seconds * 1e3:6.2f} ms{low:8.2%} –{high:7.2%}{found.held:8.2%}{off:+8.2%}"
                f"  {found.releases!s:>8}  {ratio:7.2f}×"
            )
        print(f"mechanism: {found.mechanism}; Python {sys.version.split()[0]}")


def main() -> None:
    """Print both tables."""
    truths()
    how = observers()
    for work in WORKLOADS:
        print(f"\n{(work.__doc__ or '').strip()}")
        for name, words in costs(work, how).items():
            print(f"  {name:26} {words}")
    print(
        f"\nmedian of {ROUNDS} rounds, 95 % confidence interval; and the shortest block that was watched, against the "
        "shortest that was not, which other processes disturb less"
    )


if __name__ == "__main__":
    main()
