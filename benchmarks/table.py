"""The results as tables in a terminal."""

from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from .bench import failures
from .implementations import IMPLEMENTATIONS, REFERENCE
from .models import MODELS, SERIAL
from .outlook import lines
from .views import featured, gil_of, reasons
from .wording import (
    bytes_,
    columns_explained,
    costs_explained,
    flags,
    holding,
    interval,
    percent,
    quantity,
    ratio,
    singular,
)

__all__ = ["WIDTH", "show"]

# Of the tables where the output is no terminal.
WIDTH = 100

STYLES = {"pure": "green", "held": "red", "released": "blue"}


def show(results: dict[str, Any], console: Console) -> None:
    """Print a table for each kernel, what its columns mean, and what failed."""
    for kernel in results["kernels"]:
        console.print(heading(kernel))
        console.print()
        for python in (None, *results["plan"]["pythons"]):
            console.print(table(kernel, python))
            console.print()
        if results["plan"]["models"]:
            console.print(costs(results, kernel))
            console.print()
    for line in lines(results):
        console.print(Text(line))
    console.print(Text(columns_explained(results), style="dim"))
    if results["plan"]["models"]:
        console.print(Text(costs_explained(), style="dim"))
    for reason, names in reasons(results).items():
        console.print(Text(f"Not run: {', '.join(names)}: {reason}", style="yellow"))
    for failure in failures(results):
        console.print(Text(f"FAILED: {failure}", style="bold red"))


def heading(kernel: dict[str, Any]) -> RenderableType:
    """Return what was computed and what the machine can reach."""
    work, twin = kernel["work"][REFERENCE.name], kernel["work"]["pure"]
    lines = [Text(kernel["name"], style="bold")]
    if work["units"] and twin["units"]:
        lines.append(
            Text(
                f"{work['units']:,} {kernel['unit']} a pass, in {work['pieces']} pieces; "
                f"pure Python: {twin['units']:,}, of a smaller problem; {kernel['rounds']} rounds",
                style="dim",
            )
        )
    for limit in kernel["limits"]:
        reached = limit["error"] or f"{ratio(limit['ratio']['median'])} × [{interval(limit['ratio'])}]"
        lines.append(
            Text(
                f"machine limit: {limit['workers']} independent processes reach {reached}", style="dim", overflow="fold"
            )
        )
    for name in IMPLEMENTATIONS:
        gil = gil_of(kernel, name)
        if gil:
            lines.append(Text(f"{name}: {holding(gil)}", style="dim"))
    return Group(*lines)


def table(kernel: dict[str, Any], python: str | None = None) -> Table:
    """Return a kernel's cells in an interpreter, a row each, under their implementations."""
    result = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    result.add_column("" if python is None else f"Python {python}", no_wrap=True)
    result.add_column("workers", justify="right")
    result.add_column(f"per {singular(kernel['unit'])}", justify="right")
    result.add_column("speed-up", no_wrap=True)
    result.add_column("of ideal", justify="right")
    result.add_column("of limit", justify="right")
    result.add_column("", no_wrap=True)
    for name, implementation in IMPLEMENTATIONS.items():
        result.add_row(Text(implementation.title, style=f"bold {STYLES[name]}"))
        for cell in kernel["cells"]:
            if (cell["implementation"], cell["python"]) == (name, python):
                result.add_row(*columns(cell))
    return result


def columns(cell: dict[str, Any]) -> list[RenderableType]:
    """Return a cell's columns."""
    speedup, serial = cell["speedup"], cell["model"] == SERIAL.name
    compared = speedup is not None and not serial
    return [
        f"  {MODELS[cell['model']].title}",
        "" if serial else str(cell["workers"]),
        quantity(cell["per_unit"]["median"]) if cell["per_unit"] else "",
        Text.assemble((ratio(speedup["median"]), "bold"), f" [{interval(speedup)}]") if compared else "",
        percent(cell["efficiency"]) if compared else "",
        percent(cell["of_limit"]["median"]) if compared and cell["of_limit"] else "",
        state(cell),
    ]


def state(cell: dict[str, Any]) -> Text:
    """Return what a reader of a cell's numbers should know, in short: reasons stand below the table."""
    if cell["error"]:
        return Text("FAILED", style="bold red")
    return Text("not run" if cell["missing"] else flags(cell), style="yellow")


def costs(results: dict[str, Any], kernel: dict[str, Any]) -> Table:
    """Return what each model takes besides time, with its featured number of workers."""
    result = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    result.add_column("what it takes", no_wrap=True)
    for name in ("workers", "start-up", "pickled", "memory", "waits: pure", "held", "released"):
        result.add_column(name, justify="right", no_wrap=True)
    for model in (SERIAL.name, *results["plan"]["models"]):
        cells = {name: featured(results, kernel, name, model) for name in IMPLEMENTATIONS}
        cell = cells[REFERENCE.name]
        if cell is not None and cell["startup"] is not None:
            waits = (each["heartbeat"] if each else None for each in cells.values())
            result.add_row(
                f"  {MODELS[model].title}",
                "" if model == SERIAL.name else str(cell["workers"]),
                quantity(cell["startup"]) if cell["startup"] else "",
                bytes_(sum(cell["pickled"].values())) if cell["pickled"] else "",
                bytes_(cell["memory"]) if cell["memory"] else "",
                *(quantity(wait) if wait else "" for wait in waits),
            )
    return result
