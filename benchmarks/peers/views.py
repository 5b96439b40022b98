"""What the table, the page of documentation and the report pick from a comparison, and how they put it."""

from collections.abc import Iterator
from typing import Any

from ..wording import interval, percent, quantity, ratio
from .limits import LIMITS

__all__ = [
    "best",
    "entries_by_kernel",
    "explained",
    "failed",
    "limit_words",
    "lost",
    "lost_rows",
    "notes",
    "of_limit",
    "peer_words",
    "rows_by_peer",
    "summary_words",
    "time_words",
]

EXPLAINED = {"missing": "not installed", "wrong": "wrong", "failed": "failed", "skipped": "too slow"}


def best(entry: dict[str, Any]) -> dict[str, Any] | None:
    """Return the row of the fastest peer, or None if none was measured."""
    measured = [row for row in entry["peers"] if row["ratio"] is not None]
    return min(measured, key=lambda row: float(row["ratio"]), default=None)


def lost(row: dict[str, Any]) -> bool:
    """Tell whether the peer was faster, as far as can be told: its whole interval is below 1."""
    if row["interval"] is not None:
        return bool(row["interval"]["high"] < 1)
    return row["ratio"] is not None and row["ratio"] < 1


def lost_rows(comparison: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return the rows in which the peer was faster, each with its entry."""
    return [(entry, row) for entry in comparison["entries"] for row in entry["peers"] if lost(row)]


def entries_by_kernel(comparison: dict[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield each kernel with its entries, in the order of the sizes."""
    for kernel in dict.fromkeys(entry["kernel"] for entry in comparison["entries"]):
        yield kernel, [entry for entry in comparison["entries"] if entry["kernel"] == kernel]


def rows_by_peer(entries: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield for each peer its rows, in the order of the sizes."""
    for rows in zip(*(entry["peers"] for entry in entries), strict=True):
        yield list(rows)


def time_words(entry: dict[str, Any]) -> str:
    """Write how long a call of ours takes."""
    return quantity(entry["time"]["median"]) if entry["time"] else "failed"


def of_limit(entry: dict[str, Any]) -> str:
    """Write how near the machine's limit the kernel is; nothing where that is unknown."""
    if not entry["limit"]:
        return ""
    fraction = entry["limit"]["fraction"]
    return percent(fraction) if fraction < 10 else f"{ratio(fraction)} ×"  # noqa: PLR2004 - 1000 % says less than 10 ×


def peer_words(row: dict[str, Any]) -> str:
    """Write a peer's time over ours, with the interval, or why there is none."""
    if row["ratio"] is None:
        return EXPLAINED[row["status"]]
    few = len(row["seconds"])
    sure = f"[{interval(row['interval'])}]" if row["interval"] else f"[{few} round{'s' if few > 1 else ''}]"
    return f"{ratio(row['ratio'])} {sure}{' lost' if lost(row) else ''}"


def limit_words(entries: list[dict[str, Any]]) -> str:
    """Write what bounds a kernel and how that was counted."""
    known = [entry["limit"] for entry in entries if entry["limit"]]
    if known:
        return f"{LIMITS[known[0]['name']].title}: {known[0]['counted']}"
    reasons = [entry["no_limit"] for entry in entries if entry["no_limit"]]
    return f"not measured: {reasons[0]}" if reasons else "none of the probes"


def summary_words(comparison: dict[str, Any]) -> list[str]:
    """Write the mean for each size, and how many rows were lost."""
    lines = [
        f"{mean['size']}: the best peer takes {ratio(mean['ratio'])} × our time (geometric mean of {mean['kernels']})"
        for mean in comparison["geometric_means"]
        if mean["ratio"] is not None
    ]
    measured = sum(row["ratio"] is not None for entry in comparison["entries"] for row in entry["peers"])
    losses = lost_rows(comparison)
    lines.append(f"{len(losses)} of {measured} comparisons lost" + (":" if losses else ""))
    lines += [f"  {entry['kernel']}, {entry['size']}: {row['name']} {peer_words(row)}" for entry, row in losses]
    return lines


def notes(comparison: dict[str, Any]) -> list[str]:
    """Write why what was not measured was not, a line each; a reason that holds for several sizes once."""
    reasons: dict[tuple[str, str, str], list[str]] = {}
    for entry in comparison["entries"]:
        for row in entry["peers"]:
            if row["reason"]:
                said = (entry["kernel"], row["name"], f"{EXPLAINED[row['status']]}: {row['reason']}")
                reasons.setdefault(said, []).append(entry["size"])
    return [f"{kernel}, {name} ({', '.join(sizes)}): {reason}" for (kernel, name, reason), sizes in reasons.items()]


def failed(comparison: dict[str, Any]) -> list[str]:
    """Write what failed of ours or of the measuring; that a peer is missing or slow is no failure."""
    ours = [f"{e['kernel']}, {e['size']}: {e['error']}" for e in comparison["entries"] if e["error"]]
    theirs = [
        f"{entry['kernel']}, {entry['size']}, {row['name']}: {row['reason']}"
        for entry in comparison["entries"]
        for row in entry["peers"]
        if row["status"] in {"failed", "wrong"} and not entry["error"]
    ]
    return ours + theirs


def explained() -> str:
    """Return what the figures mean."""
    return (
        "Peers: their time over ours, both of one thread, in the same process and round; above 1, ours is faster. "
        "Median and 95 % confidence interval, where there are rounds enough; lost: the interval, or else "
        "the median, is below 1. "
        "Of limit: the kernel's work, counted as the textbook's formula does it, over the peak that a probe measured "
        "right after it. A kernel that does less than the formula may exceed 100 %."
    )
