"""Reference counts: many threads count the same object up and down, and no count may get lost.

A count is a number in memory that threads add to. NumPy adds to numbers in memory with the GIL released and with no
other lock, which shows what becomes of such additions: some are lost. With the GIL, reference counts need nothing else
to stay right. Without it they must be kept in another way, and what that costs one thread is shown where both builds of
the same version of Python are installed. The price decides nothing: builds may differ in how they were optimised, too.
"""

import sys
from typing import Any

from gilfree.info import gil_enabled

from . import interpreters
from .claim import Claim, Judgement, all_of, figure, judge
from .measuring import SOME, in_threads, need_cpus

__all__ = ["CLAIM"]

THREADS = 4
TIMES = 20_000
REFERENCES = 100
NUMBERS = 10_000  # NumPy releases the GIL for so many
ADDITIONS = 20_000
PAIRS_OF_RUNS = 7


def experiment() -> dict[str, Any]:
    """Count references in threads; add without protection; compare builds of Python."""
    need_cpus(SOME)
    return {
        "gil": gil_enabled(),
        "miscounted": miscounted(),
        "unprotected": lost_without_protection(),
        "builds": builds(),
    }


def miscounted() -> int:
    """Return by how much an object's reference count is off after threads made and dropped many references."""
    thing = object()

    def count() -> None:
        for _ in range(TIMES):
            references = [thing] * REFERENCES
            references.clear()

    before = sys.getrefcount(thing)
    in_threads(count, THREADS)
    return abs(sys.getrefcount(thing) - before)


def lost_without_protection() -> float:
    """Return the share of additions that is lost if two threads add to the same numbers with no lock at all."""
    import numpy as np  # noqa: PLC0415 - imports count where processes start

    numbers = np.zeros(NUMBERS, np.int64)

    def add() -> None:
        for _ in range(ADDITIONS):
            np.add(numbers, 1, out=numbers)

    in_threads(add, SOME)
    wanted = SOME * ADDITIONS * NUMBERS
    return float(1 - numbers.sum() / wanted)


def builds() -> dict[str, Any] | None:
    """Return times of one thread in both builds of one version, the newest that is found in both."""
    found = interpreters.identities()
    with_gil = {who["version_info"]: path for path, who in found.items() if who["gil"] is True}
    without = {who["version_info"]: path for path, who in found.items() if who["gil"] is False}
    both = sorted(set(with_gil) & set(without))
    if not both:
        return None
    version = both[-1]
    seconds: dict[str, list[float]] = {"with": [], "without": []}
    for _ in range(PAIRS_OF_RUNS):
        seconds["with"].append(interpreters.alone(with_gil[version]))
        seconds["without"].append(interpreters.alone(without[version]))
    names = {"with": found[with_gil[version]]["version"], "without": found[without[version]]["version"]}
    return {"versions": names, "seconds": seconds}


def rule(measured: dict[str, Any]) -> Judgement:
    """Demand right counts with the GIL, where unprotected additions are not; and wrong ones without it."""
    miscounted = figure("references miscounted", measured["miscounted"], "")
    unprotected = figure("additions lost without protection", measured["unprotected"], "%")
    figures = [miscounted, unprotected]
    builds = measured["builds"]
    if builds:
        times = builds["seconds"]
        price = [a / b for a, b in zip(times["without"], times["with"], strict=True)]
        versions = f"{builds['versions']['without']} without a GIL / {builds['versions']['with']}"
        figures.append(figure(f"time of one thread, {versions}", price, "×"))
    right = miscounted.median == 0
    needs = (unprotected.median > 0) or None  # that none was lost proves nothing
    return judge(
        all_of(right, needs) if measured["gil"] else all_of(not right),
        {
            True: "The GIL keeps counts right; additions without any protection get lost."
            if measured["gil"]
            else "Without the GIL, counts are wrong.",
            False: "References were miscounted with the GIL."
            if measured["gil"]
            else "This Python counts references right without a GIL, so they do not take one.",
            None: "No addition was lost even without protection.",
        },
        figures,
    )


CLAIM = Claim(
    "reference-counts",
    "Reference counts are why there is a GIL.",
    experiment,
    rule,
    seconds=300,
)
