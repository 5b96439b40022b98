"""Runs the comparison: a process for each kernel and size, started anew without a peer that made it end."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from statistics import geometric_mean, median
from tempfile import TemporaryDirectory
from typing import Any

from gilfree.kernels import KERNELS

from ..problems import PROBLEMS
from ..progress import Listener
from ..remote import KEEP_FREED_MEMORY, CellError, Remote
from ..summary import fewest_rounds, summarise
from .cell import Order
from .limits import compile_limits
from .views import best

__all__ = ["ONE_THREAD", "SIZES", "compare"]

# Sizes of the problems, and seconds for each peer: about so long ours and the peer's calls alternate.
SIZES = {"small": 0.5, "medium": 2.0, "large": 5.0}
MODULE = f"{__package__}.cell"
# A process that says nothing for so long is given up.
PATIENCE_SECONDS = 90.0
# Read when a library is loaded, so they have to be there before; what else it takes is up to `Peer.prepare`.
ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "BLIS_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "NUMBA_NUM_THREADS",
        "RAYON_NUM_THREADS",
    ),
    "1",
)


def compare(kernels: Sequence[str], sizes: Sequence[str], listener: Listener) -> dict[str, Any]:
    """Compare these kernels with their peers; return the results as they are written to results.json."""
    entries = []
    with TemporaryDirectory() as folder:
        try:
            limits, no_limits = str(compile_limits(Path(folder))), None
        except OSError as error:
            limits, no_limits = None, str(error)
        for kernel in kernels:
            listener.begin(kernel, len(sizes) * (1 + len(PROBLEMS[kernel].peers)))
            earlier: dict[str, Any] | None = None
            for size in sizes:
                listener.step(f"{size}: starting", notable=True)
                earlier = compare_one(kernel, size, earlier, limits, listener)
                if earlier["limit"] is None and PROBLEMS[kernel].effort and not earlier["error"]:
                    earlier["no_limit"] = no_limits
                entries.append(earlier)
            listener.end()
    return {"sizes": list(sizes), "entries": entries, "geometric_means": geometric_means(entries, sizes)}


def compare_one(
    kernel: str, size: str, earlier: dict[str, Any] | None, limits: str | None, listener: Listener
) -> dict[str, Any]:
    """Compare a kernel with its peers on one problem, given the results of the size before."""
    peers = PROBLEMS[kernel].peers
    rows: dict[str, dict[str, Any]] = {}
    units: int | None = None
    end: dict[str, Any] = {"seconds": [], "limit": None}
    error: str | None = None
    while True:
        waiting = [peer.name for peer in peers if peer.name not in rows]
        order = Order(kernel, size, waiting, SIZES[size], limits, paces(earlier))
        turn: str | None = None
        with closing(Remote(MODULE, asdict(order), KEEP_FREED_MEMORY | ONE_THREAD)) as remote:
            try:
                [(_, ours)] = remote.listen(PATIENCE_SECONDS).items()
                units = ours["units"]
                for _ in range(2 * len(waiting)):
                    [(what, said)] = remote.listen(PATIENCE_SECONDS).items()
                    if what == "turn":
                        turn = said
                        listener.step(f"{size}: {turn}")
                    else:
                        turn = None
                        rows[said["name"]] = said
                end = remote.listen(PATIENCE_SECONDS)["end"]
            except CellError as failure:
                if turn is not None:
                    rows[turn] = {"name": turn, "version": None, "status": "failed", "reason": str(failure)}
                    continue
                error = str(failure)
        break
    ordered = [rows.get(peer.name) for peer in peers]
    return work_out(kernel, size, units, rows=ordered, end=end, error=error)


def paces(earlier: dict[str, Any] | None) -> dict[str, float]:
    """Return how long peers took for a unit of work. A small problem tells little of that, and is not asked."""
    if earlier is None or earlier["size"] == "small" or not earlier["units"]:
        return {}
    return {row["name"]: median(row["seconds"]) / earlier["units"] for row in earlier["peers"] if row["seconds"]}


def work_out(
    kernel: str,
    size: str,
    units: int | None,
    *,
    rows: Sequence[dict[str, Any] | None],
    end: dict[str, Any],
    error: str | None,
) -> dict[str, Any]:
    """Return what is known of a kernel at a size; what could not be measured is None."""
    seconds = end["seconds"]
    limit = end["limit"]
    if limit is not None:
        limit = {**limit, "fraction": limit["amount"] / median(seconds) / limit["peak"]}
    return {
        "kernel": kernel,
        "dwarf": KERNELS[kernel].dwarf,
        "size": size,
        "unit": PROBLEMS[kernel].unit,
        "units": units,
        "error": error,
        "seconds": seconds,
        "time": summarise(seconds).as_json() if seconds else None,
        "limit": limit,
        "no_limit": None,
        "peers": [
            peer_row(peer.package, row or {"name": peer.name, "version": None, "status": "failed", "reason": error})
            for peer, row in zip(PROBLEMS[kernel].peers, rows, strict=True)
        ],
    }


def peer_row(package: str, row: dict[str, Any]) -> dict[str, Any]:
    """Return a peer's row with all its fields."""
    ours, seconds = list(row.get("ours", ())), list(row.get("seconds", ()))
    ratios = [theirs / mine for mine, theirs in zip(ours, seconds, strict=True)]
    enough = len(ratios) >= fewest_rounds()
    return {
        "name": row["name"],
        "package": package,
        "version": row["version"],
        "status": row["status"],
        "reason": row["reason"],
        "ours": ours,
        "seconds": seconds,
        "time": summarise(seconds).as_json() if enough else None,
        "ratio": median(ratios) if ratios else None,
        "interval": summarise(ratios).as_json() if enough else None,
    }


def geometric_means(entries: Sequence[dict[str, Any]], sizes: Sequence[str]) -> list[dict[str, Any]]:
    """Return for each size the mean over the kernels of the best peer's time over ours."""
    means = []
    for size in sizes:
        ratios = [row["ratio"] for entry in entries if entry["size"] == size if (row := best(entry)) is not None]
        means.append({"size": size, "kernels": len(ratios), "ratio": geometric_mean(ratios) if ratios else None})
    return means
