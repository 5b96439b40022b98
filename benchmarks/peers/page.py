"""A comparison as a section of the report."""

from html import escape
from typing import Any

from ..markup import scrolling
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

__all__ = ["METHOD", "headline", "section"]

METHOD = (
    "<p>Each kernel and its peers got the same input, in one process for each size, with every thread pool set to one "
    "thread. A peer's result was checked against the kernel's before anything was timed. Then calls of the two "
    "alternated, and each round gave a ratio. Shown are medians over the rounds and their confidence intervals from "
    "order statistics, which assume nothing about how times are distributed. The limits are what small C programs, "
    "compiled for this processor in this very run, reached right after the kernel.</p>"
)


def headline(comparison: dict[str, Any]) -> str:
    """Return the finding in a sentence."""
    lines = [line for line in summary_words(comparison) if not line.startswith(" ")]
    return escape("; ".join(line.removesuffix(":") for line in lines)) + "."


def section(comparison: dict[str, Any] | None) -> str:
    """Return the table and what belongs to it; nothing where there was no comparison."""
    if comparison is None:
        return ""
    head = "".join(f"<th>{escape(size)}</th>" for size in comparison["sizes"])
    rows = []
    for kernel, entries in entries_by_kernel(comparison):
        times = "".join(
            f'<td><strong>{escape(time_words(entry))}</strong> <span class="soft">{escape(of_limit(entry))}</span></td>'
            for entry in entries
        )
        rows.append(f'<tr class="group released"><th>{escape(kernel.replace("_", " "))}</th>{times}</tr>')
        rows += [peer_row(peers) for peers in rows_by_peer(entries)]
        span = 1 + len(comparison["sizes"])
        rows.append(f'<tr><td class="soft wide" colspan="{span}">Limit: {escape(limit_words(entries))}</td></tr>')
    reasons = "".join(f"<li>{escape(line)}</li>" for line in notes(comparison))
    return (
        f'<h2>Beside other libraries</h2><p class="soft">{escape(explained())}</p>'
        + scrolling(
            "Beside other libraries",
            f'<table class="peers"><thead><tr><th></th>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>',
        )
        + (f'<ul class="soft">{reasons}</ul>' if reasons else "")
    )


def peer_row(rows: list[dict[str, Any]]) -> str:
    """Return a peer's row."""
    cells = "".join(f"<td{css(row)}>{escape(peer_words(row))}</td>" for row in rows)
    version = next((row["version"] for row in rows if row["version"]), "")
    return f'<tr><td>{escape(rows[0]["name"])} <span class="soft">{escape(version)}</span></td>{cells}</tr>'


def css(row: dict[str, Any]) -> str:
    """Return what sets a cell off from the others, as an attribute."""
    if row["ratio"] is None:
        return ' class="soft"' if row["status"] == "missing" else ' class="flag"'
    return ' class="lost"' if lost(row) else ""
