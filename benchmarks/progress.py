"""How far a run has got: a bar on a terminal, lines elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

__all__ = ["Listener", "Silent", "listener"]


class Listener(Protocol):
    """Hears of every step of a run."""

    def begin(self, kernel: str, steps: int) -> None:
        """Hear that a kernel is next, and takes so many steps."""

    def step(self, what: str, *, notable: bool = False) -> None:
        """Hear what is being done now; where there is room for little, only notable steps are told."""

    def end(self) -> None:
        """Hear that the kernel is done, perhaps in fewer steps than was said."""


class Silent:
    """Tells nobody."""

    def begin(self, kernel: str, steps: int) -> None:
        """Tell nobody."""

    def step(self, what: str, *, notable: bool = False) -> None:
        """Tell nobody."""

    def end(self) -> None:
        """Tell nobody."""


class Bar:
    """A progress bar for each kernel."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", visible=False, what="")

    def begin(self, kernel: str, steps: int) -> None:
        """Add a bar."""
        self._task = self._progress.add_task(kernel, total=steps, what="")

    def step(self, what: str, *, notable: bool = False) -> None:  # noqa: ARG002
        """Move it on."""
        self._progress.update(self._task, advance=1, what=what)

    def end(self) -> None:
        """Fill it."""
        task = self._progress.tasks[self._task]
        self._progress.update(self._task, completed=task.total, what="done")


class Lines:
    """A line for each notable step."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._kernel = ""

    def begin(self, kernel: str, steps: int) -> None:  # noqa: ARG002
        """Remember whose steps follow."""
        self._kernel = kernel

    def step(self, what: str, *, notable: bool = False) -> None:
        """Print it."""
        if notable:
            self._console.print(f"{self._kernel}: {what}", highlight=False)

    def end(self) -> None:
        """Say so."""
        self._console.print(f"{self._kernel}: done", highlight=False)


@contextmanager
def listener(console: Console) -> Iterator[Listener]:
    """Yield what suits the console."""
    if not console.is_terminal:
        yield Lines(console)
        return
    columns = (
        TextColumn("{task.description:<18}"),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        TextColumn("{task.fields[what]}", style="dim"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield Bar(progress)
