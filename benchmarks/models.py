"""The execution models: who runs the pieces of a computation.

This module and what it imports at its top load in subinterpreters, where NumPy does not.
"""

import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.util import find_spec
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

from gilfree.aio import to_thread

__all__ = ["MODELS", "SERIAL", "Model", "Run", "Team", "models_matching"]

# Calls a function once for each piece and yields the results in order.
Run: TypeAlias = Callable[[Callable[[Any], Any], Sequence[Any]], Iterable[Any]]
# Returns how many bytes of arguments and of results are pickled for one pass, given task, pieces and results.
Weigh: TypeAlias = Callable[[Any, Sequence[Any], Sequence[Any]], dict[str, int] | None]

# How long a worker dwells on a question, so that the next one goes to another worker.
DWELL_SECONDS = 0.02
ATTEMPTS = 50
# What joblib, unless told otherwise, hands to its processes in a file that they map, and not through a pipe.
MAPPED_BY_JOBLIB = 1_000_000


def nothing_pickled(*_: object) -> None:
    """Weigh what goes to workers that share the caller's objects."""
    return


@dataclass(frozen=True)
class Team:
    """Workers that have started."""

    run: Run
    weigh: Weigh = nothing_pickled


@dataclass(frozen=True)
class Model:
    """An execution model; ``start`` has so many workers started and ends them."""

    name: str
    title: str
    start: Callable[[int], AbstractContextManager[Team]]
    sweeps: bool = False  # whether it is run with many numbers of workers, for the curves
    missing: Callable[[], str | None] = nothing_pickled  # why it cannot run here, with what would help; None if it can


@contextmanager
def serial(_: int) -> Iterator[Team]:
    """Run the pieces in a loop."""
    yield Team(map)


@contextmanager
def threads(workers: int) -> Iterator[Team]:
    """Run them in the threads of a pool."""
    with ThreadPoolExecutor(workers) as executor:
        wait_for(executor.map, workers)
        yield Team(executor.map)


def processes(method: str) -> Callable[[int], AbstractContextManager[Team]]:
    """Run them in a pool of processes, arguments and results pickled."""

    @contextmanager
    def start(workers: int) -> Iterator[Team]:
        from .weights import pickled  # noqa: PLC0415 - it needs NumPy

        with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context(method)) as executor:
            wait_for(executor.map, workers)
            yield Team(executor.map, pickled)

    return start


@contextmanager
def shared_memory(workers: int) -> Iterator[Team]:
    """Run them in a pool of processes that find the arrays in shared memory."""
    from .sharing import Sharing  # noqa: PLC0415 - it needs NumPy

    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as executor:
        wait_for(executor.map, workers)
        with Sharing(executor.map) as sharing:
            yield Team(sharing.run, sharing.weigh)


@contextmanager
def interpreters(workers: int) -> Iterator[Team]:
    """Run them in interpreters that each have a GIL of their own.

    NumPy cannot be imported there, so arrays cannot cross as such. A kernel is called here with ``workers=`` and lets
    the interpreters work on the memory of this one; a twin is called there, on lists.
    """
    from concurrent.futures import InterpreterPoolExecutor  # type: ignore[attr-defined]  # noqa: PLC0415 - from 3.14 on

    from .weights import pickled, plain  # noqa: PLC0415 - it needs NumPy

    lists: dict[int, tuple[Any, Any]] = {}  # by the piece, which is kept as well so that its id stays its own

    def as_lists(piece: Any) -> Any:  # noqa: ANN401 - a Call, whose module needs NumPy
        if id(piece) not in lists:
            lists[id(piece)] = (piece, plain((piece.args, piece.kwargs)))
        return lists[id(piece)][1]

    def run(task: Any, pieces: Sequence[Any]) -> Iterable[Any]:  # noqa: ANN401
        if not hasattr(task, "function"):
            yield from executor.map(task, pieces)
        elif task.takes_workers:
            yield from (piece(task.function, workers=executor, **task.options) for piece in pieces)
        else:
            yield from executor.map(_call, [task.function] * len(pieces), map(as_lists, pieces))

    def weigh(task: Any, pieces: Sequence[Any], results: Sequence[Any]) -> dict[str, int] | None:  # noqa: ANN401
        return None if task.takes_workers else pickled(task.function, list(map(as_lists, pieces)), results)

    with InterpreterPoolExecutor(workers) as executor:
        wait_for(executor.map, workers)
        yield Team(run, weigh)


def _call(function: Callable[..., Any], arguments: tuple[Any, Any]) -> Any:  # noqa: ANN401
    args, kwargs = arguments
    return function(*args, **kwargs)


@contextmanager
def asyncio_tasks(workers: int) -> Iterator[Team]:
    """Run each in a task that awaits a thread, all in one task group; the loop's executor has so many threads."""
    import asyncio  # noqa: PLC0415

    async def all_of(task: Callable[[Any], Any], pieces: Sequence[Any]) -> list[Any]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(to_thread(task, piece)) for piece in pieces]
        return [each.result() for each in tasks]

    with asyncio.Runner() as runner, ThreadPoolExecutor(workers) as executor:
        runner.get_loop().set_default_executor(executor)

        def run(task: Callable[[Any], Any], pieces: Sequence[Any]) -> list[Any]:
            return runner.run(all_of(task, pieces))

        wait_for(run, workers)
        yield Team(run)


def joblib_backend(backend: str) -> Callable[[int], AbstractContextManager[Team]]:
    """Run them by ``joblib.Parallel``, with its defaults."""

    @contextmanager
    def start(workers: int) -> Iterator[Team]:
        import joblib  # noqa: PLC0415 - optional

        from .weights import pickled  # noqa: PLC0415 - it needs NumPy

        def weigh(task: Any, pieces: Sequence[Any], results: Sequence[Any]) -> dict[str, int] | None:  # noqa: ANN401
            return pickled(task, pieces, results, mapped=MAPPED_BY_JOBLIB)

        with joblib.Parallel(n_jobs=workers, backend=backend) as parallel:

            def run(task: Callable[[Any], Any], pieces: Sequence[Any]) -> Iterable[Any]:
                results: Iterable[Any] = parallel(joblib.delayed(task)(piece) for piece in pieces)
                return results

            wait_for(run, workers)
            # With one worker, joblib runs the pieces in a loop.
            yield Team(run, weigh if backend == "loky" and workers > 1 else nothing_pickled)
        if backend == "loky":
            from joblib.externals.loky import get_reusable_executor  # noqa: PLC0415 - optional

            get_reusable_executor().shutdown()

    return start


@contextmanager
def dask(workers: int) -> Iterator[Team]:
    """Run them on a cluster of worker processes, which a scheduler feeds over TCP on the loopback device."""
    from distributed import Client, LocalCluster  # noqa: PLC0415 - optional

    from .weights import pickled  # noqa: PLC0415 - it needs NumPy

    with (
        TemporaryDirectory(prefix="gilfree-dask-") as folder,
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address=":0",
            memory_limit=0,  # else a worker that comes near its part of the memory is restarted
            local_directory=folder,
        ) as cluster,
        Client(cluster) as client,
        client.get_executor() as executor,
    ):
        wait_for(executor.map, workers)
        yield Team(executor.map, pickled)


def _without(package: str) -> Callable[[], str | None]:
    return lambda: None if find_spec(package) else f"{package} is not installed: pip install {package}"


def _without_method(method: str) -> Callable[[], str | None]:
    here = multiprocessing.get_all_start_methods()
    return lambda: None if method in here else f"this platform starts no processes by {method}"


def _without_interpreters() -> str | None:
    if sys.version_info >= (3, 14):
        return None
    version = ".".join(map(str, sys.version_info[:2]))
    return f"needs Python 3.14 or newer, and this is {version}: gilfree bench --python PATH-TO-ANOTHER"


MODELS = {
    model.name: model
    for model in (
        Model("serial", "serial", serial),
        Model("threads", "threads", threads, sweeps=True),
        Model("processes-spawn", "processes, spawn", processes("spawn")),
        Model(
            "processes-forkserver",
            "processes, forkserver",
            processes("forkserver"),
            missing=_without_method("forkserver"),
        ),
        Model("processes+shm", "processes, shared arrays", shared_memory),
        Model("interpreters", "interpreters", interpreters, missing=_without_interpreters),
        Model("asyncio", "asyncio", asyncio_tasks),
        Model("joblib-threads", "joblib, threads", joblib_backend("threading"), missing=_without("joblib")),
        Model("joblib-loky", "joblib, loky", joblib_backend("loky"), missing=_without("joblib")),
        Model("dask", "Dask", dask, missing=_without("distributed")),
    )
}
SERIAL = MODELS["serial"]


def models_matching(pattern: str) -> tuple[str, ...]:
    """Return the models that are called so or whose name, as a glob, the pattern matches; or that begin so."""
    if pattern in MODELS:
        return (pattern,)
    return tuple(name for name in MODELS if fnmatchcase(name, pattern) or name.startswith(f"{pattern}-"))


def wait_for(run: Run, workers: int) -> None:
    """Return when every worker has answered: most pools start them as work comes in."""
    seen: set[tuple[int, int]] = set()
    for _ in range(ATTEMPTS):
        seen.update(run(_who, range(workers)))
        if len(seen) >= workers:
            return
    raise RuntimeError(f"only {len(seen)} of {workers} workers ever answered")


def _who(_: int) -> tuple[int, int]:
    time.sleep(DWELL_SECONDS)
    return os.getpid(), threading.get_ident()
