"""Stopping a kernel that is running: what the compiled functions have to know of it.

They import this module, and so it imports none of gilfree's.
"""

from contextvars import ContextVar

TYPE_CHECKING = False  # as in `typing`, whose import would take longer than all the rest
if TYPE_CHECKING:
    from gilfree.scope import CancelScope

__all__ = ["Cancelled", "current_scope"]

# The innermost scope that the caller is in. A call that is given no flag of its own looks for one here.
current_scope: "ContextVar[CancelScope | None]" = ContextVar("gilfree.cancel_scope", default=None)


class Cancelled(Exception):  # noqa: N818 - named as concurrent.futures and asyncio name theirs
    """A kernel was asked to stop before it was done.

    No kin of `asyncio.CancelledError`, which is a `BaseException` and tells a task, not a computation, to end.

    Thread safety: safe on distinct objects; each call that is stopped raises an exception of its own.
    """

    __module__ = "gilfree"
