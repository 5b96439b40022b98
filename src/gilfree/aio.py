"""Kernels in asyncio's tasks and in trio's: to cancel the task stops the kernel.

Neither library is imported before a loop of it runs.
"""

import sys
from collections.abc import Awaitable, Callable
from contextlib import nullcontext, suppress
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from gilfree.cancel import Cancelled
from gilfree.scope import CancelScope, cancel_scope

if TYPE_CHECKING:
    import asyncio

__all__ = ["to_thread"]

P = ParamSpec("P")
T = TypeVar("T")


async def to_thread(func: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function in a thread, and stop the kernels in it when the task is cancelled.

    As `asyncio.to_thread`, whose thread computes on when nobody waits for it any longer.

    Parameters
    ----------
    func : callable
        What to call: a kernel, or a function that calls kernels. It gets a copy of the task's `contextvars` context, so
        that a cancel scope around the ``await`` holds for it.
    *args, **kwargs
        What it is called with.

    Returns
    -------
    object
        What the function returned.

    Raises
    ------
    asyncio.CancelledError, trio.Cancelled
        The task was cancelled. The thread is free again: if the function has begun it has also ended. Kernels stop
        within 10 ms, and a function that catches `gilfree.Cancelled` finds that every further kernel raises it. Other
        code than kernels cannot be stopped and is waited for. A function that has not begun never does.
    Exception
        What the function raised.

    Notes
    -----
    Takes its threads where the running loop has them: from asyncio's default executor, or within the limit of trio's
    threads. anyio's loops are one or the other.

    Thread safety: safe on shared objects, as far as ``func`` is; loops of several threads may await at the same time.

    Examples
    --------
    >>> import asyncio
    >>> import gilfree
    >>> async def distance():
    ...     async with asyncio.timeout(5):
    ...         return await gilfree.to_thread(gilfree.edit_distance, "kitten", "sitting")
    >>> asyncio.run(distance())
    3
    """
    scope = cancel_scope()

    def call() -> T:
        with scope:
            return func(*args, **kwargs)

    wait: Callable[[CancelScope, Callable[[], T]], Awaitable[T]] = _in_trio if _trio_runs() else _in_asyncio
    return await wait(scope, call)


async def _in_asyncio(scope: CancelScope, call: Callable[[], T]) -> T:
    import asyncio  # noqa: PLC0415 - whoever runs its loop has imported it

    context = copy_context()
    claims = [None]  # to be popped by the thread that calls the function, or by the task that no longer wants it

    def claim_and_call() -> T:
        if not _claim(claims):
            raise Cancelled("the task was cancelled before the function was called")
        return context.run(call)

    future = asyncio.get_running_loop().run_in_executor(None, claim_and_call)
    try:
        await asyncio.wait([future])
    except asyncio.CancelledError:
        scope.cancel()
        if _claim(claims):
            future.cancel()
        else:
            await _end_of(future)
        raise
    return future.result()


def _claim(claims: list[None]) -> bool:
    try:
        claims.pop()
    except IndexError:
        return False
    return True


async def _end_of(future: "asyncio.Future[Any]") -> None:
    """Wait until the thread has ended, however often the task is cancelled meanwhile."""
    import asyncio  # noqa: PLC0415

    anyio = sys.modules.get("anyio")
    # At each turn of the loop, anyio cancels a task again that is still there and has no shield.
    with nullcontext() if anyio is None else anyio.CancelScope(shield=True):
        while not future.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([future])
    future.exception()  # that it was raised is known


def _trio_runs() -> bool:
    trio = sys.modules.get("trio")
    return trio is not None and trio.lowlevel.in_trio_task()


async def _in_trio(scope: CancelScope, call: Callable[[], T]) -> T:
    import trio  # noqa: PLC0415 - whoever runs its loop has imported it

    async def pass_on() -> None:
        try:
            await trio.sleep_forever()
        finally:
            scope.cancel()

    results: list[T] = []
    errors: list[BaseException] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pass_on)
        # Raised in here, what the function raises would become a group.
        try:
            results.append(await trio.to_thread.run_sync(call))
        except trio.Cancelled:
            raise
        except BaseException as error:  # noqa: BLE001 - raised below
            errors.append(error)
        nursery.cancel_scope.cancel()
    if errors:
        raise errors.pop()
    return results.pop()
