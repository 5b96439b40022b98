"""One cell of the benchmarks, alone in a process: ``python -m gilfree.benchmarks.cell``.

Speaks JSON, a line a message, on stdin and stdout. The first line is the `Order`. The cell prepares its input, starts
its workers, checks that they compute what the reference does, and answers ``{"ready": ...}``; or, where the execution
model cannot run here, ``{"missing": why}``, and ends. For every ``{"run": n}`` it then goes through its pieces n times,
checks the last results after the clock has stopped, and answers ``{"seconds": ...}``. ``{"watch": n}`` is the same with
a thread beside it that only wants to run Python code each millisecond, and answered with its longest wait,
``{"heartbeat": ...}``. The last answer, when stdin ends, is ``{"end": ...}``. Whatever goes wrong is answered with
``{"error": ...}`` and ends the cell.
"""

import json
import os
import pickle
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from gilfree.info import gil_enabled
from gilfree.kernels import KERNELS

from .implementations import IMPLEMENTATIONS, REFERENCE, Task
from .models import MODELS, SERIAL, Team
from .outside import outside
from .problems import PROBLEMS, Call

__all__ = ["Order", "WrongResultError", "answer", "heartbeat", "main", "serve", "take_part"]

PROBE_SECONDS = 0.3
BEAT_SECONDS = 1e-3


class WrongResultError(Exception):
    """A cell computed something else than the reference."""


@dataclass(frozen=True)
class Order:
    """What the parent wants from a cell."""

    kernel: str
    implementation: str
    model: str
    workers: int
    size: str
    pieces: int
    prepared: str | None = None  # a file with the input, cut, and what the reference computes; made if it is not there
    only_prepare: bool = False  # make that file and end


def main() -> int:
    """Be a cell."""
    return serve(take_part)


def serve(part: Callable[[TextIO, TextIO], None]) -> int:
    """Take orders from stdin and answer on stdout; return the exit status."""
    # What a library prints must not end up among the answers, and the workers inherit the descriptors.
    answers = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)
    try:
        part(sys.stdin, answers)
    except Exception as error:  # noqa: BLE001 - reported to the parent, who shows it in the results
        traceback.print_exc()
        answer(answers, {"error": f"{type(error).__name__}: {error}"})
        return 1
    return 0


def take_part(orders: TextIO, answers: TextIO) -> None:
    """Prepare, say so, and run when told to."""
    gil_before = gil_enabled()
    order = Order(**json.loads(orders.readline()))
    implementation, model = IMPLEMENTATIONS[order.implementation], MODELS[order.model]
    if reason := model.missing():
        answer(answers, {"missing": reason})
        return
    try:
        pieces, reference = prepare(order)
    except ModuleNotFoundError as error:
        answer(
            answers, {"missing": f"the problem needs {error.name}, which is not installed: pip install {error.name}"}
        )
        return
    if order.only_prepare:
        answer(answers, {"ready": {}})
        return
    same = PROBLEMS[order.kernel].same if implementation.twin else identical
    task = implementation.task(KERNELS[order.kernel])
    starting = time.perf_counter()
    with model.start(order.workers) as team:
        startup = time.perf_counter() - starting
        desk = Desk(team, task, pieces, reference, same)
        desk.check(desk.passes(2)[1])  # also to warm up: the first passes make the pages that results are written to
        seconds, results = desk.passes(1)
        ready = {
            "units": sum(map(PROBLEMS[order.kernel].units, pieces)),
            "pieces": len(pieces),
            "seconds": seconds,
            "startup": 0.0 if model is SERIAL else startup,
            "pickled": team.weigh(task, pieces, results),
            "gil": None if implementation.twin or model is not SERIAL else _gil(task, pieces[0]),
            "outside": None if implementation.twin or model is not SERIAL else outside(lambda: task(pieces[0])),
        }
        del results
        answer(answers, {"ready": ready})
        for line in orders:
            answer(answers, desk.answer(json.loads(line)))
    answer(answers, {"end": {"gil_enabled": {"before": gil_before, "after": gil_enabled()}}})


@dataclass(frozen=True)
class Desk:
    """Does what the parent tells it to, on workers that have started."""

    team: Team
    task: Task
    pieces: list[Call]
    reference: list[Any]
    same: Callable[[Any, Any], bool]

    def answer(self, told: dict[str, int]) -> dict[str, float]:
        """Run, or watch while running."""
        [(what, repeats)] = told.items()
        if what == "watch":
            with heartbeat() as gaps:
                self.passes(repeats)
            return {"heartbeat": max(gaps)}
        seconds, results = self.passes(repeats)
        self.check(results)
        return {"seconds": seconds}

    def passes(self, count: int) -> tuple[float, list[Any]]:
        """Return how long so many passes took, and the results of the last: all of them would fill the memory."""
        start = time.perf_counter()
        results = deque(self.team.run(self.task, self.pieces * count), maxlen=len(self.pieces))
        return time.perf_counter() - start, list(results)

    def check(self, results: Sequence[Any]) -> None:
        """Raise `WrongResultError` if these are not the results of the reference."""
        if len(results) != len(self.pieces):
            raise WrongResultError(f"{len(results)} results for {len(self.pieces)} pieces")
        for piece, result in enumerate(results):
            if not self.same(self.reference[piece], result):
                raise WrongResultError(
                    f"piece {piece} of {len(self.pieces)} is not what the reference computes serially"
                )


def prepare(order: Order) -> tuple[list[Call], list[Any]]:
    """Return the pieces and what the reference computes from them, from the file of an earlier cell if there is one."""
    file = None if order.prepared is None else Path(order.prepared)
    if file is not None and file.exists():
        with file.open("rb") as opened:
            pieces, results = pickle.load(opened)  # noqa: S301 - another cell of this run has written it
        return pieces, results
    problem = PROBLEMS[order.kernel]
    pieces = problem.split(problem.make(order.size), order.pieces)
    reference = REFERENCE.task(KERNELS[order.kernel])
    results = [reference(piece) for piece in pieces]
    if file is not None:
        unfinished = file.with_suffix(f".{os.getpid()}")
        unfinished.write_bytes(pickle.dumps((pieces, results)))
        unfinished.replace(file)
    return pieces, results


@contextmanager
def heartbeat() -> Iterator[list[float]]:
    """Have a thread that sleeps a millisecond and wakes; yields a list to which its gaps will have been added."""
    gaps: list[float] = []
    over, beating = threading.Event(), threading.Event()

    def beat() -> None:
        last = time.perf_counter()
        while not over.is_set():
            time.sleep(BEAT_SECONDS)
            now = time.perf_counter()
            gaps.append(now - last)
            last = now
            beating.set()

    thread = threading.Thread(target=beat)
    thread.start()
    beating.wait()
    try:
        yield gaps
    finally:
        over.set()
        thread.join()


def _gil(task: Task, piece: Call) -> dict[str, Any] | None:
    """Return for what share of a call the GIL is held, and how many threads could help at the most."""
    from gilfree.observe import NotMeasurableError, Prober  # noqa: PLC0415 - most cells, and workers, need it not

    try:
        found = Prober(PROBE_SECONDS, threads=(1,)).measure("piece", task, (piece,), {}, count_cpu=True)
    except NotMeasurableError:
        return None
    held = found.held_by_itself
    return {"held": held, "ceiling": 1 / held if held else None, "mechanism": found.mechanism}


def identical(ours: object, theirs: object) -> bool:
    """Tell whether two results are the same to the last bit."""
    if isinstance(ours, np.ndarray) and isinstance(theirs, np.ndarray):
        alike = ours.dtype == theirs.dtype and ours.shape == theirs.shape
        return alike and np.array_equal(_bytes(ours), _bytes(theirs))
    if isinstance(ours, (tuple, list)) and isinstance(theirs, (tuple, list)):
        return len(ours) == len(theirs) and all(map(identical, ours, theirs))
    return type(ours) is type(theirs) and bool(ours == theirs)


def _bytes(array: NDArray[Any]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def answer(answers: TextIO, message: dict[str, Any]) -> None:
    """Send a line of JSON."""
    answers.write(json.dumps(message) + "\n")
    answers.flush()


if __name__ == "__main__":
    sys.exit(main())
