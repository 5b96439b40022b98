"""``gilfree atlas``, once its arguments are parsed."""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

from gilfree.observe._atlas import Row, as_json, measure, not_installed
from gilfree.observe._atlas_entries import matching
from gilfree.observe._atlas_report import as_markdown, as_text
from gilfree.observe._probe import Prober
from gilfree.observe._words import percent

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["run"]

FAILED = 1
USAGE_ERROR = 2


def run(options: argparse.Namespace) -> int:
    """Measure, print and write; return the exit status."""
    try:
        _check(options)
    except (ValueError, OSError) as error:
        print(f"gilfree atlas: {error}", file=sys.stderr)
        return USAGE_ERROR
    entries = matching(options.pattern)
    lacking = not_installed(entries)
    rows = []
    with _listener(sum(entry.package not in lacking for entry in entries)) as told:
        for row in measure(entries, budget=options.budget, jobs=options.jobs, tell=told.begin):
            told.done(row)
            rows.append(row)
    print(as_text(rows, lacking))
    if options.json:
        options.json.write_text(json.dumps(as_json(rows), indent=2) + "\n", encoding="utf-8")
    if options.markdown:
        today = datetime.now(UTC).date().isoformat()
        options.markdown.write_text(as_markdown(rows, lacking, today), encoding="utf-8")
    return FAILED if any(row.error is not None and not row.missing for row in rows) else 0


def _check(options: argparse.Namespace) -> None:
    """Refuse now what would fail only once minutes have passed."""
    try:
        Prober(options.budget)
    except ValueError as error:
        raise ValueError(f"--{error}") from None
    if not matching(options.pattern):
        raise ValueError(f"-k: wanted a part of a function's or a package's name, got {options.pattern!r}")
    for file in (options.json, options.markdown):
        if file is not None and not file.parent.is_dir():
            raise ValueError(f"{file}: there is no directory {file.parent}")


class Listener(Protocol):
    """Hears how far the atlas has got."""

    def begin(self, function: str) -> None:
        """Hear that a function is measured now."""

    def done(self, row: Row) -> None:
        """Hear what was found."""


class _Lines:
    """A line for each row."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._count = 0

    def begin(self, function: str) -> None:
        """Wait for the result."""

    def done(self, row: Row) -> None:
        """Print it."""
        self._count += 1
        what = row.error if row.held is None else f"holds the GIL for {percent(row.held)}"
        print(f"[{self._count}/{self._total}] {row.function}: {what}", file=sys.stderr)


@contextmanager
def _listener(total: int) -> Iterator[Listener]:
    """Yield a progress bar if this is a terminal and rich is installed."""
    if not sys.stderr.isatty() or find_spec("rich") is None:
        yield _Lines(total)
        return
    from rich.console import Console  # noqa: PLC0415 - it is optional
    from rich.progress import Progress  # noqa: PLC0415

    with Progress(console=Console(stderr=True), transient=True) as progress:
        yield _Bar(progress, total)


class _Bar:
    """A progress bar of rich."""

    def __init__(self, progress: "Progress", total: int) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=total)

    def begin(self, function: str) -> None:
        """Show it."""
        self._progress.update(self._task, description=function)

    def done(self, row: Row) -> None:  # noqa: ARG002
        """Move on."""
        self._progress.advance(self._task)
