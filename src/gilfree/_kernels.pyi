"""One function a kernel: buffers in, buffers out, no NumPy.

For callers that cannot use the functions of `gilfree` itself, such as other interpreters (hand them memoryviews) and
compiled code. Buffers are C-contiguous, aligned, of native numbers; dtypes are given in NumPy's letters. Outputs are
written in place. Every function takes ``release_gil`` and ``stop``, checks all that its memory safety depends on,
raises TypeError or ValueError naming the argument, and may be called from any number of threads at once.
"""

from typing_extensions import Buffer

COMPILER: str
LEVEL: str

def supported_levels() -> tuple[str, ...]: ...

class Stop:
    def set(self) -> None: ...
    def is_set(self) -> bool: ...

def mandelbrot(
    x: Buffer, y: Buffer, max_iterations: int, counts: Buffer, *, release_gil: bool = True, stop: Stop | None = None
) -> None:
    """counts (h, w) i4: escape counts of c = x[column] + i·y[row]; x (w,) f8, y (h,) f8."""

def edit_distance(
    a: str | Buffer,
    b: str | Buffer,
    max_distance: int | None = None,
    *,
    release_gil: bool = True,
    stop: Stop | None = None,
) -> int:
    """Return the distance, max_distance + 1 where it is more; two str, or two bytes-like objects."""

def edit_distances(
    queries: tuple[str, ...] | tuple[Buffer, ...],
    choices: tuple[str, ...] | tuple[Buffer, ...],
    max_distance: int | None,
    distances: Buffer,
    *,
    release_gil: bool = True,
    stop: Stop | None = None,
) -> None:
    """distances (q, c) i4, max_distance + 1 where it is more; all of them str, or all bytes-like objects."""
