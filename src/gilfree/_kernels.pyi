"""One function a kernel: buffers in, buffers out, no NumPy.

For callers that cannot use the functions of `gilfree` itself, such as other interpreters (hand them memoryviews) and
compiled code. Buffers are C-contiguous, aligned, of native numbers; dtypes are given in NumPy's letters. Outputs are
written in place. Every function takes ``release_gil`` and ``stop``, the flag that the function `stop` sets; checks all
that its memory safety depends on and raises TypeError or ValueError naming the argument; and may be called from any
number of threads at once.
"""

from typing_extensions import Buffer

COMPILER: str
LEVEL: str

def supported_levels() -> tuple[str, ...]: ...
def stop(flag: Buffer) -> None:
    """Ask every call that was given this flag, a writable buffer (1,) i4, to stop: it will raise `gilfree.Cancelled`.

    For any thread of any interpreter; the running calls notice within a millisecond.
    """

def mandelbrot(
    rows: range,
    width: int,
    height: int,
    real: float,
    imaginary: float,
    side: float,
    max_iterations: int,
    counts: Buffer,
    *,
    release_gil: bool = True,
    stop: Buffer | None = None,
) -> None:
    """Write to counts (len(rows), width) i4 the escape counts of these rows of a picture.

    The picture is width × height pixels of this side, around the point real + i·imaginary.
    """

def nearest_neighbors(
    queries: Buffer,
    points: Buffer,
    k: int,
    distances: Buffer,
    indices: Buffer,
    *,
    release_gil: bool = True,
    stop: Buffer | None = None,
) -> None:
    """Write to distances (q, k) and indices (q, k) i8 the k nearest of points (p, d) to each of queries (q, d).

    queries, points and distances are all f4 or all f8.
    """

def shortest_paths(
    data: Buffer | None,
    indices: Buffer,
    indptr: Buffer,
    sources: Buffer,
    distances: Buffer,
    predecessors: Buffer | None = None,
    *,
    release_gil: bool = True,
    stop: Buffer | None = None,
) -> None:
    """Write to distances (s, n) f8 and predecessors (s, n) i4 what leads from sources (s,) i8 through a CSR graph.

    data (e,) f4 or f8, or None where every edge has length 1; indices (e,) and indptr (n + 1,) both i4 or both i8.
    """

def edit_distance(
    a: str | Buffer,
    b: str | Buffer,
    max_distance: int | None = None,
    *,
    release_gil: bool = True,
    stop: Buffer | None = None,
) -> int:
    """Return the distance, max_distance + 1 where it is more; two str, or two bytes-like objects."""

def edit_distances(
    queries: tuple[str, ...] | tuple[Buffer, ...],
    choices: tuple[str, ...] | tuple[Buffer, ...],
    max_distance: int | None,
    distances: Buffer,
    *,
    release_gil: bool = True,
    stop: Buffer | None = None,
) -> None:
    """Write to distances (q, c) i4, max_distance + 1 where it is more; all texts are str, or all bytes-like objects."""

def sparse_matvec(
    data: Buffer,
    indices: Buffer,
    starts: Buffer,
    ends: Buffer,
    x: Buffer,
    y: Buffer,
    *,
    release_gil: bool = True,
    stop: Buffer | None = None,
) -> None:
    """Write to y (r,) or (r, m) the product of a sparse matrix with x (n,) or (n, m).

    Row i holds data[k] in column indices[k] for k from starts[i] to ends[i], which for CSR are indptr[:-1] and
    indptr[1:]. data (e,) f4 or f8; indices (e,), starts (r,) and ends (r,) all i4 or all i8; x and y both f4 or both
    f8, f8 where data are.
    """

def viterbi(
    log_initial: Buffer,
    log_transition: Buffer,
    log_likelihood: Buffer,
    last: Buffer,
    path: Buffer,
    log_probabilities: Buffer,
    *,
    release_gil: bool = True,
    stop: Buffer | None = None,
) -> None:
    """Write to path (t,) i4 the states, and to log_probabilities (t,) f8 at the last step of each sequence its own.

    log_initial (s,), log_transition (s, s) and log_likelihood (t, s) are all f4 or all f8. last (t,) i1 is not 0 where
    a sequence ends; the very last step is taken for an end. Other steps of log_probabilities stay as they are.
    """

def lomb_scargle(
    rows: range,
    times: Buffer,
    values: Buffer,
    frequencies: Buffer,
    errors: Buffer | None,
    fit_mean: bool,
    power: Buffer,
    *,
    release_gil: bool = True,
    stop: Buffer | None = None,
) -> None:
    """Write to power (len(rows), b) f8 the periodograms of values (b, n) at these rows of frequencies (f,).

    times (n,), values, frequencies and errors (n,) are all f8.
    """
