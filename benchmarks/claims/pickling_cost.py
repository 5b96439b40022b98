"""Arguments and results of another process have to be pickled; threads share them.

Bytes of several sizes go to a worker and come back. What the process takes longer than the thread is the price of the
way; a chunk of work has to be longer than the break-even to be faster in two processes than here. An object that notes
when it is pickled tells who pickles at all.
"""

from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from typing import Any

from .claim import Claim, Judgement, all_of, figure, judge
from .measuring import SOME, process_pool, take_turns

__all__ = ["CLAIM"]

SIZES = (1_000, 100_000, 1_000_000, 16_000_000)
GROWTH = 3  # from the smallest to the largest: more than this is a price for size


class Tattler:
    """Something that notes when it is pickled."""

    pickled = 0

    def __reduce__(self) -> tuple[type["Tattler"], tuple[()]]:
        """Note it."""
        Tattler.pickled += 1
        return Tattler, ()


def experiment() -> dict[str, Any]:
    """Send bytes to and fro."""
    with process_pool(1) as process, ThreadPoolExecutor(1) as thread:
        workers: dict[str, Executor] = {"process": process, "thread": thread}
        ways = {
            f"{name} {size}": partial(to_and_fro, worker, bytes(size))
            for name, worker in workers.items()
            for size in SIZES
        }
        seconds = take_turns(ways, 11)
        pickled = {name: times_pickled(worker) for name, worker in workers.items()}
    return {"seconds": seconds, "pickled": pickled}


def give_back(thing: object) -> object:
    """Return what is given."""
    return thing


def to_and_fro(worker: Executor, thing: object) -> None:
    """Send something to a worker, and have it sent back."""
    worker.submit(give_back, thing).result()


def times_pickled(worker: Executor) -> int:
    """Return how often an object is pickled here when it is given to the worker."""
    Tattler.pickled = 0
    to_and_fro(worker, Tattler())
    return Tattler.pickled


def rule(measured: dict[str, Any]) -> Judgement:
    """Demand that processes pickle, and take longer for more bytes, and that threads do neither."""
    seconds = measured["seconds"]
    smallest, largest = SIZES[0], SIZES[-1]
    growth = {
        name: figure(
            f"{name}, {largest // 1_000_000} MB against {smallest // 1000} kB",
            [a / b for a, b in zip(seconds[f"{name} {largest}"], seconds[f"{name} {smallest}"], strict=True)],
            "×",
        )
        for name in ("process", "thread")
    }
    times = [
        figure(f"{name}, {size / 1e6:g} MB there and back", seconds[f"{name} {size}"], "s")
        for size in SIZES
        for name in ("process", "thread")
    ]
    # On n workers a chunk of c seconds takes c / n and the way w: less than c from w n / (n - 1) on.
    breaks_even = [
        figure(
            f"break-even chunk, {size / 1e6:g} MB, {SOME} processes",
            [
                max(0.0, there - here) * SOME / (SOME - 1)
                for there, here in zip(seconds[f"process {size}"], seconds[f"thread {size}"], strict=True)
            ],
            "s",
        )
        for size in SIZES
    ]
    pickled = measured["pickled"]
    return judge(
        all_of(
            pickled["process"] > 0,
            pickled["thread"] == 0,
            growth["process"].above(GROWTH),
            growth["thread"].below(GROWTH),
        ),
        {
            True: "Processes pickle, the more bytes the longer; threads do not, whatever the size.",
            False: "Processes did not pickle, or size did not matter to them, or it mattered to threads.",
            None: "The figures are too noisy.",
        },
        [
            figure("pickled for a process", pickled["process"], ""),
            figure("pickled for a thread", pickled["thread"], ""),
            *growth.values(),
            *times,
            *breaks_even,
        ],
    )


CLAIM = Claim(
    "pickling-cost",
    "Arguments and results of processes must be pickled, and that costs.",
    experiment,
    rule,
)
