"""How far the kernel calls of a block have got, on the terminal or for a callback.

One thread looks ten times a second at what the calls have counted, and shows it. The calls never wait for it.
"""

import os
import shutil
import sys
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, ParamSpec, Protocol, Self, TextIO, TypeAlias, TypeVar

from gilfree.watching import State, Watch, WatchedCall, current_watch, open_call, watches

__all__ = ["Progress", "ProgressScope", "progress"]

P = ParamSpec("P")
T = TypeVar("T")

TICK_SECONDS = 0.1
LINE_SECONDS = 10.0  # between two lines about one call, where they do not replace each other
MOST_BARS = 8  # of calls that are over

Callback: TypeAlias = "Callable[[Progress], object]"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one call of a kernel has got.

    Attributes
    ----------
    kernel : str
        The function that was called.
    call : int
        The number of the call in its block, from 1: calls of several threads run at the same time.
    done, total : int
        In the kernel's own unit. They are equal in the last report of a call that returned, and in no other.
    seconds : float
        Since the call began; in its last report, how long it took.
    state : str
        "running", or, in the last report of a call, "done", or "stopped" if it raised.

    Notes
    -----
    Thread safety: safe on shared objects, since it does not change.
    """

    __module__ = "gilfree"

    kernel: str
    call: int
    done: int
    total: int
    seconds: float
    state: State


class Front(Protocol):
    """What shows reports."""

    def show(self, reports: list[Progress]) -> None:
        """Show one report of each call that runs or has ended since the last time."""

    def close(self) -> None:
        """Show no more."""


class ProgressScope:
    """A block of code whose kernel calls are watched; `progress` makes one.

    Calls belong to it as to a `gilfree.cancel_scope`: those made in its context, and in threads that have a copy of
    that; calls in other threads join by `run`.

    Notes
    -----
    Thread safety: safe on shared objects, except that one thread alone may enter and leave the ``with`` block.
    """

    __module__ = "gilfree"
    __slots__ = ("_closing", "_error", "_fronts", "_outer", "_process", "_thread", "_watch")

    def __init__(self, fronts: list[Front]) -> None:
        self._fronts = fronts
        self._watch: Watch | None = None
        self._outer: Watch | None = None
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._process = 0
        self._error: BaseException | None = None  # the first that a front raised

    def __enter__(self) -> Self:
        if self._watch is not None:
            raise RuntimeError("progress: wanted a new one for each with statement, got one entered before")
        self._watch = Watch()
        if self._fronts:
            # A daemon if this thread is one: else it would keep the process from ending where the block does not.
            self._thread = threading.Thread(target=self._show_all, args=(threading.current_thread(),))
            self._thread.start()
            self._process = os.getpid()
            self._outer = current_watch.get()
            watches.add(self._watch)
            current_watch.set(self._watch)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # Not so in a forked process, where the thread is missing and its locks may be locked.
        if self._watch not in watches or os.getpid() != self._process or self._thread is None:
            return
        if current_watch.get() is self._watch:
            current_watch.set(self._outer)
        watches.discard(self._watch)
        self._closing.set()
        self._thread.join()
        if self._error is not None:
            warnings.warn(
                f"progress: the callback raised {self._error!r}; the kernels went on", RuntimeWarning, stacklevel=2
            )

    def run(self, func: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Return ``func(*args, **kwargs)``, called in this block by whatever thread this is.

        Executors do not hand the caller's context on to their threads; ``pool.submit(bar.run, func, *args)`` makes up
        for it. Thread safety: safe on shared objects, as far as ``func`` is.
        """
        if self._watch not in watches:  # nobody looks, or the block is over
            return func(*args, **kwargs)
        token = current_watch.set(self._watch)
        try:
            return func(*args, **kwargs)
        finally:
            current_watch.reset(token)

    def _show_all(self, owner: threading.Thread) -> None:
        """Show the calls until the block is left, or its thread has ended without that, and once more after that."""
        live: dict[int, WatchedCall] = {}
        calls = 0
        closing = False
        while not closing:
            closing = self._closing.wait(TICK_SECONDS) or not owner.is_alive()
            assert self._watch is not None  # noqa: S101 - for the type checker
            while self._watch.begun:
                calls += 1
                live[calls] = self._watch.begun.popleft()
            reports = [_report(number, call) for number, call in live.items()]
            if reports:
                self._tell(lambda front: front.show(reports))  # noqa: B023 - called at once
            live = {report.call: live[report.call] for report in reports if report.state == "running"}
        self._tell(lambda front: front.close())
        watches.discard(self._watch)

    def _tell(self, what: Callable[[Front], None]) -> None:
        for front in self._fronts:
            try:
                what(front)
            except BaseException as error:  # noqa: BLE001 - whatever it is, the other fronts go on
                self._error = self._error or error


def progress(*, callback: "Callback | None" = None, show: bool | None = None) -> ProgressScope:
    """Show how far the kernel calls in a ``with`` block have got.

    On a terminal each call of a tenth of a second or more gets a bar, drawn by rich where that is installed, else a
    part of a line.

    Parameters
    ----------
    callback : callable, optional
        Is called with a `Progress` for each call that runs, ten times a second, and once when the call has ended: then
        its ``state`` is not "running". Always by one and the same thread, which is not the caller's.
    show : bool, optional
        Whether to write to stderr. By default, if that is a terminal and there is no callback. Where it is no terminal,
        what is written is a line when a call ends, and every ten seconds until then.

    Returns
    -------
    ProgressScope
        With the method ``run(func, *args)``, for calls in threads that do not have the context of the block.

    Raises
    ------
    TypeError
        The callback cannot be called.

    Warns
    -----
    RuntimeWarning
        When the block is left, if the callback raised; the first time is told, and the kernels are not disturbed.

    Notes
    -----
    Cores count what they have done, also without the GIL and in several threads. Where workers are processes, elsewhere
    or behind a callable like `map`, what is done is what chunks have come back. A call that holds the GIL
    (``release_gil=False``) leaves no other thread a chance to look; it is shown when it is over. A call that ends
    before all that there might have been to do is done, with a cover that was found or texts that are alike, leaps to
    the end. The inner of two blocks shows all that is called in it. Leaving the block waits for the last reports.
    Thread safety: safe on shared objects; each call returns a block of its own.

    Examples
    --------
    >>> import gilfree
    >>> reports = []
    >>> with gilfree.progress(callback=reports.append):
    ...     counts = gilfree.mandelbrot(64, 48)
    >>> reports[-1].kernel, reports[-1].done, reports[-1].total
    ('mandelbrot', 3072, 3072)
    """
    if callback is not None and not callable(callback):
        raise TypeError(f"callback: wanted a callable or None, got {type(callback).__name__}")
    stream: TextIO | None = sys.stderr
    terminal = stream is not None and stream.isatty()
    fronts: list[Front] = [] if callback is None else [Caller(callback)]
    if stream is not None and (terminal and callback is None if show is None else show):
        fronts.append(_terminal_front(stream) if terminal else Lines(stream))
    return ProgressScope(fronts)


def _report(number: int, call: WatchedCall) -> Progress:
    state, total = call.state, call.total  # once, and first: what is read after it is at least as new
    seconds = time.perf_counter() - call.began if state == "running" else call.seconds
    return Progress(call.kernel, number, call.done(state, total), total, seconds, state)


class Caller:
    """Hands each report to the callback."""

    def __init__(self, callback: Callback) -> None:
        self._callback = callback

    def show(self, reports: list[Progress]) -> None:
        """Call it with each, whatever it makes of the others."""
        first: BaseException | None = None
        for report in reports:
            try:
                self._callback(report)
            except BaseException as error:  # noqa: BLE001 - raised below
                first = first or error
        if first is not None:
            raise first

    def close(self) -> None:
        """Do nothing: the callback has heard of the end of each call."""


def in_words(report: Progress) -> str:
    """Return a report as a few words."""
    if report.state != "running":
        return f"{report.kernel} {report.state} in {report.seconds:.1f} s"
    words = f"{report.kernel} {report.done / max(report.total, 1):4.0%} after {report.seconds:.1f} s"
    if report.done:
        words += f", {report.seconds * (report.total - report.done) / report.done:.1f} s left"
    return words


class Lines:
    """A line for each call that has ended, and now and then one of those that run: for a file."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._told: dict[int, float] = {}

    def show(self, reports: list[Progress]) -> None:
        """Write what is due."""
        for report in reports:
            due = self._told.get(report.call, 0.0) + LINE_SECONDS
            if report.state != "running":
                self._told.pop(report.call, None)
                due = TICK_SECONDS
            if report.seconds >= due:
                self._stream.write(in_words(report) + "\n")
                if report.state == "running":
                    self._told[report.call] = report.seconds
        self._stream.flush()

    def close(self) -> None:
        """Do nothing: all lines are complete."""


class Line:
    """One line, written over again and again: for a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._length = 0

    def show(self, reports: list[Progress]) -> None:
        """Write what fits of all calls."""
        shown = [in_words(report) for report in reports if report.seconds >= TICK_SECONDS]
        if shown:
            words = " | ".join(shown)[: shutil.get_terminal_size().columns - 1]
            self._stream.write("\r" + words.ljust(self._length))
            self._stream.flush()
            self._length = len(words)

    def close(self) -> None:
        """Go to the next line."""
        if self._length:
            self._stream.write("\n")
            self._stream.flush()


class Bars:
    """A bar for each call."""

    def __init__(self, bars: Any) -> None:  # noqa: ANN401 - rich's, which need not be installed
        self._bars = bars
        self._tasks: dict[int, Any] = {}
        self._over: list[Any] = []

    def show(self, reports: list[Progress]) -> None:
        """Draw the bars."""
        for report in reports:
            if report.seconds < TICK_SECONDS:
                continue
            if not self._tasks and not self._over:
                self._bars.start()
            if report.call not in self._tasks:
                self._tasks[report.call] = self._bars.add_task(report.kernel, words="")
            task = self._tasks[report.call]
            # A total of nothing would be drawn as one that is not known.
            done, total = (report.done, report.total) if report.total else (report.state == "done", 1)
            words = in_words(report).removeprefix(report.kernel).lstrip()
            self._bars.update(task, completed=done, total=total, words=words)
            if report.state != "running":
                self._over.append(self._tasks.pop(report.call))
        while len(self._over) > MOST_BARS:
            self._bars.remove_task(self._over.pop(0))
        self._bars.refresh()

    def close(self) -> None:
        """Leave the bars as they are."""
        if self._tasks or self._over:
            self._bars.stop()


def _terminal_front(stream: TextIO) -> Front:
    """Return bars where rich is installed."""
    try:
        from rich.console import Console  # noqa: PLC0415 - an optional dependency
        from rich.progress import BarColumn, TextColumn  # noqa: PLC0415
        from rich.progress import Progress as RichProgress  # noqa: PLC0415
    except ImportError:
        return Line(stream)
    return Bars(
        RichProgress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[words]}", markup=False),
            console=Console(file=stream),
            auto_refresh=False,
            # sys.stdout and sys.stderr are everybody's.
            redirect_stdout=False,
            redirect_stderr=False,
        )
    )


def _forget() -> None:
    """Watch nothing in a forked process: the thread that would show it has stayed behind."""
    watches.clear()
    current_watch.set(None)
    open_call.set(None)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
