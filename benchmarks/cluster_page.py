"""What a Dask cluster costs, and how far it scales by that, as the tables of a page: no table there is made by hand."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .wording import bytes_, quantity

__all__ = ["cores_fed", "needed", "render", "write"]

CORES = (10, 100, 1000)
BUSY = 0.9  # the share of the cores that is to compute
# What Dask's documentation says that a task costs: "a few hundred microseconds" and "about one millisecond".
DOCUMENTED = (0.2e-3, 1e-3)
LONG_CHUNK = 10.0


def needed(cores: int, task: float, busy: float = BUSY) -> float:
    """Return how long chunks have to be for this share of the cores to compute, each costing the scheduler so long.

    A core waits for its next chunk as long as the scheduler takes for one; and the scheduler, which takes one after
    another, has to come back to each core before that has finished.
    """
    return max(busy / (1 - busy) * task, busy * task * cores)


def cores_fed(chunk: float, task: float) -> float:
    """Return how many cores finish chunks of this length as fast as the scheduler hands them out."""
    return chunk / task


def render(figures: dict[str, Any]) -> dict[str, str]:
    """Return the tables by the names of their places."""
    return {
        "machine": machine(figures),
        "shapes": shapes(figures),
        "costs": costs(figures),
        "scale": scale(figures),
        "kernels": kernels(figures),
    }


def write(figures: dict[str, Any], page: Path) -> None:
    """Put the tables into their places in a page, between ``<!-- cluster: name -->`` and ``<!-- /cluster -->``."""
    text = page.read_text(encoding="utf-8")
    for name, table in render(figures).items():
        place = re.compile(rf"(<!-- cluster: {name} -->\n).*?(\n<!-- /cluster -->)", re.DOTALL)
        if not place.search(text):
            raise ValueError(f"{page}: wanted a line <!-- cluster: {name} --> and, below, <!-- /cluster -->")
        text = place.sub(lambda found, table=table: f"{found[1]}\n{table}\n{found[2]}", text)  # type: ignore[misc]
    page.write_text(text, encoding="utf-8")


def machine(figures: dict[str, Any]) -> str:
    """Return where and when it was measured, and what else the machine did."""
    where, load = figures["machine"], figures["load"]
    busy = (
        f" The load average was {load:.1f}: other programs took the CPUs, and the times are upper bounds."
        if load is not None and load > where["cpus"] / 2
        else ""
    )
    return (
        f"Measured on {where['cpu']}, {where['cpus']} CPUs, CPython {where['python']}, distributed "
        f"{where['distributed']}, on {figures['date']}: medians of {figures['rounds']} rounds, in turns, with checked "
        f"results.{busy}"
    )


def shapes(figures: dict[str, Any]) -> str:
    """Return one worker with n threads beside n workers with one."""
    n = figures["workers"]
    both = f"1 × {n} threads / {n} × 1 thread"
    rows = [
        [
            f"`{row['kernel']}`",
            quantity(row["serial"]),
            pair(row["released"], quantity),
            pair(row["held"], quantity),
            pair(row["broadcast"], bytes_),
            pair(row["memory"], bytes_),
        ]
        for row in figures["shapes"]
    ]
    head = ["", "Serial", "GIL released", "GIL held", "Data for each process", "Memory of the workers"]
    return f"{table(head, rows)}\n\nEach pair is {both}."


def pair(values: dict[str, Any], write_one: Callable[[Any], str]) -> str:
    """Write what there is for one worker and for many."""
    return f"{write_one(values['one'])} / {write_one(values['many'])}"


def costs(figures: dict[str, Any]) -> str:
    """Return what a task and a byte cost."""
    return table(
        ["", "CPU time of client and scheduler"],
        [["a task", f"s = {quantity(figures['task'])}"], ["a byte of arguments", f"b = {quantity(figures['byte'])}"]],
    )


def scale(figures: dict[str, Any]) -> str:
    """Return how long chunks have to be on how many cores, by what a task costs."""
    rows = [
        [f"{quantity(task)}, {whence}", *needs(task), cores(cores_fed(1.0, task))]
        for task, whence in [
            *((task, "Dask's documentation") for task in DOCUMENTED),
            (figures["task"], "measured here"),
        ]
    ]
    head = ["A task costs", *(f"{count:,} cores" for count in CORES), "Chunks of 1 s feed"]
    return table(head, rows)


def kernels(figures: dict[str, Any]) -> str:
    """Return the same for each kernel, whose chunks carry data."""
    rows = []
    for row in sorted(figures["chunks"], key=lambda row: -row["bytes"]):
        cost = figures["task"] + figures["byte"] * row["bytes"]
        rows.append([f"`{row['kernel']}`", bytes_(row["bytes"]), *needs(cost), cores(cores_fed(LONG_CHUNK, cost))])
    head = ["", "A chunk carries", *(f"{count:,} cores" for count in CORES), f"Chunks of {LONG_CHUNK:.0f} s feed"]
    return table(head, rows)


def needs(task: float) -> list[str]:
    """Write how long chunks have to be, by the number of cores."""
    return [quantity(needed(count, task)) for count in CORES]


def cores(count: float) -> str:
    """Write a number of cores, of which there is one at the least."""
    return f"{max(1, int(count)):,} cores" if count >= 2 else "1 core"  # noqa: PLR2004


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a table in Markdown, all of whose columns but the first are numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
