"""Stopping a kernel that is running."""

__all__ = ["Cancelled"]


class Cancelled(Exception):  # noqa: N818 - named as concurrent.futures and asyncio name theirs
    """A kernel was asked to stop before it was done.

    No kin of `asyncio.CancelledError`, which is a `BaseException` and tells a task, not a computation, to end.
    """

    __module__ = "gilfree"
