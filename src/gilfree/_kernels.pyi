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

def shortest_paths(
    data: Buffer | None,
    indices: Buffer,
    indptr: Buffer,
    sources: Buffer,
    distances: Buffer,
    predecessors: Buffer | None = None,
    *,
    release_gil: bool = True,
    stop: Stop | None = None,
) -> None:
    """distances (s, n) f8 and predecessors (s, n) i4 from sources (s,) i8 over a CSR graph.

    data (e,) f4 or f8, or None where every edge has length 1; indices (e,) and indptr (n + 1,) both i4 or both i8.
    """
