"""Runs a plan: starts the cells of a kernel, lets them take turns over several rounds, and works the results out.

All cells of a kernel stay alive through its rounds, but only one works at a time, so that whatever else the machine
does in the meantime hits all of them alike. The exception is the machine's own limit: how much faster n independent
processes together get the same work done than one alone, which no execution model can be expected to exceed.
"""

import os
import random
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gilfree.info import facts
from gilfree.kernels import KERNELS

from .cell import Order
from .implementations import REFERENCE
from .lengths import measure_lengths
from .models import MODELS, SERIAL
from .plan import Cell, Plan
from .prediction import predict
from .problems import PROBLEMS
from .progress import Listener
from .pythons import Python
from .remote import CellError, MissingError, RemoteCell
from .summary import CONFIDENCE, NOISE_BOUND, fewest_rounds, noise, summarise
from .timelines import measure as measure_timelines

__all__ = ["SCHEMA_VERSION", "failures", "measure", "recorded"]

SCHEMA_VERSION = 1
# A cell's run lasts no longer than a serial run is meant to, times this, or it makes a single pass.
LONGEST = 3.0
PACKAGES = ("joblib", "distributed")  # which some models run on


@dataclass
class Row:
    """A cell, its process, and what is known about it so far."""

    cell: Cell
    remote: RemoteCell | None = None
    repeats: int = 1
    ready: dict[str, Any] = field(default_factory=dict)
    end: dict[str, Any] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    error: str | None = None
    missing: str | None = None  # why it cannot run here, which is no failure
    heartbeat: float | None = None
    memory: int | None = None

    @property
    def out(self) -> bool:
        """Whether it takes no part, or no longer."""
        return self.error is not None or self.missing is not None

    def watch(self) -> None:
        """Find out what a pass does to a thread beside it, and how much memory it takes: each in a pass of its own."""
        with failing(self):
            self.heartbeat = self.live.heartbeat()
            self.memory = self.live.peak_memory()

    def run(self) -> None:
        """Take a turn."""
        with failing(self):
            self.seconds.append(self.live.run(self.repeats) / self.repeats)

    @property
    def units(self) -> int | None:
        """How much work one pass over the pieces is; None if that never came to light."""
        return self.ready["units"] if self.ready else None

    @property
    def live(self) -> RemoteCell:
        """The process, which must be there."""
        if self.remote is None:
            raise CellError(self.error or "was not started")
        return self.remote


@contextmanager
def failing(row: Row) -> Iterator[None]:
    """Make the failure of a cell its row's error, and go on without it."""
    try:
        yield
    except (CellError, OSError) as error:
        if isinstance(error, MissingError):
            row.missing = str(error)
        else:
            row.error = row.error or str(error)
        if row.remote is not None:
            row.remote.close()
            row.remote = None


@dataclass
class Limit:
    """So many serial processes of the reference at once; one of them is the reference's own serial cell."""

    alone: Row
    others: list[Row]
    ratios: list[float] = field(default_factory=list)

    @property
    def error(self) -> str | None:
        """Why it could not be measured in every round."""
        return next((row.error or row.missing for row in (self.alone, *self.others) if row.out), None)

    @property
    def count(self) -> int:
        """How many processes work at once."""
        return 1 + len(self.others)

    def run(self) -> None:
        """Take a turn, right after the reference has taken its own in this round."""
        rows = [self.alone, *self.others]
        together = []
        for row in rows:
            with failing(row):
                row.live.start(self.alone.repeats)
        for row in rows:
            with failing(row):
                together.append(row.live.seconds() / self.alone.repeats)
        if self.error is None:
            # Each process's own rate, added up: what pieces handed out to whoever is free could reach at best.
            self.ratios.append(sum(self.alone.seconds[-1] / seconds for seconds in together))


def measure(plan: Plan, listener: Listener, pythons: Sequence[Python] = ()) -> dict[str, Any]:
    """Carry the plan out; return the results as they are written to results.json."""
    started = time.perf_counter()
    with recorded(plan) as results:
        results["interpreters"] = [python.as_json() for python in pythons]
        results["lengths"] = measure_lengths(plan, listener)
        for index, kernel in enumerate(plan.kernels):
            now = time.perf_counter()
            share = None if plan.seconds is None else (started + plan.seconds - now) / (len(plan.kernels) - index)
            deadline = None if share is None else now + share
            results["kernels"].append(measure_kernel(plan, kernel, listener, deadline, pythons))
        results["timelines"] = measure_timelines(plan, listener)
    return results


@contextmanager
def recorded(plan: Plan | None) -> Iterator[dict[str, Any]]:
    """Yield results in which all is there but the measurements; at the end, note how long these took."""
    started = time.perf_counter()
    results: dict[str, Any] = {
        "schema": SCHEMA_VERSION,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": 0.0,
        "plan": None if plan is None else asdict(plan),
        "confidence": CONFIDENCE,
        "noise_bound": NOISE_BOUND,
        "machine": facts(),
        "packages": {name: installed(name) for name in PACKAGES},
        "load": {"before": load(), "after": None},
        "interpreters": [],
        "kernels": [],
        "lengths": None,
        "timelines": None,
        "peers": None,
    }
    yield results
    results["load"]["after"] = load()
    results["seconds"] = round(time.perf_counter() - started, 3)


def installed(package: str) -> str | None:
    """Return a package's version."""
    with suppress(PackageNotFoundError):
        return version(package)
    return None


def load() -> list[float] | None:
    """Return the load averages, where the system keeps any."""
    return list(os.getloadavg()) if hasattr(os, "getloadavg") else None


def measure_kernel(
    plan: Plan, kernel: str, listener: Listener, deadline: float | None, pythons: Sequence[Python] = ()
) -> dict[str, Any]:
    """Measure one kernel; with a deadline, drop the rounds beyond the fewest that would miss it."""
    rows = [Row(cell) for cell in plan.cells(kernel)]
    baselines = {(row.cell.python, row.cell.implementation): row for row in rows if row.cell.model == SERIAL.name}
    serial = {name: row for (python, name), row in baselines.items() if python is None}
    reference = serial[REFERENCE.name]
    listener.begin(kernel, len(rows) * plan.rounds + 2)
    with ExitStack() as stack:
        stack.callback(close, rows)
        listener.step(f"starting {len(rows)} cells", notable=True)
        others = [Row(reference.cell) for _ in range(max(plan.limit_counts, default=1) - 1)]
        stack.callback(close, others)
        folder = stack.enter_context(TemporaryDirectory(prefix="gilfree-bench-"))
        start_all(plan, [*rows, *others], pythons, Path(folder))
        listener.step("what they take besides time")
        for row in rows:
            if not row.out:
                row.watch()
        limits = [Limit(reference, others[: count - 1]) for count in plan.limit_counts]
        choose_repeats(plan, rows)
        rounds = take_turns(plan, rows, limits, listener, deadline)
        finish(rows)
    listener.end()
    ratios = {limit.count: limit.ratios for limit in limits}
    found = {
        "name": kernel,
        "dwarf": KERNELS[kernel].dwarf,
        "unit": PROBLEMS[kernel].unit,
        "source": PROBLEMS[kernel].source,
        "work": {
            name: {
                "size": plan.size_for(name),
                "units": row.units,
                "pieces": row.ready.get("pieces"),
            }
            for name, row in serial.items()
        },
        "rounds": rounds,
        "limits": [
            {
                "workers": limit.count,
                "error": limit.error,
                "ratios": limit.ratios,
                "ratio": None if limit.error or not limit.ratios else summarise(limit.ratios).as_json(),
            }
            for limit in limits
        ],
        "cells": [
            work_out(row, baselines[row.cell.python, row.cell.implementation], ratios, plan.cpus) for row in rows
        ],
    }
    return {**found, "prediction": predict(found, plan.cpus)}


def start_all(plan: Plan, rows: Iterable[Row], pythons: Sequence[Python], folder: Path) -> None:
    """Start cells and wait until all are ready; no more of them get ready at once than there are CPUs."""
    others = {python.name: python for python in pythons}
    starting: deque[Row] = deque()
    for row in rows:
        cell = row.cell
        python = others[cell.python] if cell.python is not None else None
        row.missing = python.missing if python is not None else MODELS[cell.model].missing()
        if row.missing:
            continue
        if len(starting) >= plan.cpus:
            wait_until_ready(starting.popleft())
        size = plan.size_for(cell.implementation)
        path = None if python is None else python.path
        prepared = folder / f"{cell.python or 'own'}-{size}.pickle"
        order = Order(cell.kernel, cell.implementation, cell.model, cell.workers, size, plan.pieces, str(prepared))
        if not prepared.exists():
            prepare(order, path)
        with failing(row):
            row.remote = RemoteCell(order, path)
        starting.append(row)
    for row in starting:
        wait_until_ready(row)


def prepare(order: Order, python: str | None) -> None:
    """Have a process make the input, so that what this takes in memory counts for no cell."""
    maker = RemoteCell(replace(order, model=SERIAL.name, only_prepare=True), python)
    try:
        with suppress(CellError):  # which each cell then runs into and reports
            maker.wait_until_ready()
    finally:
        maker.close()


def wait_until_ready(row: Row) -> None:
    """Wait until a cell is ready."""
    with failing(row):
        row.ready = row.live.wait_until_ready()


def choose_repeats(plan: Plan, rows: Iterable[Row]) -> None:
    """Have each run go through the pieces so often that serial runs last; the same for all with the same problem.

    But for those that this would take much longer: among them are cells that pickle a gigabyte in each pass.
    """
    by_size: dict[str, list[Row]] = {}
    for row in rows:
        by_size.setdefault(plan.size_for(row.cell.implementation), []).append(row)
    for group in by_size.values():
        passes = [row.ready["seconds"] for row in group if row.ready and row.cell.model == SERIAL.name]
        for row in group:
            row.repeats = ceil(plan.serial_seconds / min(passes)) if passes else 1
            if row.ready:
                row.repeats = min(row.repeats, ceil(LONGEST * plan.serial_seconds / row.ready["seconds"]))


def take_turns(plan: Plan, rows: list[Row], limits: list[Limit], listener: Listener, deadline: float | None) -> int:
    """Run every cell once in each round; return the number of rounds.

    The order is new each time, but an implementation's cells stay together: what else goes on in the machine lasts for
    seconds, and a cell is compared with the serial one of its own implementation.
    """
    order = random.Random(plan.seed)  # noqa: S311 - it shuffles
    for finished in range(plan.rounds):
        begun = time.perf_counter()
        for position, row in enumerate(in_new_order(rows, order)):
            listener.step(f"round {finished + 1} of {plan.rounds}: {row.cell}", notable=position == 0)
            if row.out:
                continue
            row.run()
            if row.cell.implementation == REFERENCE.name and row.cell.model == SERIAL.name and row.cell.python is None:
                for limit in limits:
                    limit.run()
        now = time.perf_counter()
        if deadline is not None and finished + 1 >= fewest_rounds() and now + (now - begun) > deadline:
            return finished + 1
    return plan.rounds


def in_new_order(rows: list[Row], order: random.Random) -> list[Row]:
    """Shuffle the implementations, and the cells of each; those of another interpreter are others."""
    groups = list({(row.cell.python, row.cell.implementation): None for row in rows})
    order.shuffle(groups)
    place = {row.cell: (groups.index((row.cell.python, row.cell.implementation)), order.random()) for row in rows}
    return sorted(rows, key=lambda row: place[row.cell])


def finish(rows: Sequence[Row]) -> None:
    """Let the cells that are still there say their last words."""
    for row in rows:
        if row.remote is not None:
            row.remote.dismiss()  # all at once: some take seconds to end their workers
    for row in rows:
        if row.remote is not None:
            with failing(row):
                row.end = row.remote.finish()


def close(rows: Iterable[Row]) -> None:
    """End all processes."""
    for row in rows:
        if row.remote is not None:
            row.remote.close()


def work_out(row: Row, baseline: Row, limits: dict[int, list[float]], cpus: int) -> dict[str, Any]:
    """Return a cell's results; what could not be measured is None."""
    cell = row.cell
    at_once = min(cell.workers, cpus)
    result: dict[str, Any] = {
        "implementation": cell.implementation,
        "model": cell.model,
        "workers": cell.workers,
        "python": cell.python,
        "error": row.error,
        "missing": row.missing,
        "repeats": row.repeats,
        "seconds": row.seconds,
        "time": None,
        "per_unit": None,
        "noise": None,
        "noisy": False,
        "speedup": None,
        "efficiency": None,
        "of_limit": None,
        "startup": row.ready.get("startup"),
        "pickled": row.ready.get("pickled"),
        "memory": row.memory,
        "heartbeat": row.heartbeat,
        "gil": row.ready.get("gil"),
        "outside": row.ready.get("outside"),
        "gil_enabled": row.end.get("gil_enabled"),
    }
    if row.out:
        return result
    spread = noise(row.seconds)
    result |= {
        "time": summarise(row.seconds).as_json(),
        "per_unit": summarise([seconds / (row.units or 1) for seconds in row.seconds]).as_json(),
        "noise": spread,
        "noisy": spread > NOISE_BOUND,
    }
    if baseline.out:
        return result
    speedups = [alone / seconds for alone, seconds in zip(baseline.seconds, row.seconds, strict=True)]
    result["speedup"] = summarise(speedups).as_json()
    result["efficiency"] = result["speedup"]["median"] / at_once
    ratios = [1.0] * len(speedups) if at_once == 1 else limits.get(at_once, [])
    if len(ratios) == len(speedups):
        attained = [speedup / ratio for speedup, ratio in zip(speedups, ratios, strict=True)]
        result["of_limit"] = summarise(attained).as_json()
    return result


def failures(results: dict[str, Any]) -> list[str]:
    """Return what failed, a line each."""
    lines = []
    for kernel in results["kernels"]:
        for cell in kernel["cells"]:
            if cell["error"]:
                where = Cell(kernel["name"], cell["implementation"], cell["model"], cell["workers"], cell["python"])
                lines.append(f"{where}: {cell['error']}")
        lines += [
            f"{kernel['name']}, {limit['workers']} independent processes: {limit['error']}"
            for limit in kernel["limits"]
            if limit["error"]
        ]
    lengths = results.get("lengths")
    if lengths:
        parts = [("beside Python", lengths["convoy"]), *((entry["kernel"], entry) for entry in lengths["break_even"])]
        lines += [f"short calls, {name}: {part['error']}" for name, part in parts if part["error"]]
    timelines = results.get("timelines")
    if timelines and timelines["error"]:
        lines.append(f"timelines of {timelines['kernel']}: {timelines['error']}")
    return lines
