"""What the figures and the report pick from the results."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import log
from typing import Any

from .implementations import IMPLEMENTATIONS, REFERENCE
from .models import MODELS, SERIAL

__all__ = [
    "STRONGEST",
    "TABLED",
    "Point",
    "bars",
    "chosen",
    "counts_of",
    "curve",
    "featured",
    "featured_count",
    "featured_model",
    "gil_of",
    "highest",
    "ideal",
    "limit",
    "per_unit",
    "reached",
    "reasons",
    "strength",
    "strongest",
    "ticks",
]

MOST_TICKS = 6
TABLED = 3  # models from which on a heat map says more than the bars
STRONGEST = 0.75  # part of colour in a shade: the numbers stay readable on it


@dataclass(frozen=True)
class Point:
    """A speed-up with its interval."""

    workers: int
    speedup: float
    low: float
    high: float


def featured_model(results: dict[str, Any]) -> str | None:
    """Return the model whose curves are drawn: threads, or the first one that was run; None if all was serial."""
    models: list[str] = results["plan"]["models"]
    return "threads" if "threads" in models else next(iter(models), None)


def featured_count(results: dict[str, Any], model: str) -> int:
    """Return the number of workers that comes closest to keeping every CPU busy without more of them."""
    counts = counts_of(results, model)
    return max((count for count in counts if count <= results["plan"]["cpus"]), default=min(counts))


def counts_of(results: dict[str, Any], model: str) -> list[int]:
    """Return the numbers of workers with which a model is run."""
    counts: list[int] = results["plan"]["thread_counts" if MODELS[model].sweeps else "process_counts"]
    return counts


def chosen(
    kernel: dict[str, Any], implementation: str, model: str, python: str | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the cells of an implementation and a model, by the number of workers."""
    for cell in kernel["cells"]:
        if (cell["implementation"], cell["model"], cell["python"]) == (implementation, model, python):
            yield cell


def curve(kernel: dict[str, Any], implementation: str, model: str, python: str | None = None) -> list[Point]:
    """Return the speed-ups of an implementation, by the number of workers."""
    return [_point(cell) for cell in chosen(kernel, implementation, model, python) if cell["speedup"]]


def featured(
    results: dict[str, Any], kernel: dict[str, Any], implementation: str, model: str, python: str | None = None
) -> dict[str, Any] | None:
    """Return the cell with the featured number of workers; None if there is none."""
    count = 1 if model == SERIAL.name else featured_count(results, model)
    return next((c for c in chosen(kernel, implementation, model, python) if c["workers"] == count), None)


def reasons(results: dict[str, Any]) -> dict[str, list[str]]:
    """Return why cells could not run here, each reason with the names of what it keeps from running."""
    found: dict[str, list[str]] = {}
    for kernel in results["kernels"]:
        for cell in kernel["cells"]:
            if cell["missing"]:
                whole = cell["python"] is not None and cell["model"] == SERIAL.name
                name = f"Python {cell['python']}" if whole else MODELS[cell["model"]].title
                names = found.setdefault(cell["missing"], [])
                if name not in names:
                    names.append(name)
    # Where an interpreter cannot take part, that is why none of the models can.
    return {reason: [n for n in names if n.startswith("Python ")] or names for reason, names in found.items()}


def bars(results: dict[str, Any], kernel: dict[str, Any]) -> Iterator[tuple[str, int, dict[str, Point]]]:
    """Yield each model with its featured number of workers and the speed-up of each implementation."""
    for model in results["plan"]["models"]:
        count = featured_count(results, model)
        found = {name: [p for p in curve(kernel, name, model) if p.workers == count] for name in IMPLEMENTATIONS}
        if any(found.values()):
            yield model, count, {name: points[0] for name, points in found.items() if points}


def highest(results: dict[str, Any], models: Iterable[str]) -> float:
    """Return where an axis of speed-ups ends that is the same for all kernels."""
    plan = results["plan"]
    points = [
        point
        for kernel in results["kernels"]
        for model in models
        for name in IMPLEMENTATIONS
        for point in curve(kernel, name, model)
    ]
    at_most = ideal(results, max(*plan["thread_counts"], *plan["process_counts"]))
    return 1.05 * max([at_most, 1.0, *(point.high for point in points)])


def ticks(top: float) -> list[float]:
    """Return round numbers from 0 to the end of an axis, some five of them."""
    step = next(step for step in (0.5, 1, 2, 5, 10, 20, 50, 100, 1000) if top / step <= MOST_TICKS)
    return [step * index for index in range(int(top / step) + 1)]


def strongest(results: dict[str, Any]) -> float:
    """Return the speed-up that gets the strongest shade of a heat map; the same for all of them."""
    return max(2.0, float(results["plan"]["cpus"]))


def strength(speedup: float, top: float) -> float:
    """Return the part of colour in a shade: a doubling is as far from 1 as a halving."""
    return min(1.0, abs(log(speedup)) / log(top)) * STRONGEST


def ideal(results: dict[str, Any], workers: int) -> float:
    """Return the speed-up that nothing exceeds in theory."""
    return float(min(workers, results["plan"]["cpus"]))


def limit(results: dict[str, Any], kernel: dict[str, Any], most: int) -> list[tuple[int, float]]:
    """Return the machine's own limit, by the number of workers; more of them than CPUs have no further effect."""
    measured = [(entry["workers"], entry["ratio"]["median"]) for entry in kernel["limits"] if entry["ratio"]]
    line = [(1, 1.0), *measured]
    last, ratio = line[-1]
    return [*line, (most, ratio)] if last == results["plan"]["cpus"] < most else line


def reached(results: dict[str, Any], implementation: str, model: str) -> list[float]:
    """Return each kernel's median speed-up at the featured number of workers."""
    count = featured_count(results, model)
    points = [p for kernel in results["kernels"] for p in curve(kernel, implementation, model)]
    return [point.speedup for point in points if point.workers == count]


def per_unit(kernel: dict[str, Any], implementation: str = REFERENCE.name) -> float | None:
    """Return the median serial time for one unit of work."""
    for cell in chosen(kernel, implementation, SERIAL.name):
        if cell["per_unit"]:
            return float(cell["per_unit"]["median"])
    return None


def gil_of(kernel: dict[str, Any], implementation: str) -> dict[str, Any] | None:
    """Return what the observer saw of an implementation; None where it was not measured."""
    for cell in chosen(kernel, implementation, SERIAL.name):
        gil: dict[str, Any] | None = cell["gil"]
        return gil
    return None


def _point(cell: dict[str, Any]) -> Point:
    speedup = cell["speedup"]
    return Point(cell["workers"], speedup["median"], speedup["low"], speedup["high"])
