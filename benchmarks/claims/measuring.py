"""What the experiments share: taking turns, running in threads and processes, and whether CPUs were free."""

import multiprocessing
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

from gilfree.workers import cpu_count

from .claim import Answer, Figure, UntestableError, figure

__all__ = [
    "PARALLEL",
    "ROUNDS",
    "SOME",
    "at_once",
    "compute_in_python",
    "compute_released",
    "held_share",
    "in_threads",
    "need_cpus",
    "parallel",
    "process_pool",
    "ratios",
    "speedup_figure",
    "take_turns",
]

ROUNDS = 7
# Two workers who take turns are 1 × as fast as one, and on two free CPUs at best 2 ×. Above this, they ran in parallel.
PARALLEL = 1.3
# Where what is known to run in parallel got no more than this, other programs had the second CPU.
FREE = 1.5
# As many workers as most experiments need, and take even if there are more CPUs.
SOME = 2


def need_cpus(count: int = SOME) -> None:
    """Refuse the experiment where there are too few CPUs to run anything in parallel."""
    usable = cpu_count()
    if usable < count:
        raise UntestableError(f"it takes {count} CPUs, and this process may use {usable}")


def take_turns(ways: Mapping[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Return the seconds that each way took in each round.

    They take turns, in another order each time, so that whatever else goes on in the machine meets all alike.
    """
    names = list(ways)
    for name in names:
        ways[name]()  # to warm up
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            start = time.perf_counter()
            ways[name]()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def ratios(seconds: Mapping[str, Sequence[float]], slower: str, faster: str) -> list[float]:
    """Return how many times as long one took as the other, in each round."""
    return [a / b for a, b in zip(seconds[slower], seconds[faster], strict=True)]


def in_threads(task: Callable[[], object], count: int) -> None:
    """Run the task in so many threads at once, and wait for all of them."""
    with ThreadPoolExecutor(count) as pool:
        for future in [pool.submit(task) for _ in range(count)]:
            future.result()


def at_once(task: Callable[[], object], count: int) -> dict[str, Callable[[], object]]:
    """Return two ways to run the task so often: ``one by one`` and ``in threads``."""
    return {
        "one by one": lambda: [task() for _ in range(count)],
        "in threads": lambda: in_threads(task, count),
    }


def process_pool(workers: int) -> ProcessPoolExecutor:
    """Return a pool of processes that start afresh, as they do on every system."""
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


def compute_in_python(times: int = 1) -> None:
    """Compute for some 50 ms, so many times: a small picture of the Mandelbrot set, in pure Python."""
    from gilfree.kernels.mandelbrot import mandelbrot_pure  # noqa: PLC0415 - where processes start, imports count

    for _ in range(times):
        mandelbrot_pure(32, 24, max_iterations=200)


def compute_released(times: int = 1, *, release_gil: bool = True) -> None:
    """Compute for some 50 ms, so many times: a larger picture, compiled."""
    import gilfree  # noqa: PLC0415

    for _ in range(times):
        gilfree.mandelbrot(1600, 1200, release_gil=release_gil)


def parallel(speedup: Figure, control: Figure) -> Answer:
    """Tell whether something ran in parallel.

    ``control`` is the speed-up of something that surely does. If that got nowhere either, the machine was busy, and
    "no" is no answer.
    """
    found = speedup.above(PARALLEL)
    return None if found is False and control.above(FREE) is not True else found


def held_share(name: str, function: Callable[[], object], seconds: float = 0.2) -> dict[str, Any] | None:
    """Return for what share of a call the GIL is held, by the observer; None where it cannot see that."""
    from gilfree.observe import NotMeasurableError, Prober  # noqa: PLC0415

    try:
        found = Prober(seconds, threads=(1,)).measure(name, function, (), {}, count_cpu=True)
    except NotMeasurableError:
        return None
    return {"share": found.held_by_itself, "mechanism": found.mechanism}


def speedup_figure(name: str, seconds: Mapping[str, Sequence[float]], slower: str, faster: str) -> Figure:
    """Return how many times as fast one way was as the other."""
    return figure(name, ratios(seconds, slower, faster), "×")
