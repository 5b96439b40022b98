"""The atlas as people read it: in a terminal, and as a page of the documentation."""

import platform
from collections.abc import Iterator, Sequence
from itertools import groupby
from statistics import median

from gilfree.info import cpu_model
from gilfree.observe._atlas import Row
from gilfree.observe._words import duration, percent
from gilfree.workers import cpu_count

__all__ = ["as_markdown", "as_text", "summary"]

HEADINGS = ("function", "held", "releases", "a call", "2 threads")
NOTHING = "–"
NEARLY_ALL = 0.95

# Rows that hold the GIL for no more than this, by as long calls, show what two threads can reach on the machine.
FREE = 0.01
LONG_SECONDS = 1e-3
QUIET = 1.7

INTRODUCTION = """\
# The atlas of the GIL

Which functions release the GIL, for how much of a call, and what do two threads gain? Each was measured by
[`gilfree probe`](probe.md), in a process of its own.

- **Held**: share of a call during which the calling thread holds the GIL. At 100 % no other thread runs Python code
  meanwhile; at 50 % no number of threads can be more than twice as fast as one.
- **Releases**: how often a call lets the GIL go. {releases} Where calls differ, their mean. Many releases in a short
  call cost time beside other threads that compute in Python, since each time the GIL has to be won back.
- **A call**: its median duration. The input is of a size that takes some milliseconds where that is possible. Many
  functions release the GIL for large input only; a row is of one size.
- **2 threads**: how much faster two threads do as much work as one after the other: 2.00× is ideal, 1.00× is no gain.
  Of all figures this is the one that depends on the machine, and on what else it does.

Libraries that would compute in threads of their own (BLAS, OpenMP, Polars, Rayon …) were given one, so that what is
seen is the work of the calling threads. Where a library hands its work over to that one thread, as Polars does, two
callers share it: the GIL is released, and they still gain nothing. What exactly a row measures, input and all, is in
`src/gilfree/observe/_atlas_standard.py` and `_atlas_packages.py`.
"""


def summary(rows: Sequence[Row]) -> str:
    """Return how many hold the GIL, and how many release it."""
    shares = [row.held for row in rows if row.held is not None]
    packages = len({row.package for row in rows if row.held is not None})
    held = sum(share >= NEARLY_ALL for share in shares)
    released = sum(share <= 1 - NEARLY_ALL for share in shares)
    return (
        f"Of {_count(len(shares), 'function')} of {_count(packages, 'package')}, {held} hold the GIL for 95 % of a "
        f"call or more, {released} release it for 95 % or more, and {len(shares) - held - released} are in between."
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def as_text(rows: Sequence[Row], lacking: Sequence[str]) -> str:
    """Return the table as text."""
    width = max(len(HEADINGS[0]), *(len(row.function) for row in rows))
    lines = [_line(HEADINGS, width)]
    for title, group in _by_package(rows):
        lines += [
            "",
            title,
            *(_line(_cells(row), width) if row.error is None else _failed(row, width) for row in group),
        ]
    lines += ["", summary(rows)]
    if lacking:
        lines.append(f"Not installed: {', '.join(lacking)}.")
    return "\n".join(lines)


def as_markdown(rows: Sequence[Row], lacking: Sequence[str], date: str) -> str:
    """Return a page of the documentation."""
    measured = [row for row in rows if row.error is None]
    exact = {row.mechanism for row in measured} <= {"exact"}
    counted = "These are counted, and exact." if exact else "Not known where the GIL was sampled rather than counted."
    parts = [INTRODUCTION.format(releases=counted), summary(rows), "", _platform(date), *_yardstick(measured)]
    for title, group in _by_package(measured):
        parts += ["", f"## {title}", "", "| Function | Held | Releases | A call | 2 threads |", "|---|--:|--:|--:|--:|"]
        parts += [f"| {' | '.join(_escaped(_cells(row)))} |" for row in group]
    failed = [row for row in rows if row.error is not None]
    if failed:
        parts += ["", "## Not measured", ""]
        parts += [f"- `{row.function}` ({row.package} {row.version}): {_reason(row)}" for row in failed]
    if lacking:
        parts += ["", "## Not installed", "", f"{', '.join(lacking)}."]
    return "\n".join(parts) + "\n"


def _platform(date: str) -> str:
    processor = cpu_model() or platform.machine()
    return (
        f"Measured on {date} with Python {platform.python_version()} ({platform.python_compiler()}) on "
        f"{platform.system()}, {processor}, {cpu_count()} CPUs. `make atlas` in a checkout builds this page anew; "
        "`gilfree atlas` shows the same for the packages that you have installed."
    )


def _yardstick(rows: Sequence[Row]) -> Iterator[str]:
    """Tell what two threads reach where the GIL is in nobody's way, and so whether the machine was free."""
    free = [
        row.speedup
        for row in rows
        if row.speedup is not None and row.held is not None and row.held <= FREE and (row.seconds or 0) >= LONG_SECONDS
    ]
    if not free:
        return
    reached = median(free)
    yield ""
    yield (
        f"The median of the {len(free)} rows that take a millisecond or more and hold the GIL for at most 1 % of it "
        f"is {reached:.2f}×: so much had the machine to give."
    )
    if reached < QUIET:
        yield ""
        yield (
            "**Two threads gained little even where the GIL is in nobody's way: the CPUs had other work to do, or "
            "share a core. The last column shows that more than it shows the functions.**"
        )


def _by_package(rows: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    for title, group in groupby(rows, lambda row: f"{row.package} {row.version}"):
        yield title, list(group)


def _cells(row: Row) -> tuple[str, ...]:
    releases = f"{row.releases:.1f}" if isinstance(row.releases, float) else str(row.releases)
    return (
        row.function,
        NOTHING if row.held is None else percent(row.held),
        NOTHING if row.releases is None else releases,
        NOTHING if row.seconds is None else duration(row.seconds),
        NOTHING if row.speedup is None else f"{row.speedup:.2f}×",
    )


def _line(cells: Sequence[str], width: int) -> str:
    function, held, releases, seconds, speedup = cells
    return f"  {function:<{width}}  {held:>8}  {releases:>9}  {seconds:>8}  {speedup:>9}"


def _failed(row: Row, width: int) -> str:
    return f"  {row.function:<{width}}  {_reason(row)}"


def _reason(row: Row) -> str:
    return f"not available ({row.error})" if row.missing else str(row.error)


def _escaped(cells: Sequence[str]) -> Iterator[str]:
    function, *figures = cells
    # A bar would end the cell, even within code.
    yield "`" + function.replace("|", "\\|") + "`"
    yield from figures
