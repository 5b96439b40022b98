"""Beginning and ending to watch, and the names of the threads that come and go meanwhile."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gilfree.observe import _native

__all__ = ["NotMeasurableError", "watching"]

# On average, and some 60 µs later, as that is what it takes a thread to wake up.
SAMPLE_NS = 50_000


class NotMeasurableError(RuntimeError):
    """Neither this Python nor its system shows who holds the GIL.

    Thread safety: safe on distinct objects; each call raises an exception of its own.
    """


# What a thread that was started by the threading module runs first.
BOOTSTRAP = "_bootstrap_inner"
# The mechanism to use instead of the best there is; for tests.
_wanted: str | None = None
# How many watch; guarded by the GIL or, without one, by the lock.
_watchers = 0
_lock = threading.Lock()


@contextmanager
def watching(*, sample: int = SAMPLE_NS, stall: int = 0, recording: bool = False) -> Iterator[str]:
    """Watch every thread's hold of the GIL within the block; yields by which mechanism."""
    mechanism = _native.begin(_wanted, sample, stall, recording)
    if mechanism is None:
        raise NotMeasurableError(
            "not measurable here: this build of Python shows neither the events nor the state of its GIL"
        )
    try:
        with _names():
            yield mechanism
    finally:
        _native.end()


@contextmanager
def _names() -> Iterator[None]:
    """Learn the name of each thread when it starts and, as it may have changed, when it ends."""
    global _watchers  # noqa: PLW0603 - there is one class Thread
    with _lock:
        _watchers += 1
        if _watchers == 1:
            setattr(threading.Thread, BOOTSTRAP, _named_bootstrap)
    _native.name_threads(thread_names())
    try:
        yield
    finally:
        with _lock:
            _watchers -= 1
            if not _watchers and getattr(threading.Thread, BOOTSTRAP) is _named_bootstrap:
                setattr(threading.Thread, BOOTSTRAP, _bootstrap)


def thread_names() -> dict[int, str]:
    """Return the names of the threads that the threading module knows."""
    return {thread.ident: thread.name for thread in threading.enumerate() if thread.ident is not None}


_bootstrap: Any = getattr(threading.Thread, BOOTSTRAP)


def _named_bootstrap(self: threading.Thread) -> None:
    _native.name_own_thread(self.name)
    try:
        _bootstrap(self)
    finally:
        _native.name_own_thread(self.name)
        _native.leave()


def _after_fork() -> None:
    global _lock  # noqa: PLW0603 - another thread may have held it
    _lock = threading.Lock()
    _native.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
