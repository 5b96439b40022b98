"""A comparison as a page of documentation."""

from typing import Any

from gilfree.info import as_text

from .views import (
    entries_by_kernel,
    explained,
    limit_words,
    notes,
    of_limit,
    peer_words,
    rows_by_peer,
    summary_words,
    time_words,
)

__all__ = ["render"]


def render(results: dict[str, Any]) -> str:
    """Return the page."""
    comparison = results["peers"]
    sizes = comparison["sizes"]
    lines = [
        "# Beside other libraries",
        "",
        f"Written by `gilfree bench --peers --markdown`, {results['started'][:10]}.",
        "",
        *(f"- {line.strip()}" for line in summary_words(comparison)),
        "",
        explained(),
    ]
    for kernel, entries in entries_by_kernel(comparison):
        lines += ["", f"## {kernel}", "", "| | " + " | ".join(sizes) + " |", "|---|" + "---|" * len(sizes)]
        ours = (f"**{time_words(entry)}**, {of_limit(entry) or 'unknown'}" for entry in entries)
        lines.append("| gilfree, of limit | " + " | ".join(ours) + " |")
        for rows in rows_by_peer(entries):
            version = next((row["version"] for row in rows if row["version"]), "")
            lines.append(f"| {rows[0]['name']} {version} | " + " | ".join(map(cell, rows)) + " |")
        lines += ["", f"Limit: {limit_words(entries)}."]
    reasons = [f"- {line}" for line in notes(comparison)]
    if reasons:
        lines += ["", "## What is not in the figures", "", *reasons]
    return "\n".join([*lines, "", "## The machine", "", "```", as_text(results["machine"]), "```", ""])


def cell(row: dict[str, Any]) -> str:
    """Return a peer's figures, those of a lost row in bold."""
    return peer_words(row).replace(" lost", " **lost**")
