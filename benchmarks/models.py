"""The execution models: who runs the pieces of a computation."""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

__all__ = ["MODELS", "SERIAL", "Model", "Run", "available_models"]

# Calls a function once for each piece and yields the results in order.
Run: TypeAlias = Callable[[Callable[[Any], Any], Sequence[Any]], Iterable[Any]]

# How long a worker dwells on a question, so that the next one goes to another worker.
DWELL_SECONDS = 0.02
ATTEMPTS = 50


@dataclass(frozen=True)
class Model:
    """An execution model; ``pool`` makes an executor with so many workers."""

    name: str
    title: str
    pool: Callable[[int], Executor] | None = None  # None: a plain loop
    processes: bool = False  # whether arguments and results are pickled

    @contextmanager
    def runner(self, workers: int) -> Iterator[Run]:
        """Have the workers started; yields what runs pieces on them."""
        if self.pool is None:
            yield map
            return
        with self.pool(workers) as executor:
            if self.processes:
                _wait_for(executor, workers)
            yield executor.map


def _process_pool(method: str) -> Callable[[int], Executor]:
    return lambda workers: ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context(method))


MODELS = {
    model.name: model
    for model in (
        Model("serial", "serial"),
        Model("threads", "threads", ThreadPoolExecutor),
        Model("processes-spawn", "processes, spawn", _process_pool("spawn"), processes=True),
        Model("processes-forkserver", "processes, forkserver", _process_pool("forkserver"), processes=True),
    )
}
SERIAL = MODELS["serial"]


def available_models() -> tuple[str, ...]:
    """Return the names of the models that this platform has."""
    methods = multiprocessing.get_all_start_methods()
    return tuple(name for name, model in MODELS.items() if not model.processes or name.split("-")[1] in methods)


def _wait_for(executor: Executor, workers: int) -> None:
    """Return when every worker process has answered: a pool starts them as work comes in."""
    seen: set[int] = set()
    for _ in range(ATTEMPTS):
        seen.update(executor.map(_who, range(workers)))
        if len(seen) == workers:
            return
    raise RuntimeError(f"only {len(seen)} of {workers} worker processes ever answered")


def _who(_: int) -> int:
    time.sleep(DWELL_SECONDS)
    return os.getpid()
