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

def asian_option_price(
    blocks: range,
    spot: float,
    strike: float,
    drift: float,
    deviation: float,
    steps: int,
    paths: int,
    seed: int,
    is_call: bool,
    control: bool,
    moments: Buffer,
    *,
    release_gil: bool = True,
    stop: Buffer | None = None,
) -> None:
    """Write to moments (len(blocks), 5) f8 what the payoffs of these blocks of 1024 paths come to.

    Mean payoff and sum of squared deviations from it; the same two with the geometric average, and the sum of products
    of both deviations, all 0 unless control. drift and deviation are those of the price's logarithm in a step; where
    |drift| + 8.58 deviation is above 700, the numbers mean nothing.
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

def nbody_accelerations(
    rows: range,
    positions: Buffer,
    masses: Buffer,
    softening: float,
    gravitational_constant: float,
    accelerations: Buffer,
    *,
    release_gil: bool = True,
    stop: Buffer | None = None,
) -> None:
    """Write to accelerations (len(rows), 3) those of these of the bodies at positions (n, 3), of masses (n,).

    positions, masses and accelerations are all f4 or all f8.
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

def mesh_neighbors(
    faces: Buffer,
    offsets: Buffer,
    neighbors: Buffer,
    *,
    release_gil: bool = True,
    stop: Buffer | None = None,
) -> None:
    """Write the neighbours of each vertex v of a mesh to neighbors[offsets[v] : offsets[v + 1]], in ascending order.

    faces (m, 3) i4 or i8, offsets (n + 1,) i8, neighbors (6 m,) i4, of which the last part is left as it comes.
    """

def smooth_mesh(
    rows: range,
    positions: Buffer,
    offsets: Buffer,
    neighbors: Buffer,
    factor: float,
    iterations: int,
    moved: Buffer,
    *,
    release_gil: bool = True,
    stop: Buffer | None = None,
) -> None:
    """Write to moved (len(rows), 3) where these of the vertices at positions (n, 3) come by Laplacian smoothing.

    positions and moved are both f4 or both f8; offsets (n + 1,) i8 and neighbors i4 are what mesh_neighbors writes.
    More than one iteration can be made of all rows only.
    """
