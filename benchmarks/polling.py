"""What it costs that a kernel can be stopped, and how soon it stops: ``python -m gilfree.benchmarks.polling [FOLDER]``.

Prints for each kernel how long after a flag was set the call was over. With the folder of a build that can make each
poll many times over it also prints what polling costs. That build is made like this::

    GILFREE_BUILD=repeated-polls python setup.py build_ext --build-lib FOLDER --build-temp FOLDER/temp

How many times is a variable of it. So the same machine code is timed with one poll and with many, and what one costs is
the difference over their number. To compare a build that polls with one that does not says less: where the compiler
happens to put the loops alone makes differences of several per cent, either way. All that polls are made of is
repeated, the counting that leads to them included. Calls are made on the main thread, where polls look for signals too.
"""

import ctypes
import random
import statistics
import sys
import threading
import time
from array import array
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import gilfree
from gilfree import _kernels
from gilfree.kernels import KERNELS

from .extensions import load_extension
from .problems import PROBLEMS

STOPS = 200
ROUNDS = 21
POLLS = 101


def with_repeated_polls(folder: Path) -> tuple[ModuleType, ctypes.c_int]:
    """Load the module of the level in use from such a build; return it and how many times it makes a poll."""
    [path] = folder.glob(str(Path(_kernels.__file__ or "").relative_to(Path(gilfree.__file__).parents[1])))
    return load_extension("gilfree._kernels", path), ctypes.c_int.in_dll(ctypes.CDLL(str(path)), "gilfree_polls")


class CaughtError(Exception):
    """What a kernel was about to hand on to its core."""


def arguments(kernel: str, size: str) -> tuple[str, tuple[Any, ...]]:
    """Return the name of the compiled function that a call of this size leads to, and what it is given."""

    def catch(work: Any, *_: object, **__: object) -> None:  # noqa: ANN401
        raise CaughtError(work)

    # Which of the two calls it depends on what the kernel returns. By itself, a thread would take a shorter way. Of
    # `smooth_mesh` this is one iteration, which can be made again and again with what it is given; where threads share
    # in all of them, what they are given says that all is done.
    with (
        patch("gilfree.kernels._arrays.share", catch),
        patch(f"gilfree.kernels.{kernel}.share", catch, create=True),
    ):
        try:
            PROBLEMS[kernel].make(size)(KERNELS[kernel].functions[0], workers=map)
        except CaughtError as caught:
            [work] = caught.args
            return work.core, (*work.inputs, *work.outputs)
    raise RuntimeError(f"{kernel}: the call came to no core")


def seconds(module: ModuleType, core: str, given: tuple[Any, ...], **options: object) -> float:
    """Time one call."""
    start = time.perf_counter()
    getattr(module, core)(*given, **options)
    return time.perf_counter() - start


def cost(kernel: str, module: ModuleType, polls: ctypes.c_int) -> tuple[float, float]:
    """Return the time of a call, and what a single poll each time takes, as a share of it."""
    core, given = arguments(kernel, "medium")
    flag = array("i", [0])
    pairs = []
    for turn in range(ROUNDS):
        times = {}
        for polls.value in (1, POLLS) if turn % 2 else (POLLS, 1):
            times[polls.value] = seconds(module, core, given, stop=flag)
        pairs.append((times[1], times[POLLS]))
    more = statistics.median(many / once for once, many in pairs) - 1
    return statistics.median(once for once, _ in pairs), more / (POLLS - 1)


def latencies(kernel: str) -> list[float]:
    """Return how long after the flag was set each of many calls was over, sorted."""
    core, given = arguments(kernel, "large")
    dice = random.Random(1)  # noqa: S311 - it picks moments
    delays: list[float] = []
    while len(delays) < STOPS:
        flag, moments = array("i", [0]), [0.0]

        def stop(flag: "array[int]" = flag, moments: list[float] = moments) -> None:
            moments[0] = time.perf_counter()
            _kernels.stop(flag)

        timer = threading.Timer(dice.uniform(0.002, 0.03), stop)
        timer.start()
        try:
            while not flag[0]:
                getattr(_kernels, core)(*given, stop=flag)
        except gilfree.Cancelled:
            delays.append(time.perf_counter() - moments[0])
        timer.join()
    return sorted(delays)


def main() -> None:
    """Print both tables."""
    if len(sys.argv) > 1:
        module, polls = with_repeated_polls(Path(sys.argv[1]))
        print("cost of polling")
        for kernel in KERNELS:
            whole, share = cost(kernel, module, polls)
            print(f"  {kernel:20} {whole * 1e3:8.2f} ms a call  {share:8.3%}")
    print(f"from the flag to the end of the call, {STOPS} times")
    for kernel in KERNELS:
        delays = latencies(kernel)
        median, late, last = (delays[int(share * (STOPS - 1))] * 1e3 for share in (0.5, 0.99, 1))
        print(f"  {kernel:20} median {median:6.2f} ms   99 % {late:6.2f} ms   longest {last:6.2f} ms")


if __name__ == "__main__":
    main()
