"""Things that cannot be pickled: each is given to a worker process, and to a thread."""

import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

from .claim import Claim, Judgement, all_of, figure, judge
from .measuring import process_pool

__all__ = ["CLAIM"]


def experiment() -> dict[str, Any]:
    """Give each thing to each kind of worker; return the errors."""
    with process_pool(1) as process, ThreadPoolExecutor(1) as thread, tempfile.TemporaryFile() as file:
        things: dict[str, object] = {
            "a lambda": lambda: None,
            "an open file": file,
            "a generator": (number for number in range(3)),
            "a lock": threading.Lock(),
        }
        workers: dict[str, Executor] = {"process": process, "thread": thread}
        return {
            name: {kind: error_of(worker, kind_of, thing) for kind, worker in workers.items()}
            for name, thing in things.items()
        }


def kind_of(thing: object) -> str:
    """Return the type's name: a worker's answer that needs the thing itself."""
    return type(thing).__name__


def error_of(worker: Executor, function: Callable[[object], str], thing: object) -> str | None:
    """Return the error of handing the thing over, or None if that works."""
    try:
        answer = worker.submit(function, thing).result()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the result
        return f"{type(error).__name__}: {error}"
    return None if answer == function(thing) else f"the worker saw {answer}"


def rule(measured: dict[str, Any]) -> Judgement:
    """Demand that no process takes any of them, and that threads take all."""
    taken = [name for name, errors in measured.items() if errors["process"] is None]
    refused = [name for name, errors in measured.items() if errors["thread"] is not None]
    errors = "; ".join(f"{name}: {of['process']}" for name, of in measured.items() if of["process"])
    return judge(
        all_of(not taken, not refused),
        {
            True: f"Threads take them all; processes none. {errors}",
            False: "; ".join(
                [f"a process took {name}" for name in taken] + [f"a thread did not take {name}" for name in refused]
            ),
            None: "",
        },
        [
            figure(f"of {len(measured)} things, taken by a process", len(taken), ""),
            figure(f"of {len(measured)} things, taken by a thread", len(measured) - len(refused), ""),
        ],
    )


CLAIM = Claim(
    "unpicklable",
    "Lambdas, open files, generators and locks cannot be pickled.",
    experiment,
    rule,
)
