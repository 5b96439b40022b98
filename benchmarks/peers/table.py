"""A comparison as a table in a terminal."""

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .views import (
    entries_by_kernel,
    explained,
    limit_words,
    lost,
    notes,
    of_limit,
    peer_words,
    rows_by_peer,
    summary_words,
    time_words,
)

__all__ = ["WIDTH", "show"]

WIDTH = 124  # where the output is no terminal


def show(comparison: dict[str, Any], console: Console) -> None:
    """Print the table, its means, what it means and what is missing from it."""
    console.print(table(comparison))
    console.print()
    for line in summary_words(comparison):
        console.print(Text(line, style="bold"))
    console.print()
    console.print(Text("Limits", style="bold"))
    for kernel, entries in entries_by_kernel(comparison):
        console.print(Text(f"{kernel}: {limit_words(entries)}", style="dim"))
    console.print()
    for line in notes(comparison):
        console.print(Text(line, style="yellow"))
    console.print(Text(explained(), style="dim"))


def table(comparison: dict[str, Any]) -> Table:
    """Return a row for each kernel, followed by one for each of its peers; a column for each size."""
    result = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    result.add_column("", overflow="fold")
    for size in comparison["sizes"]:
        result.add_column(size, no_wrap=True)
    for kernel, entries in entries_by_kernel(comparison):
        times = [Text.assemble((time_words(entry), "bold"), f"  {of_limit(entry)}") for entry in entries]
        result.add_row(Text(kernel, style="bold"), *times)
        for rows in rows_by_peer(entries):
            result.add_row(f"  {rows[0]['name']}", *(Text(peer_words(row), style=style(row)) for row in rows))
    return result


def style(row: dict[str, Any]) -> str:
    """Return how a peer's figures are printed."""
    if row["ratio"] is None:
        return "dim" if row["status"] == "missing" else "yellow"
    return "red" if lost(row) else ""
