"""Kernel calls whose progress is watched: who watches, and what there is to see of a call.

Apart from what shows it (`gilfree.progress_bar`), because every kernel call asks whether anybody watches.
"""

import time
from collections import deque
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Literal, Self, TypeAlias

from gilfree import _kernels
from gilfree.scope import inner_scope

if TYPE_CHECKING:
    from array import array
    from collections.abc import Callable, Iterator
    from contextvars import Token
    from types import TracebackType

__all__ = ["State", "Watch", "WatchedCall", "current_watch", "open_call", "outside", "watches", "watching"]

State: TypeAlias = Literal["running", "done", "stopped"]

# Those that are open, in whatever context. That there is none is what a call finds out in a few nanoseconds.
watches: "set[Watch]" = set()

current_watch: "ContextVar[Watch | None]" = ContextVar("gilfree.progress", default=None)

# The call that all work done in this context is a part of, from when it begins until it ends; None if nobody watches.
open_call: "ContextVar[WatchedCall | None]" = ContextVar("gilfree.open_call", default=None)


def watching() -> "Watch | None":
    """Return who is to hear of a call that begins in this context: nobody within one that was told of."""
    if open_call.get() is not None:
        return None
    watch = current_watch.get()
    # A context can outlive the block that it was copied in, as a pool's thread does that was started there.
    return watch if watch in watches else None


@contextmanager
def outside() -> "Iterator[None]":
    """Call what is no part of the open call: it does its own counting, or is a call in its own right."""
    token = open_call.set(None)
    try:
        yield
    finally:
        open_call.reset(token)


class Watch:
    """Whoever watches: hears of each call once, when it begins."""

    __slots__ = ("begun",)

    def __init__(self) -> None:
        self.begun: deque[WatchedCall] = deque()  # which have not been looked at yet

    def call(self, kernel: str, total: int) -> "WatchedCall":
        """Return a call that is about to begin, for a ``with`` statement around it."""
        return WatchedCall(kernel, total, self.begun.append)


class WatchedCall:
    """One call of a kernel, of which any thread can tell how far it has got.

    The cores add to a count that lies behind the flag by which they are stopped, wherever it is that they run: also in
    threads and interpreters that share in the call. In the ``with`` block, all calls of `gilfree.kernels._kernel.run`
    are parts of this one.
    """

    __slots__ = ("_announce", "_token", "began", "kernel", "scope", "seconds", "state", "total")

    def __init__(self, kernel: str, total: int, announce: "Callable[[WatchedCall], object]") -> None:
        self.kernel = kernel
        self.total = total
        self.scope = inner_scope(counting=True)
        self.state: State = "running"
        self.began = time.perf_counter()
        self.seconds = 0.0  # that it took
        self._announce = announce
        self._token: Token[WatchedCall | None]

    def __enter__(self) -> Self:
        self._token = open_call.set(self)
        self._announce(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: "TracebackType | None"
    ) -> None:
        open_call.reset(self._token)
        self.seconds = time.perf_counter() - self.began
        self.state = "done" if kind is None else "stopped"  # last: whoever sees it finds the rest in place

    @property
    def flag(self) -> "array[int]":
        """What the compiled functions take as ``stop=``."""
        return self.scope.flag

    def advance(self, done: int) -> None:
        """Add what was done where nobody could count."""
        _kernels.progress(self.flag, done)

    def done(self, state: State, total: int) -> int:
        """Return how much is done in this state; all of it only when the call has ended well."""
        if state == "done":
            return total
        counted: int = _kernels.progress(self.flag)
        return max(0, min(counted, total - 1))
