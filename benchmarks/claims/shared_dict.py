"""Threads that write to one dict, and to one counter, without a lock.

Three writers put their names under the same keys. Which of them comes last differs from key to key and from run to run,
but no key is lost. Then they count together: once by `+= 1`, once by reading, calling a function and writing, and once
more like that with a lock.
"""

import threading
from collections.abc import Callable
from typing import Any

from gilfree.info import gil_enabled

from .claim import Claim, Judgement, all_of, figure, judge

__all__ = ["CLAIM"]

WRITERS = 3
KEYS = 100_000
RUNS = 6
TIMES = 300_000


def experiment() -> dict[str, Any]:
    """Let three threads write, and let them count."""
    wins = [who_wins() for _ in range(RUNS)]
    return {
        "gil": gil_enabled(),
        "keys lost": sum((WRITERS + 1) * KEYS - run["keys"] for run in wins),
        "wins": [run["wins"] for run in wins],
        "lost": {name: WRITERS * TIMES - counted(way) for name, way in WAYS.items()},
        "counted": WRITERS * TIMES,
    }


def together(write: Callable[[int], None]) -> None:
    """Run the writers, who all start at the same moment."""
    start = threading.Barrier(WRITERS)

    def run(writer: int) -> None:
        start.wait()
        write(writer)

    threads = [threading.Thread(target=run, args=(writer,)) for writer in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def who_wins() -> dict[str, Any]:
    """Let the writers write under the same keys, and each under some of its own; return how often each came last."""
    shared: dict[Any, int] = {}

    def write(writer: int) -> None:
        for key in range(KEYS):
            shared[key] = writer
            shared[writer, key] = writer

    together(write)
    wins = [0] * WRITERS
    for key in range(KEYS):
        wins[shared[key]] += 1
    return {"keys": len(shared), "wins": wins}


class Counter:
    """Something to count with."""

    def __init__(self) -> None:
        self.count = 0
        self.lock = threading.Lock()


def one() -> int:
    """Return what is added: a call, in the middle of which another thread may get its turn."""
    return 1


def add(counter: Counter) -> None:
    """Count by += 1."""
    counter.count += 1


def read_and_write(counter: Counter) -> None:
    """Count by reading, calling a function, and writing."""
    count = counter.count
    counter.count = count + one()


def with_lock(counter: Counter) -> None:
    """Do the same while holding a lock."""
    with counter.lock:
        read_and_write(counter)


WAYS = {"+= 1": add, "read, call, write": read_and_write, "read, call, write, with a lock": with_lock}


def counted(way: Callable[[Counter], None]) -> int:
    """Return the count after all writers counted in this way."""
    counter = Counter()

    def write(_: int) -> None:
        for _ in range(TIMES):
            way(counter)

    together(write)
    return counter.count


def rule(measured: dict[str, Any]) -> Judgement:
    """Demand that winners differ and updates get lost, but no key, and no update under a lock."""
    keys, lost, wins = measured["keys lost"], measured["lost"], measured["wins"]
    # Luck may have it that nobody gets in anybody's way: that proves nothing.
    differ = len({tuple(run) for run in wins}) > 1 or None
    careless = any(count > 0 for name, count in lost.items() if "lock" not in name) or None
    careful = lost["read, call, write, with a lock"] == 0
    keeper = "The GIL" if measured["gil"] else "A lock in each dict, for there is no GIL,"
    shares = [figure(f"updates lost, {name}", count / measured["counted"], "%") for name, count in lost.items()]
    first = [run[0] / sum(run) for run in wins]
    return judge(
        all_of(keys == 0, careful, differ, careless),
        {
            True: f"{keeper} keeps the dict whole, but who writes last changes and updates get lost without a lock.",
            False: "Keys were lost." if keys else "Updates were lost in spite of the lock.",
            None: "No two threads ever got in each other's way.",
        },
        [
            figure("keys lost", keys, ""),
            figure(f"different outcomes in {len(wins)} runs", len({tuple(run) for run in wins}), ""),
            figure("keys where the first writer came last", first, "%"),
            *shares,
        ],
    )


CLAIM = Claim(
    "shared-dict",
    "Without a lock, threads updating one dict interleave unpredictably; Python keeps the dict whole, not your logic.",
    experiment,
    rule,
)
