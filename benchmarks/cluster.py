"""What a Dask cluster costs and gains: ``python -m gilfree.benchmarks.cluster``.

Starts clusters on this machine, whose workers are processes that a scheduler feeds over TCP on the loopback device, and
prints three tables:

- one worker with n threads against n workers with one thread: time, memory, bytes that workers are sent;
- what a task costs the scheduler whatever it does, and what a byte of its arguments costs;
- what follows from these two, on paper, for clusters of up to a thousand cores.

``--page docs/dask.md --json docs/cluster.json`` writes the same into that page, and the figures beside it.
"""

import argparse
import json
import os
import pickle
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from gilfree.info import facts
from gilfree.kernels import KERNELS
from gilfree.kernels._kernel import CHUNKS_PER_REMOTE_WORKER
from gilfree.workers import cpu_count

from .bench import load
from .cell import identical
from .cluster_page import write
from .memory import pss
from .problems import PROBLEMS, Call
from .wording import bytes_, percent, quantity, ratio

__all__ = ["efficiency", "main", "ready_after"]

KERNELS_SHOWN = ("nearest_neighbors", "nbody_accelerations", "edit_distance", "sparse_matvec", "mandelbrot")
ROUNDS = 7
TASKS = 500
BLOCK = 8_000_000
CORES = (1, 10, 100, 1000)
WEIGH_EVERY = 50  # of the chunks that a kernel is cut into: some of them are long to pickle
CHUNK_SECONDS = (0.01, 0.1, 1.0, 10.0)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m gilfree.benchmarks.cluster", description=__doc__.split("\n")[0])
    parser.add_argument("--workers", type=int, default=max(2, cpu_count()), help="n (default: %(default)s)")
    parser.add_argument("--size", choices=("tiny", "medium", "large"), default="medium")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--tasks", type=int, default=TASKS)
    parser.add_argument("-k", dest="kernels", nargs="*", choices=tuple(KERNELS), default=KERNELS_SHOWN)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")
    parser.add_argument(
        "--page", type=Path, metavar="FILE", help="write the tables into a page that has places for them"
    )
    parser.add_argument("--read", type=Path, metavar="FILE", help="measure nothing, take these figures for --page")
    options = parser.parse_args(arguments)
    if options.read:
        if options.page is None:
            parser.error("--read: only with --page")
        write(json.loads(options.read.read_text(encoding="utf-8")), options.page)
        return 0
    try:
        import distributed  # noqa: PLC0415 - optional
    except ImportError:
        print("distributed is not installed: pip install distributed", file=sys.stderr)
        return 2
    averages = load()
    shapes = compare_shapes(options) if options.kernels else []
    task, byte = costs(options)
    on_paper(task, byte)
    machine = facts()
    figures = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": {
            "cpu": machine["cpu"]["model"],
            "cpus": machine["cpu"]["usable"],
            "python": machine["python"]["version"],
            "distributed": distributed.__version__,
        },
        "load": averages[0] if averages else None,
        "workers": options.workers,
        "rounds": options.rounds,
        "shapes": shapes,
        "task": task,
        "byte": byte,
        "chunks": [{"kernel": name, "bytes": bytes_of_a_chunk(name)} for name in KERNELS],
    }
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    if options.page:
        write(figures, options.page)
    return 0


@contextmanager
def cluster(workers: int, threads: int) -> Iterator[Any]:
    """Yield a client of a cluster."""
    from distributed import Client, LocalCluster  # noqa: PLC0415 - optional

    with (
        TemporaryDirectory(prefix="gilfree-dask-") as folder,
        LocalCluster(
            n_workers=workers,
            threads_per_worker=threads,
            processes=True,
            host="127.0.0.1",
            dashboard_address=":0",
            memory_limit=0,
            local_directory=folder,
        ) as made,
        Client(made) as client,
    ):
        client.wait_for_workers(workers)
        yield client


def compare_shapes(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Print and return what one worker with n threads takes, and n with one: both at once there, in turns."""
    n, rows = options.workers, []
    with cluster(1, n) as one, cluster(n, 1) as many:
        print(
            f"one worker with {n} threads / {n} workers with one thread; medians of {options.rounds} rounds, in turns"
        )
        print(f"{'':22}{'serial':>10}{'released':>22}{'GIL held':>22}{'broadcast':>20}{'memory':>22}")
        for name in options.kernels:
            call = PROBLEMS[name].make(options.size)
            function = KERNELS[name].functions[0]
            expected = call(function)
            serial: list[float] = []
            times: dict[tuple[bool, str], list[float]] = {}
            for _ in range(options.rounds):
                serial.append(timed(lambda call=call, function=function: call(function)))
                for release in (True, False):
                    for shape, client in (("one", one), ("many", many)):
                        seconds = run(client, call, function, release=release, expected=expected)
                        times.setdefault((release, shape), []).append(seconds)
            told = {
                release: f"{quantity(median(times[release, 'one']))} / {quantity(median(times[release, 'many']))}"
                for release in (True, False)
            }
            rows.append({"kernel": name, "serial": median(serial)})
            for release, key in ((True, "released"), (False, "held")):
                rows[-1][key] = {shape: median(times[release, shape]) for shape in ("one", "many")}
            sent = [broadcast(client, call) for client in (one, many)]
            memory = [sum(filter(None, map(pss, client.run(os.getpid).values()))) for client in (one, many)]
            rows[-1] |= {
                "broadcast": dict(zip(("one", "many"), sent, strict=True)),
                "memory": dict(zip(("one", "many"), memory, strict=True)),
            }
            print(
                f"{name:22}{quantity(median(serial)):>10}{told[True]:>22}{told[False]:>22}"
                f"{' / '.join(map(bytes_, sent)):>20}{' / '.join(map(bytes_, memory)):>22}"
            )
    print("broadcast: a copy of the data for each process, as client.scatter(..., broadcast=True) would send it.")
    print("memory: PSS of the workers after these calls, without scheduler and client.\n")
    return rows


def run(client: Any, call: Call, function: Any, *, release: bool, expected: Any) -> float:  # noqa: ANN401
    """Return how long a call takes on a cluster, and make sure of its result."""
    results: list[Any] = []
    with client.get_executor() as executor:
        seconds = timed(lambda: results.append(call(function, workers=executor, release_gil=release)))
    if not identical(results.pop(), expected):
        raise AssertionError("the cluster computed something else")
    return seconds


def broadcast(client: Any, call: Call) -> int:  # noqa: ANN401
    """Return how many bytes a copy of the arguments for each process is."""
    return len(client.nthreads()) * len(pickle.dumps(call, pickle.HIGHEST_PROTOCOL))


class Scales(Executor):
    """Stands for a cluster of many cores: weighs what it would be sent, and computes it here."""

    def __init__(self, cores: int) -> None:
        self._max_workers = cores  # for how many workers a kernel cuts
        self._chunks = 0
        self.weights: list[int] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> "Future[Any]":  # noqa: ANN401
        """Weigh a chunk, and do it."""
        if self._chunks % WEIGH_EVERY == 0:
            self.weights.append(len(pickle.dumps((fn, args, kwargs), pickle.HIGHEST_PROTOCOL)))
        self._chunks += 1
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def bytes_of_a_chunk(kernel: str, cores: int = 100) -> int:
    """Return how many bytes a chunk of the medium problem is, the median, when it is cut for so many cores."""
    scales = Scales(cores)
    PROBLEMS[kernel].make("medium")(KERNELS[kernel].functions[0], workers=scales)
    return int(median(scales.weights))


def costs(options: argparse.Namespace) -> tuple[float, float]:
    """Print and return what a task costs, and what a byte of arguments: seconds of client's and scheduler's CPU time.

    Both run in this process, in turns, because they hold the GIL. Their CPU time is what limits a cluster however many
    workers it has, and it does not depend on what else the machine does.
    """
    with cluster(options.workers, 1) as client, client.get_executor() as executor:
        list(executor.map(abs, range(options.workers * 10)))
        rounds = range(options.rounds)
        flood = [used(lambda: list(executor.map(abs, range(options.tasks)))) for _ in rounds]
        alone = [used(lambda: executor.submit(abs, -1).result()) for _ in rounds]
        blocks = [os.urandom(BLOCK) for _ in rounds]
        heavy = [used(lambda block=block: executor.submit(len, block).result()) for block in blocks]
    task = median(cpu for _, cpu in flood) / options.tasks
    byte = (median(cpu for _, cpu in heavy) - median(cpu for _, cpu in alone)) / BLOCK
    print(f"a task alone, there and back: {quantity(median(wall for wall, _ in alone))}")
    print(
        f"a task among {options.tasks}: {quantity(median(wall for wall, _ in flood) / options.tasks)}, "
        f"of which client and scheduler compute {quantity(task)}"
    )
    print(
        f"a byte of arguments: they compute {quantity(byte)}, that is, {bytes_(int(1 / byte))} a second at the most\n"
    )
    return task, byte


def on_paper(task: float, byte: float) -> None:
    """Print which part of the cores computes, by chunk and cores, and when the last chunk has its arguments."""
    print("efficiency on paper, of so many cores with chunks of so many seconds:")
    print(f"{'cores':>8}" + "".join(f"{quantity(chunk):>10}" for chunk in CHUNK_SECONDS))
    for cores in CORES:
        parts = "".join(f"{percent(efficiency(cores, chunk, task)):>10}" for chunk in CHUNK_SECONDS)
        print(f"{cores:8}{parts}")
    print(f"\nwhen the last of {CHUNKS_PER_REMOTE_WORKER} chunks a core has arrived, if each has so many bytes:")
    sizes = (10_000, 1_000_000, 100_000_000)
    print(f"{'cores':>8}" + "".join(f"{bytes_(size):>10}" for size in sizes))
    for cores in CORES:
        moments = "".join(f"{quantity(ready_after(cores, size, task, byte)):>10}" for size in sizes)
        print(f"{cores:8}{moments}")
    print(f"\nspeed-up of an hour's work in chunks of 1 s on 1,000 cores: {ratio(1000 * efficiency(1000, 1.0, task))}")


def efficiency(cores: int, chunk: float, task: float) -> float:
    """Return which part of the cores computes if one scheduler hands out chunks, a task costing it so long.

    It hands out 1 / task chunks a second, and the cores finish cores / chunk of them. A core waits for its next chunk
    as long as the scheduler takes for one; where the cores ask for more than it can hand out, they share what there is.
    """
    return min(chunk / (chunk + task), chunk / (task * cores))


def ready_after(cores: int, size: int, task: float, byte: float) -> float:
    """Return when the last chunk has been sent: all pass through the client and the scheduler, one after another."""
    return CHUNKS_PER_REMOTE_WORKER * cores * (task + size * byte)


def used(action: Any) -> tuple[float, float]:  # noqa: ANN401 - a function of no arguments
    """Return how long it takes, and for how long this process computes in the meantime."""
    cpu = time.process_time()
    seconds = timed(action)
    return seconds, time.process_time() - cpu


def timed(action: Any) -> float:  # noqa: ANN401 - a function of no arguments
    """Return how long it takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
