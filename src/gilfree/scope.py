"""Scopes whose kernels can be stopped: by a call from any thread, at a deadline, or because the scope was left.

A scope is a flag in memory that the compiled functions poll, with the deadline beside it, and links to the scopes
inside it. There is no lock in here, so that `CancelScope.cancel` can run at any moment, in a signal handler too: what
threads share is a flag that is set once, and dicts, whose single operations are atomic.
"""

import math
import os
import time
import weakref
from array import array
from collections.abc import Callable
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

from gilfree import _kernels
from gilfree.cancel import Cancelled, current_scope

__all__ = ["CancelScope", "cancel_scope", "inner_scope"]

P = ParamSpec("P")
T = TypeVar("T")

NEVER = 2**63 - 1  # a deadline, in nanoseconds


class CancelScope:
    """A block of code whose kernel calls can be stopped; `cancel_scope` makes one.

    Calls belong to the scope if they are made in the ``with`` block, in its `contextvars` context: also in tasks and
    threads that were given a copy of it, as `asyncio.to_thread` and `gilfree.to_thread` give. Calls in other threads
    join by `run`. They go on belonging to it when the block is left.

    Attributes
    ----------
    deadline : float or None
        When calls are stopped, on the clock of `time.monotonic`; None if never, or if the scope has not been entered.
        That of an enclosing scope, if it comes first.

    Notes
    -----
    A scope holds no reference to what is computed.

    Thread safety: safe on shared objects, except that one thread alone may enter and leave the ``with`` block.
    """

    __module__ = "gilfree"
    __slots__ = ("__weakref__", "_entered", "_inner", "_outer", "_timeout", "deadline", "flag")

    def __init__(self, timeout: float | None = None) -> None:
        self.flag = array("q", [0, NEVER])  # as the compiled functions take it
        self.deadline: float | None = None
        self._timeout = timeout
        self._entered = False
        self._outer: CancelScope | None = None
        self._inner: dict[int, weakref.ref[CancelScope]] = {}

    def __enter__(self) -> Self:
        if self._entered:
            raise RuntimeError("cancel_scope: wanted a new scope for each with statement, got one entered before")
        self._entered = True
        if self._timeout is not None:
            self.deadline = time.monotonic() + self._timeout
            self.flag[1] = min(NEVER, _kernels.clock() + int(min(NEVER, self._timeout * 1e9)))
        self._link(current_scope.get())
        current_scope.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # Not so where a generator that has a scope is closed from elsewhere.
        if current_scope.get() is self:
            current_scope.set(self._outer)
        if kind is not None:
            self.cancel()

    def cancel(self) -> None:
        """Stop the kernels that run in this scope, and those that are called in it later: they raise `Cancelled`.

        May be called any number of times. Past the deadline it does nothing.

        Thread safety: safe on shared objects; for signal handlers too.
        """
        _kernels.stop(self.flag)
        if self.cancelled:
            for inner in self._inner.copy().values():
                scope = inner()
                if scope is not None:
                    scope.cancel()

    def run(self, func: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Return ``func(*args, **kwargs)``, called in this scope by whatever thread this is.

        Executors do not hand the caller's context on to their threads; ``pool.submit(scope.run, func, *args)`` makes up
        for it.

        Raises
        ------
        RuntimeError
            The scope has a time-out that has not begun, because the scope was not entered.

        Notes
        -----
        Thread safety: safe on shared objects, as far as ``func`` is.
        """
        if self._timeout is not None and not self._entered:
            raise RuntimeError("cancel_scope: wanted one that was entered, as it has a time-out, got a new one")
        token = current_scope.set(self)
        try:
            return func(*args, **kwargs)
        finally:
            current_scope.reset(token)

    def check(self) -> None:
        """Raise what a kernel called now would raise, for Python code that is to stop too.

        Raises
        ------
        Cancelled
            The scope was cancelled.
        TimeoutError
            Its deadline has passed.

        Notes
        -----
        Thread safety: safe on shared objects.
        """
        why = self._why()
        if why == "timed out":
            raise TimeoutError("the deadline of the cancel scope has passed")
        if why:
            raise Cancelled("the cancel scope was cancelled")

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` came before the deadline, for this scope or one around it.

        Thread safety: safe on shared objects.
        """
        return self._why() == "cancelled"

    @property
    def timed_out(self) -> bool:
        """Whether the deadline came before `cancel`.

        Thread safety: safe on shared objects.
        """
        return self._why() == "timed out"

    def __repr__(self) -> str:
        state = self._why() or ("open" if self._entered else "not entered")
        left = "" if self.deadline is None else f", {self.deadline - time.monotonic():.3g} s left" * (state == "open")
        return f"<gilfree.CancelScope {state}{left}>"

    def _why(self) -> str | None:
        why: str | None = _kernels.stopped(self.flag)
        return why

    def _link(self, outer: "CancelScope | None") -> None:
        """Let an enclosing scope stop this one."""
        if outer is None:
            return
        self._outer = outer
        if outer.flag[1] < self.flag[1]:
            self.flag[1], self.deadline = outer.flag[1], outer.deadline
        siblings, key = outer._inner, id(self)  # noqa: SLF001 - of the same class
        siblings[key] = weakref.ref(self, lambda _: siblings.pop(key, None))
        # Only now: whoever cancels the outer scope from here on finds this one.
        if outer.cancelled:
            self.cancel()


def cancel_scope(timeout: float | None = None) -> CancelScope:
    """Return a scope for a ``with`` statement, in which kernels can be stopped.

    Kernel calls inside, of whatever thread or task has the context of the ``with`` block, stop when the scope's
    ``cancel()`` is called, or when the time is up. Whichever comes first decides what they raise: `gilfree.Cancelled`
    or `TimeoutError`. So do calls that are made after that, before any work. What a stopped call was to write to
    ``out=`` is unspecified.

    Parameters
    ----------
    timeout : float, optional
        After how many seconds from the beginning of the block kernels are stopped; not at all by default. An enclosing
        scope's deadline holds too.

    Returns
    -------
    CancelScope
        With the methods ``cancel()``, ``run(func, *args)`` and ``check()`` and the attributes ``cancelled``,
        ``timed_out`` and ``deadline``.

    Raises
    ------
    TypeError, ValueError
        The time-out is not a number of seconds, 0 or more.

    Notes
    -----
    A running kernel stops within 10 ms. Leaving the block by an exception cancels the scope, so that Ctrl-C in one
    thread ends the kernels of all threads in it. Workers in other processes cannot be reached: the call raises, chunks
    that have not begun are dropped, and those that run go on to their end.

    A thread that holds the GIL while it computes, with ``release_gil=False``, leaves no other thread a chance to cancel
    it. Deadlines hold all the same.

    Thread safety: safe on shared objects; each call returns a scope of its own, which any thread may cancel.

    Examples
    --------
    >>> import gilfree
    >>> with gilfree.cancel_scope(timeout=0.05):
    ...     gilfree.mandelbrot(20_000, 20_000, max_iterations=10**9)
    Traceback (most recent call last):
    ...
    TimeoutError: the call was stopped at the deadline of its cancel scope
    >>> with gilfree.cancel_scope() as scope:
    ...     scope.cancel()  # or in any other thread, at any time
    ...     gilfree.mandelbrot(20_000, 20_000)
    Traceback (most recent call last):
    ...
    gilfree.Cancelled: the call was asked to stop
    """
    if timeout is not None:
        if not isinstance(timeout, (int, float)) and not hasattr(timeout, "__float__"):
            raise TypeError(f"timeout: wanted a number of seconds or None, got {type(timeout).__name__}")
        timeout = float(timeout)
        if math.isnan(timeout) or timeout < 0:
            raise ValueError(f"timeout: wanted 0 seconds or more, got {timeout}")
        if timeout == math.inf:
            timeout = None
    return CancelScope(timeout)


def _leave() -> None:
    current_scope.set(None)


# A forked process has a copy of the flag, which nobody will set, and of the deadline. Worker processes that were forked
# in a scope would raise TimeoutError for ever.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave)


def inner_scope(*, counting: bool = False) -> CancelScope:
    """Return what stops the chunks of one call: a scope within that of the caller, which is not entered.

    ``counting``: its flag is one with room for the count of what is done.
    """
    scope = CancelScope()
    if counting:
        scope.flag.append(0)
    scope._link(current_scope.get())  # noqa: SLF001 - as `__enter__` does
    return scope
