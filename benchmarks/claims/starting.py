"""What it takes to start threads and processes: 1, 8 and 32 of each, by each of the ways to start processes here.

The time is from the first start until the last one runs. The memory is what all of them add, every page that processes
share counted once (proportional set size, where the system tells).
"""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from .claim import Claim, Judgement, all_of, figure, judge
from .measuring import ROUNDS

__all__ = ["CLAIM"]

COUNTS = {1: ROUNDS, 8: ROUNDS, 32: 1}  # how many, and how often that is repeated
JUDGED = 8
FAR_MORE = 5
PATIENCE = 60


def experiment() -> dict[str, Any]:
    """Start some of each; measure seconds and bytes."""
    ways: dict[str, Callable[[int], dict[str, float | None]]] = {"threads": start_threads}
    for method in multiprocessing.get_all_start_methods():
        ways[method] = lambda count, method=method: start_processes(method, count)  # type: ignore[misc]
    for start in ways.values():
        start(1)  # to warm up; the fork server starts here
    found: dict[str, Any] = {name: {} for name in ways}
    for count, rounds in COUNTS.items():
        several = [{name: start(count) for name, start in ways.items()} for _ in range(rounds)]
        for name in ways:
            found[name][str(count)] = {
                what: [turn[name][what] for turn in several if turn[name][what] is not None]
                for what in ("seconds", "bytes")
            }
    return {"found": found, "default": multiprocessing.get_start_method()}


def start_threads(count: int) -> dict[str, float | None]:
    """Start so many threads."""
    running, end = threading.Semaphore(0), threading.Event()
    threads = [threading.Thread(target=be_there, args=(running, end)) for _ in range(count)]
    return started(threads, running, end, lambda: memory(os.getpid()))


def start_processes(method: str, count: int) -> dict[str, float | None]:
    """Start so many processes."""
    context = multiprocessing.get_context(method)
    running, end = context.Semaphore(0), context.Event()
    processes = [context.Process(target=be_there, args=(running, end)) for _ in range(count)]  # type: ignore[attr-defined]

    def all_memory() -> int | None:
        sizes = [memory(os.getpid()), *(memory(process.pid) for process in processes if process.pid is not None)]
        return None if None in sizes else sum(size for size in sizes if size is not None)

    return started(processes, running, end, all_memory)


def be_there(running: Any, end: Any) -> None:  # noqa: ANN401 - of threading or of multiprocessing
    """Say so, and wait for the end."""
    running.release()
    end.wait()


def started(
    workers: list[Any],
    running: Any,  # noqa: ANN401
    end: Any,  # noqa: ANN401
    all_memory: Callable[[], int | None],
) -> dict[str, float | None]:
    """Start the workers, and return the seconds and bytes that took."""
    before = all_memory()
    start = time.perf_counter()
    try:
        for worker in workers:
            worker.start()
        for _ in workers:
            if not running.acquire(timeout=PATIENCE):
                raise RuntimeError("a worker did not start")
        seconds = time.perf_counter() - start
        after = all_memory()
    finally:
        end.set()
        for worker in workers:
            with suppress(AssertionError, RuntimeError):  # it was not started
                worker.join()
    return {"seconds": seconds, "bytes": None if before is None or after is None else max(0, after - before)}


def memory(pid: int) -> int | None:
    """Return the proportional set size of a process in bytes; None where the system does not tell."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), None)


def rule(measured: dict[str, Any]) -> Judgement:
    """Demand that processes, started in this Python's own way, take far longer than threads."""
    found, default = measured["found"], measured["default"]
    figures, answers = [], []
    for method, counts in found.items():
        if method == "threads":
            continue
        times = [
            a / b for a, b in zip(counts[str(JUDGED)]["seconds"], found["threads"][str(JUDGED)]["seconds"], strict=True)
        ]
        comparison = figure(f"time, {JUDGED} processes by {method} / {JUDGED} threads", times, "×")
        figures.append(comparison)
        if method == default:
            answers.append(comparison.above(FAR_MORE))
    for name, counts in found.items():
        for count, values in counts.items():
            how = "threads" if name == "threads" else f"processes by {name}"
            figures.append(figure(f"{how}, {count} at once: time of each", each(values["seconds"], count), "s"))
            if values["bytes"]:
                figures.append(figure(f"{how}, {count} at once: memory of each", each(values["bytes"], count), "B"))
    return judge(
        all_of(*answers),
        {
            True: f"A process ({default}, which is what this Python uses) takes more than {FAR_MORE} times as long.",
            False: f"A process ({default}) takes less than {FAR_MORE} times as long as a thread.",
            None: "The figures are too noisy.",
        },
        figures,
    )


def each(values: list[float], count: str) -> list[float]:
    """Return what one of so many cost."""
    return [value / int(count) for value in values]


CLAIM = Claim(
    "starting",
    "Starting a process costs far more than starting a thread.",
    experiment,
    rule,
    seconds=300,
)
