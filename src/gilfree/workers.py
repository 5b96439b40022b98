"""Who does the work: a number of threads, an executor or a map-like callable, made to look alike.

Nothing here knows a kernel. `crew` says what kind of workers a caller passed and how many they are; `in_threads` and
`in_order` run the chunks of one call on them. In both the first error wins and the chunks not yet begun are dropped.
"""

import operator
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import cache
from math import ceil
from pathlib import Path
from typing import Any, Literal, TypeAlias

__all__ = ["Crew", "Workers", "cpu_count", "crew", "in_order", "in_threads"]

CHECK_SECONDS = 5e-3  # how often a call whose workers cannot be reached looks whether it is to stop

Map: TypeAlias = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
Workers: TypeAlias = int | Executor | Map


def cpu_count() -> int:
    """Return how many CPUs this process may use.

    That is ``GILFREE_NUM_THREADS`` where it is set, else the smaller of the CPUs that the process is bound to and its
    cgroup's quota, rounded up. ``workers=-1`` stands for this number.

    Raises
    ------
    ValueError
        ``GILFREE_NUM_THREADS`` is not a whole number from 1 up.

    Notes
    -----
    Thread safety: safe on shared objects; nothing but the environment is read.

    Examples
    --------
    >>> import gilfree
    >>> gilfree.cpu_count() >= 1
    True
    """
    return cpu_count_and_source()[0]


def cpu_count_and_source() -> tuple[int, str]:
    """Return the number of CPUs this process may use, and in words where it comes from."""
    wanted = os.environ.get("GILFREE_NUM_THREADS")
    if wanted:
        if not wanted.isdecimal() or int(wanted) < 1:
            raise ValueError(f"GILFREE_NUM_THREADS: wanted a whole number from 1 up, got {wanted!r}")
        return int(wanted), "GILFREE_NUM_THREADS"
    if hasattr(os, "sched_getaffinity"):
        cpus, source = len(os.sched_getaffinity(0)), "CPU affinity"
    else:
        cpus, source = os.cpu_count() or 1, "CPUs of the machine"
    quota = own_quota()
    if quota is not None and ceil(quota) < cpus:
        return max(1, ceil(quota)), f"cgroup quota of {quota:g} CPUs"
    return cpus, source


@cache
def own_quota() -> float | None:
    """Return this process's `cgroup_quota`, read once: reading takes half a millisecond."""
    return cgroup_quota()


def cgroup_quota(root: Path = Path("/sys/fs/cgroup"), self_cgroup: Path = Path("/proc/self/cgroup")) -> float | None:
    """Return the CPUs' worth of time that the process's control groups (v1 or v2) allow it, or None for no limit.

    A group is bound by its ancestors' limits too, so the smallest on the way to the root counts.
    """
    try:
        lines = self_cgroup.read_text().splitlines()
    except OSError:
        return None
    quotas: list[float] = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            top, read = root, _quota_v2
        elif "cpu" in controllers.split(","):
            top, read = root / "cpu", _quota_v1
        else:
            continue
        # Inside a container the path may be the host's, which is not to be seen here; the walk then starts at the top.
        group = top / path.lstrip("/")
        while True:
            quota = read(group)
            if quota is not None:
                quotas.append(quota)
            if group == top or top not in group.parents:
                break
            group = group.parent
    return min(quotas, default=None)


def _quota_v2(group: Path) -> float | None:
    try:
        quota, period = (group / "cpu.max").read_text().split()
    except (OSError, ValueError):
        return None
    return None if quota == "max" else int(quota) / int(period)


def _quota_v1(group: Path) -> float | None:
    try:
        quota = int((group / "cpu.cfs_quota_us").read_text())
        period = int((group / "cpu.cfs_period_us").read_text())
    except (OSError, ValueError):
        return None
    return None if quota <= 0 else quota / period


@dataclass(frozen=True, slots=True)
class Crew:
    """Workers, as one call of a kernel sees them.

    ``kind`` says what they share with the caller: ``"threads"`` share everything, ``"interpreters"`` share memory but
    no Python object, and those ``"elsewhere"`` share nothing, so that arguments and results are pickled.
    """

    kind: Literal["threads", "interpreters", "elsewhere"]
    size: int
    submit: Callable[..., Future[Any]] | None = None
    map: Map | None = None


def crew(workers: Workers) -> Crew:
    """Tell what kind of workers these are.

    Raises
    ------
    TypeError, ValueError
        ``workers`` is none of an int (−1, or 1 and up), an executor, or a callable like `map`.
    """
    if isinstance(workers, Executor):
        size = getattr(workers, "_max_workers", None) or _threads_of_cluster(workers) or cpu_count()
        if _is_interpreter_pool(workers):
            return Crew("interpreters", size, submit=workers.submit)
        if isinstance(workers, ThreadPoolExecutor):
            return Crew("threads", size, submit=workers.submit)
        return Crew("elsewhere", size, submit=workers.submit)
    if callable(workers):
        return Crew("elsewhere", cpu_count(), map=workers)
    count = _as_count(workers)
    return Crew("threads", count, submit=_shared_pool(count).submit if count > 1 else None)


def _as_count(workers: object) -> int:
    if isinstance(workers, bool) or not hasattr(workers, "__index__"):
        raise TypeError(
            "workers: wanted an int, a concurrent.futures.Executor or a callable like map, "
            f"got {type(workers).__name__}"
        )
    count = operator.index(workers)
    if count == -1:
        return cpu_count()
    if count < 1:
        raise ValueError(f"workers: wanted -1 (every CPU) or a number from 1 up, got {count}")
    return count


def _is_interpreter_pool(executor: Executor) -> bool:
    module = sys.modules.get(
        "concurrent.futures.interpreter"
    )  # new in Python 3.14; not imported for the question alone
    return module is not None and isinstance(executor, module.InterpreterPoolExecutor)


def _threads_of_cluster(executor: Executor) -> int:
    """Return how many threads a cluster has now, if this is Dask's executor; else 0."""
    module = sys.modules.get("distributed.cfexecutor")
    if module is None or not isinstance(executor, module.ClientExecutor):
        return 0
    # The executor does not tell its client in public.
    client = getattr(executor, "_client", None)
    return sum(client.nthreads().values()) if client is not None else 0


# Keyed by process and number of workers: a pool's threads do not survive a fork, so a child makes its own. No lock
# guards the table, because a lock that another thread holds during a fork stays locked in the child; setdefault is
# atomic without one.
_pools: dict[tuple[int, int], ThreadPoolExecutor] = {}


def _shared_pool(count: int) -> ThreadPoolExecutor:
    """Return the threads behind ``workers=count``: one fewer than that, as the calling thread is the other worker.

    There are never fewer than the CPUs can use, and all callers together share them, so that calls made from many
    threads at once do not start more threads than there are CPUs.
    """
    process = os.getpid()
    pool = _pools.get((process, count))
    if pool is None:
        size = max(count, cpu_count())
        pool = _pools.setdefault((process, size), ThreadPoolExecutor(size - 1, thread_name_prefix="gilfree"))
        _pools[process, count] = pool
    return pool


def in_threads(crew: Crew, count: int, do: Callable[[int], object], abandon: Callable[[], object]) -> None:
    """Do chunks 0 … count − 1 on threads, one of them the caller's; ``abandon`` tells running chunks to stop.

    Each thread takes the next chunk as it becomes free. Because the caller works too, a call made from inside a full
    executor cannot deadlock: the caller then does all of it.
    """
    turns = _Turns(deque(range(count)), do, abandon)
    helpers: list[Future[None]] = []
    try:
        if crew.submit is not None:
            helpers.extend(crew.submit(turns.help_out) for _ in range(min(crew.size, count) - 1))
        turns.take()
    except BaseException as error:  # noqa: BLE001 - a chunk's, a signal's, or an executor's that was shut down
        turns.fail(error)
    while helpers:
        try:
            if not helpers[-1].cancel():
                helpers[-1].result()
            helpers.pop()
        except BaseException as error:  # noqa: BLE001 - Ctrl-C, any number of times, or a pool's that broke
            turns.fail(error)
            if helpers[-1].done():
                helpers.pop()
    turns.forget()
    if turns.errors:
        raise turns.errors[0]


class _Turns:
    """The chunks of one call, which several threads take in turns."""

    def __init__(self, pending: deque[int], do: Callable[[int], object], abandon: Callable[[], object]) -> None:
        self.pending = pending
        self.do = do
        self.abandon = abandon
        self.errors: list[BaseException] = []

    def fail(self, error: BaseException) -> None:
        self.errors.append(error)
        self.pending.clear()
        self.abandon()

    def forget(self) -> None:
        """Let go of what the chunks refer to: a call for help that was withdrawn stays in the executor's queue."""
        del self.do, self.abandon

    def take(self) -> None:
        """Do chunks until none is left."""
        while True:
            try:
                chunk = self.pending.popleft()
            except IndexError:
                return
            self.do(chunk)

    def help_out(self) -> None:
        """Do what another thread than the caller's does."""
        try:
            self.take()
        except BaseException as error:  # noqa: BLE001 - raised by `in_threads`
            self.fail(error)


def in_order(
    crew: Crew,
    func: Callable[..., Any],
    calls: Sequence[tuple[Any, ...]],
    abandon: Callable[[], object] | None = None,
    check: Callable[[], object] | None = None,
    *,
    finished: Callable[[int], object] | None = None,
) -> list[Any]:
    """Return ``[func(*call) for call in calls]``, computed by workers that do not share the caller's objects.

    ``abandon`` tells running chunks to stop; where there is such a way, none is running any more when an error is
    raised. Those that cannot be reached finish on their own, and their results are dropped. ``check``, which is asked
    again and again, raises if the whole is to stop. ``finished`` hears of each call that is over, by its place.
    """
    if check is not None:
        check()
    if crew.submit is None:
        assert crew.map is not None  # noqa: S101 - for the type checker: a crew has one of the two
        return list(_checked(crew.map(_Starred(func), calls), len(calls), check, finished))
    futures: list[Future[Any]] = []
    try:
        for call in calls:
            futures.append(crew.submit(func, *call))  # noqa: PERF401 - those submitted are needed if one fails
        pending: Iterable[Future[Any]] = futures
        places = {future: place for place, future in enumerate(futures)}
        while pending:
            asked = check is not None or finished is not None
            done, pending = wait(pending, CHECK_SECONDS if asked else None, FIRST_EXCEPTION)
            for future in done:
                future.result()
                if finished is not None:
                    finished(places[future])
            if check is not None and pending:
                check()
        return [future.result() for future in futures]
    except BaseException:
        running = [future for future in futures if not future.cancel()]
        if abandon is not None:
            abandon()
            wait(running)
        raise


def _checked(
    results: Iterable[Any],
    count: int,
    check: Callable[[], object] | None,
    finished: Callable[[int], object] | None,
) -> Iterator[Any]:
    for index, result in enumerate(results, 1):
        yield result
        if finished is not None:
            finished(index - 1)
        if check is not None and index < count:
            check()


@dataclass(frozen=True, slots=True)
class _Starred:
    """``func`` for tuples of arguments; unlike a lambda it can be pickled."""

    func: Callable[..., Any]

    def __call__(self, call: tuple[Any, ...]) -> object:
        return self.func(*call)
