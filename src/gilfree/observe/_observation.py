"""What every thread did with its time while somebody watched."""

import os
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self

from gilfree.observe import _native
from gilfree.observe._watching import thread_names, watching

if TYPE_CHECKING:
    from gilfree.observe._native import Place

__all__ = ["Cell", "Lane", "Observation", "Stall", "ThreadReport"]

SECOND = 1_000_000_000
# Where there are no events to see. A thread that computes in Python keeps the GIL for 5 ms.
SAMPLE_NS = 1_000_000
# A folded account's name and ident: of threads that were too many to be told apart.
FOLDED = "({} more threads)"


class Account(NamedTuple):
    """A thread's, as it is kept below Python; in nanoseconds. Number 0 sums up threads too many to be told apart."""

    number: int
    ident: int
    name: str
    born: int
    ended: int  # or 0
    holding: int
    waiting: int
    detached: int
    running: int
    releases: int
    holds_since: int  # or 0
    place: "Place | None"

    def since(self, before: "Account | None") -> "Account":
        """Return what was added."""
        if before is None:
            return self
        return self._replace(
            holding=self.holding - before.holding,
            waiting=self.waiting - before.waiting,
            detached=self.detached - before.detached,
            running=self.running - before.running,
        )

    def until(self, now: int) -> int:
        """Return the end of the thread's life as it is known at a time; it may have ended while accounts were read."""
        return min(self.ended or now, now)


def accounts() -> tuple[int, list[Account]]:
    """Return the time now and all accounts, in the order of the threads' birth."""
    now, rows = _native.accounts()
    return now, sorted((Account(*row) for row in rows), key=lambda account: (account.number == 0, account.number))


@dataclass(frozen=True, slots=True)
class ThreadReport:
    """What one thread did, in seconds, from the start of the observation or its own to the end of either.

    Attributes
    ----------
    name, ident
        The thread's.
    holding : float
        It held the GIL; in a free-threaded build: it was attached.
    running : float
        It computed without the GIL.
    waiting : float
        It waited for the GIL. Where the mechanism is not ``"exact"``, this cannot be told from idle and is 0.
    idle : float
        None of these: blocked in a lock, sleep, I/O.

    Notes
    -----
    Thread safety: safe on shared objects, since it does not change.
    """

    name: str
    ident: int
    holding: float
    running: float
    waiting: float
    idle: float

    @property
    def seconds(self) -> float:
        """How long the thread lived within the observation."""
        return self.holding + self.running + self.waiting + self.idle


@dataclass(frozen=True, slots=True)
class Stall:
    """One thread held the GIL for long; no other could run Python meanwhile.

    Attributes
    ----------
    thread : str
        Its name.
    start : float
        Seconds from the start of the observation.
    seconds : float
        How long the hold lasted.
    where : str or None
        ``"file.py:12 in function"``; None where it cannot be known, or was over before anybody looked: after 0.5 ms at
        the soonest.

    Notes
    -----
    Thread safety: safe on shared objects, since it does not change.
    """

    thread: str
    start: float
    seconds: float
    where: str | None


@dataclass(frozen=True, slots=True)
class Cell:
    """A span of a thread's life, and what it was spent on, in seconds; what is left of it was idle.

    Attributes
    ----------
    start : float
        From the start of the observation.
    seconds : float
        How long the span is.
    holding, running, waiting : float
        As of `ThreadReport`.

    Notes
    -----
    Thread safety: safe on shared objects, since it does not change.
    """

    start: float
    seconds: float
    holding: float
    running: float
    waiting: float

    @property
    def idle(self) -> float:
        """What is left."""
        return max(0.0, self.seconds - self.holding - self.running - self.waiting)


@dataclass(frozen=True, slots=True)
class Lane:
    """The life of a thread as cells, one after the other, the later the finer; neighbours merge as memory fills.

    Attributes
    ----------
    name, ident
        The thread's.
    cells : list of Cell
        In their order, without gaps.

    Notes
    -----
    Thread safety: safe on shared objects, since nothing here changes it.
    """

    name: str
    ident: int
    cells: list[Cell] = field(repr=False)


class Observation:
    """Observes all threads of the process, as a context manager.

    Parameters
    ----------
    stall : float
        Remember each hold of the GIL that lasts as many seconds, and where it happened.

    Attributes
    ----------
    seconds : float
        How long was observed.
    mechanism : str
        ``"exact"``, ``"sampled"`` or, in a free-threaded build without the GIL, ``"attached"``.
    threads : list of ThreadReport
        An entry for each thread that lived meanwhile, in the order of their birth; names may repeat.
    stalls : list of Stall
        In the order of their start. Of more than 2,048, the longest are kept.
    lanes : list of Lane
        The timeline, one lane a thread.

    Raises
    ------
    TypeError, ValueError
        ``stall`` is not a number of seconds from 1e-6 to 1e9.
    NotMeasurableError
        On entry: this Python shows neither the events nor the state of its GIL.

    Notes
    -----
    Thread safety: safe on distinct objects. Observations may overlap in any number of threads, and each sees all
    threads; one observation is entered and left by one thread, and may be read by all when it has ended.

    Examples
    --------
    >>> import time
    >>> import gilfree
    >>> with gilfree.observe() as seen:
    ...     time.sleep(0.05)
    >>> [thread] = [thread for thread in seen.threads if thread.name == "MainThread"]
    >>> thread.idle > thread.holding
    True
    """

    def __init__(self, stall: float = 0.1) -> None:
        try:
            seconds = float(stall)
        except (TypeError, ValueError):
            raise TypeError(f"stall: wanted a number of seconds, got {stall!r}") from None
        if not 1e-6 <= seconds <= 1e9:  # noqa: PLR2004
            raise ValueError(f"stall: wanted from 1e-6 to 1e9 seconds, got {stall!r}")
        self._stall = int(seconds * SECOND)
        self._stack = ExitStack()
        self._before: dict[int, Account] = {}
        self._start = 0
        self._finished = False
        self.seconds = 0.0
        self.mechanism = ""
        self.threads: list[ThreadReport] = []
        self.stalls: list[Stall] = []
        self.lanes: list[Lane] = []

    def __enter__(self) -> Self:
        if self.mechanism:
            raise RuntimeError("observe: wanted a new observation for each with statement, got one entered before")
        self.mechanism = self._stack.enter_context(watching(sample=SAMPLE_NS, stall=self._stall, recording=True))
        self._start, found = accounts()
        self._before = {account.number: account for account in found}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stack:
            _native.name_threads(thread_names())
            end, found = accounts()
            self.seconds = (end - self._start) / SECOND
            reports = [(account, report) for account in found if (report := self._report(account, end)) is not None]
            self.threads = [report for _, report in reports]
            self.stalls = self._find_stalls(found, end)
            cells = _native.timeline()
            self.lanes = [
                Lane(report.name, report.ident, self._cells(cells.get(account.number, []), account.until(end)))
                for account, report in reports
                if account.number
            ]
        self._before = {}
        self._finished = True

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the timeline to a file.

        Parameters
        ----------
        path : str or os.PathLike
            The ending decides: ``.html``, a page to zoom and pan in; ``.svg`` or ``.png``, a picture; ``.json``, a
            trace that Perfetto and chrome://tracing open. Is replaced if it exists; on an error it stays as it was.

        Raises
        ------
        RuntimeError
            The observation has not ended.
        ValueError
            The path ends in something else.
        ImportError
            A ``.png`` needs matplotlib.

        Notes
        -----
        Thread safety: safe on shared objects; of several that save to one path at the same time, one wins.
        """
        from gilfree.observe._timeline import save  # noqa: PLC0415 - not needed to observe

        if not self._finished:
            raise RuntimeError("save: wanted an observation that has ended; save after the with statement")
        save(self, path)

    def __str__(self) -> str:
        from gilfree.observe._summary import as_text  # noqa: PLC0415 - not needed to observe

        return as_text(self) if self._finished else repr(self)

    def _report(self, account: Account, end: int) -> ThreadReport | None:
        spent = account.since(self._before.get(account.number))
        holding, waiting, detached = spent.holding, spent.waiting, spent.detached
        name = account.name or f"thread {account.ident}"
        if account.number == 0:
            if not (account.ident and holding + waiting + detached):
                return None
            name = FOLDED.format(account.ident)
        elif (account.ended and account.ended < self._start) or account.born > end:
            return None
        else:
            lived = max(0, account.until(end) - max(account.born, self._start))
            holding = min(holding, lived)
            waiting = min(waiting, lived - holding)
            detached = lived - holding - waiting
        running = max(0, min(spent.running, detached))
        parts = (part / SECOND for part in (holding, running, waiting, detached - running))
        return ThreadReport(name, account.ident, *parts)

    def _find_stalls(self, accounts: list[Account], end: int) -> list[Stall]:
        names = {account.number: account.name for account in accounts}
        holds = [
            (start, start + duration, names.get(number) or name or f"thread {ident}", place)
            for number, ident, name, start, duration, place in _native.stalls()[0]
        ]
        holds += [  # that go on
            (account.holds_since, end, account.name or f"thread {account.ident}", account.place)
            for account in accounts
            if account.holds_since
        ]
        cut = [(max(start, self._start), min(stop, end), name, place) for start, stop, name, place in holds]
        found = [(start, stop - start, name, place) for start, stop, name, place in cut if stop - start >= self._stall]
        return [
            Stall(
                name,
                (start - self._start) / SECOND,
                seconds / SECOND,
                None if place is None else "{}:{} in {}".format(*place),
            )
            for start, seconds, name, place in sorted(found, key=lambda item: item[0])
        ]

    def _cells(self, cells: list[tuple[int, float, float, float]], end: int) -> list[Cell]:
        """Cut to the observation: others may have begun earlier."""
        found = []
        ends = [*(cell[0] for cell in cells[1:]), end]
        for (start, holding, waiting, running), stop in zip(cells, ends, strict=False):  # no cells, no end
            first, last = max(start, self._start), min(stop, end)
            if last <= first:
                continue
            spent = (holding + waiting + running) * SECOND
            # The last cell may have been accounted for until a little after the end.
            share = (last - first) / max(stop - start, spent)
            found.append(
                Cell(
                    (first - self._start) / SECOND,
                    (last - first) / SECOND,
                    holding * share,
                    running * share,
                    waiting * share,
                )
            )
        return found
