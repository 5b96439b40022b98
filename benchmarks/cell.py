"""One cell of the benchmarks, alone in a process: ``python -m gilfree.benchmarks.cell``.

Speaks JSON, a line a message, on stdin and stdout. The first line is the `Order`. The cell prepares its input, starts
its workers, checks that they compute what the reference does, and answers ``{"ready": ...}``. For every
``{"run": n}`` it then goes through its pieces n times, checks the last results after the clock has stopped, and answers
``{"seconds": ...}``. Its last answer, when stdin ends, is ``{"end": ...}``. Whatever goes wrong is answered with
``{"error": ...}`` and ends the cell.
"""

import json
import os
import pickle
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from gilfree.info import gil_enabled
from gilfree.kernels import KERNELS
from gilfree.observe import NotMeasurableError, Prober

from .implementations import IMPLEMENTATIONS, REFERENCE, Task
from .models import MODELS, SERIAL
from .problems import PROBLEMS, Call

__all__ = ["Order", "WrongResultError", "answer", "main", "serve", "take_part"]

PROBE_SECONDS = 0.3


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
    kernel, problem = KERNELS[order.kernel], PROBLEMS[order.kernel]
    implementation, model = IMPLEMENTATIONS[order.implementation], MODELS[order.model]
    task = implementation.task(kernel)
    pieces = problem.split(problem.make(order.size), order.pieces)
    reference = [REFERENCE.task(kernel)(piece) for piece in pieces]
    same = problem.same if implementation.twin else identical

    def check(results: Sequence[Any]) -> None:
        if len(results) != len(pieces):
            raise WrongResultError(f"{len(results)} results for {len(pieces)} pieces")
        for piece, result in enumerate(results):
            if not same(reference[piece], result):
                raise WrongResultError(f"piece {piece} of {len(pieces)} is not what the reference computes serially")

    with model.runner(order.workers) as run:

        def passes(count: int) -> tuple[float, list[Any]]:
            """Return how long so many passes took, and the results of the last: all of them would fill the memory."""
            start = time.perf_counter()
            results = deque(run(task, pieces * count), maxlen=len(pieces))
            return time.perf_counter() - start, list(results)

        check(passes(2)[1])  # also to warm up: the first passes make the pages that results are written to
        seconds, results = passes(1)
        ready = {
            "units": sum(map(problem.units, pieces)),
            "pieces": len(pieces),
            "seconds": seconds,
            "pickled": _pickled(task, pieces, results) if model.processes else None,
            "gil": None if implementation.twin or model is not SERIAL else _gil(task, pieces[0]),
        }
        del results
        answer(answers, {"ready": ready})
        for line in orders:
            seconds, results = passes(json.loads(line)["run"])
            check(results)
            del results
            answer(answers, {"seconds": seconds})
    answer(answers, {"end": {"gil_enabled": {"before": gil_before, "after": gil_enabled()}}})


def _gil(task: Task, piece: Call) -> dict[str, Any] | None:
    """Return for what share of a call the GIL is held, and how many threads could help at the most."""
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


def _pickled(task: object, pieces: Sequence[Call], results: Sequence[Any]) -> dict[str, int]:
    """Return how many bytes go to the workers and come back in one pass over the pieces."""
    return {
        "arguments": sum(len(pickle.dumps((task, piece))) for piece in pieces),
        "results": sum(len(pickle.dumps(result)) for result in results),
    }


def answer(answers: TextIO, message: dict[str, Any]) -> None:
    """Send a line of JSON."""
    answers.write(json.dumps(message) + "\n")
    answers.flush()


if __name__ == "__main__":
    sys.exit(main())
