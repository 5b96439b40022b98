"""Who held the GIL, and when: a run in threads that holds it and one that releases it, seen by the observer.

``python -m gilfree.benchmarks.timelines`` makes both, in a process of its own: its order is one line of JSON on stdin,
that of a cell, and the answer is ``{"runs": [...]}``. Beside the workers, a thread asks for the GIL each millisecond.
"""

import json
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, TextIO

from gilfree.kernels import KERNELS
from gilfree.observe import Lane, NotMeasurableError, Observation
from gilfree.observe._lanes import columns

from .cell import BEAT_SECONDS, Order, answer, prepare, serve
from .implementations import IMPLEMENTATIONS, Task
from .models import wait_for
from .plan import Plan
from .problems import Call
from .progress import Listener
from .remote import KEEP_FREED_MEMORY, CellError, MissingError, Remote

__all__ = ["ASKER", "COLUMNS", "RUNS", "main", "measure"]

MODULE = f"{__package__}.timelines"
MODEL = "threads"
RUNS = ("held", "released")
# Its pieces are some milliseconds long and write little, so that nothing but the GIL decides what is seen.
FAVOURITE = "mandelbrot"
MOST_WORKERS = 8  # as many lanes as a small picture has room for
ATTEMPTS = 3
COLUMNS = 150
STATES = ("holding", "waiting", "running")  # what is left of a column was idle
PATIENCE_SECONDS = 300.0

WORKER = "worker"
ASKER = "asks for the GIL each ms"


def measure(plan: Plan, listener: Listener) -> dict[str, Any] | None:
    """Return the timelines of both runs, or why there are none; None for a plan without threads."""
    if MODEL not in plan.models:
        return None
    kernel = FAVOURITE if FAVOURITE in plan.kernels else plan.kernels[0]
    workers = min(MOST_WORKERS, max(2, plan.cpus))
    listener.begin("timelines", 1)
    listener.step(f"{kernel} on {workers} threads", notable=True)
    result: dict[str, Any] = {"kernel": kernel, "workers": workers, "error": None, "missing": None, "runs": []}
    remote = Remote(MODULE, asdict(Order(kernel, "", MODEL, workers, plan.size, plan.pieces)), KEEP_FREED_MEMORY)
    try:
        result |= remote.listen(PATIENCE_SECONDS)
    except MissingError as reason:
        result["missing"] = str(reason)
    except CellError as error:
        result["error"] = str(error)
    finally:
        remote.close()
    listener.end()
    return result


def main() -> int:
    """Be the process that is observed."""
    return serve(take_part)


def take_part(orders: TextIO, answers: TextIO) -> None:
    """Make both runs."""
    order = Order(**json.loads(orders.readline()))
    pieces, _ = prepare(order)
    try:
        runs = [observed(name, order, pieces) for name in RUNS]
    except NotMeasurableError as reason:
        answer(answers, {"missing": str(reason)})
        return
    answer(answers, {"runs": runs})


def observed(name: str, order: Order, pieces: Sequence[Call]) -> dict[str, Any]:
    """Return the timeline of the shortest of a few runs: what else the machine does makes the others longer."""
    task = IMPLEMENTATIONS[name].task(KERNELS[order.kernel])
    with ThreadPoolExecutor(order.workers, thread_name_prefix=WORKER) as pool, asking():
        wait_for(pool.map, order.workers)
        observations = [observe(pool, task, pieces) for _ in range(ATTEMPTS)]
    shortest = min(observations, key=lambda observation: observation.seconds)
    lanes = [lane for lane in shortest.lanes if lane.name.startswith((WORKER, ASKER))]
    lanes.sort(key=lambda lane: (lane.name == ASKER, lane.name))
    return {
        "implementation": name,
        "mechanism": shortest.mechanism,
        "seconds": shortest.seconds,
        "lanes": [as_json(lane, shortest.seconds) for lane in lanes],
    }


def observe(pool: ThreadPoolExecutor, task: Task, pieces: Sequence[Call]) -> Observation:
    """Watch the pool go through the pieces once."""
    with Observation() as seen:
        for _ in pool.map(task, pieces):
            pass
    return seen


@contextmanager
def asking() -> Iterator[None]:
    """Have a thread that wants to run Python code each millisecond."""
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            time.sleep(BEAT_SECONDS)

    thread = threading.Thread(target=ask, name=ASKER)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def as_json(lane: Lane, seconds: float) -> dict[str, Any]:
    """Return a lane's states, as shares of columns of equal width."""
    found = columns(lane, seconds, COLUMNS)
    shares = {state: [round(min(1.0, getattr(column, state)), 3) for column in found] for state in STATES}
    return {"name": lane.name, **shares}


if __name__ == "__main__":
    sys.exit(main())
