"""One function a kernel: buffers in, buffers out, no NumPy.

For callers that cannot use the functions of `gilfree` itself, such as other interpreters (hand them memoryviews) and
compiled code. Buffers are C-contiguous, aligned, of native numbers; dtypes are given in NumPy's letters. Outputs are
written in place. Every function takes ``release_gil`` and ``stop``; checks all that its memory safety depends on and
raises TypeError or ValueError naming the argument; and may be called from any number of threads at once.

``stop`` is a flag: a buffer (1,) i4 of 0, which the function `stop` sets; or a writable one (2,) i8 of 0 and a
deadline, by `clock` or 2**63 − 1 for none; or one (3,) i8, to whose last number calls add what they have done. Without
it, the caller's `gilfree.cancel_scope` stops the call.
"""

from array import array
from collections.abc import Callable
from typing import Any

from typing_extensions import Buffer

COMPILER: str
LEVEL: str

def supported_levels() -> tuple[str, ...]: ...
def clock() -> int:
    """Return the time on the clock of deadlines, in nanoseconds. It never goes back; its zero means nothing."""

def stop(flag: Buffer) -> None:
    """Ask every call that was given this flag, a writable buffer, to stop: it will raise `gilfree.Cancelled`.

    For any thread of any interpreter; the running calls notice within a millisecond. A flag whose deadline has passed
    stays one whose calls raise TimeoutError.
    """

def call(core: str, inputs: tuple[object, ...], outputs: tuple[object, ...], release_gil: bool) -> Any:  # noqa: ANN401
    """Return ``core(*inputs, *outputs, release_gil=release_gil)``, for the core of this name."""

def compute(
    array: type,
    empty: Callable[[tuple[int, ...], Any], Any],
    watches: set[Any],
    otherwise: Callable[..., Any],
    kind: Any,  # noqa: ANN401 - has the attribute core
    inputs: tuple[object, ...],
    rows: int,
    seconds: float,
    specs: tuple[tuple[str, tuple[int, ...], object], ...],
    out: object,
    workers: object,
    release_gil: bool | None,
    *,
    single: bool = False,
) -> Any:  # noqa: ANN401
    """Return a new array for each of specs (name, shape, dtype), made by ``empty(shape, dtype)`` and filled by `call`.

    One array, or a tuple of them. Meanwhile NumPy arrays among the inputs, of class ``array``, are held as by `hold`.
    With an out, with workers other than 1 or if there are watches, all arguments from ``kind`` on go to ``otherwise``.
    """

def releases(release_gil: bool | None, seconds: float) -> bool:
    """Return whether a call of this estimated length lets the GIL go."""

def hold(values: tuple[object, ...], array: type) -> list[object]:
    """Return what keeps the memory of NumPy arrays among the values, of class ``array``, in place as long as it lives.

    It makes ``a.resize(n, refcheck=False)`` of such an array, or of one that it is a view of, raise ValueError, and
    ``mmap.close`` of a map under it BufferError. A view whose array has been resized before raises ValueError here.
    """

def usable(value: object, array: type, letter: str, ndim: int, itemsize: int = 0) -> bool:
    """Return whether a core can use the value as it is: of class ``array``, NumPy's, C-contiguous, aligned and native.

    Of numbers of a kind that NumPy calls "f", "i" or "u", and of this size; 0 stands for 4 or 8 bytes.
    """

def as_it_is(
    array: type,
    letter: str,
    otherwise: Callable[..., Any],
    name: str,
    value: object,
    ndim: int,
    itemsize: int = 0,
) -> Any:  # noqa: ANN401
    """Return the value if it is `usable`, and else what ``otherwise(name, value, ndim, itemsize)`` makes of it."""

def alike(array: type, otherwise: Callable[..., Any], itemsize: int, *wanted: tuple[str, object, int]) -> Any:  # noqa: ANN401
    """Return the values of those wanted (name, value, ndim) if all are `usable`, floats of this size; 0: of one size.

    Else what ``otherwise(itemsize, *wanted)`` makes of them.
    """

def csr_as_it_is(value: object, array: type, with_data: bool) -> tuple[Any, Any, Any, tuple[int, int]] | None:
    """Return data, indices, indptr and shape of a CSR matrix, or of a tuple of these four, if cores can use them so.

    Data are None unless asked for.
    """

def integer(name: str, value: object, least: int, most: int | None = None, note: str = "") -> int:
    """Return ``value`` as an int from ``least`` to ``most``; ``note`` tells where the bounds come from."""

def finite_float(name: str, value: object, least: float = ..., above: float = ...) -> float:
    """Return ``value`` as a finite float of at least ``least``, and greater than ``above``."""

def numbers(wanted: tuple[tuple[Any, ...], ...], *values: object) -> list[Any]:
    """Return several values as `integer` and `finite_float` do.

    For each, wanted has a row: (name, int, least, most) or (name, float, least, above).
    """

def progress(flag: Buffer, more: int = 0) -> int:
    """Return what was done by the calls that were given this flag, a writable buffer (3,) i8, after adding more."""

def stopped(flag: Buffer) -> str | None:
    """Return why calls that are given this flag stop: "cancelled" or "timed out"; None as long as they go on."""

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

def convolve2d(
    rows: range,
    image: Buffer,
    kernel: Buffer,
    first_column: int,
    result: Buffer,
    *,
    release_gil: bool = True,
    stop: Buffer | None = None,
) -> None:
    """Write to result (len(rows), n) these rows, from first_column on, of image (H, W) convolved with kernel (h, w).

    The full convolution has H + h - 1 rows and W + w - 1 columns. All arrays are f4, or all are f8.
    """

def hamming_neighbors(
    queries: Buffer,
    codes: Buffer,
    k: int,
    distances: Buffer,
    indices: Buffer,
    *,
    release_gil: bool = True,
    stop: Buffer | None = None,
) -> None:
    """Write to distances (q, k) i4 and indices (q, k) i8 the k nearest of codes (p, b) u1 to each of queries (q, b) u1.

    At most 2**28 - 1 bytes a code.
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

    data (e,) f4 or f8, or None where every edge has length 1; indices (e,) and indptr (n + 1,) both i4 or both i8. The
    outputs of a single source may be (n,).
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

def pattern_set(
    patterns: tuple[str, ...] | tuple[bytes, ...],
    *,
    release_gil: bool = True,
    stop: Buffer | None = None,
) -> bytes:
    """Return the automaton of these patterns, none of them empty, for the next two functions."""

def pattern_set_count(
    automaton: Buffer,
    text: str | Buffer,
    ends: range | None = None,
    offset: int = 0,
    *,
    release_gil: bool = True,
    stop: Buffer | None = None,
) -> int:
    """Return how many matches end at these places of the text, or anywhere; the offset makes no difference."""

def pattern_set_find_all(
    automaton: Buffer,
    text: str | Buffer,
    ends: range | None = None,
    offset: int = 0,
    *,
    empty: Callable[[int, Any], Buffer] | None = None,
    dtype: object = None,
    release_gil: bool = True,
    stop: Buffer | None = None,
) -> tuple[Any, Any]:
    """Return the patterns' numbers and where they start, both i8, of the matches that end at these places, or anywhere.

    The offset is added to all starts: what the place of the text's first symbol is called. Both are bytearrays, unless
    ``empty(matches, dtype)`` returns a buffer with room for so many.
    """

def read_options(
    rows: tuple[tuple[object, ...], ...], optional: dict[Any, Any]
) -> tuple[array[int], array[int], int, int]:
    """Return the first four arguments of `exact_cover` for these options, each of which is a tuple of hashable items.

    Items are numbered in the order in which they come, those that are keys of ``optional`` after all others.
    """

def exact_cover(
    items: Buffer,
    offsets: Buffer,
    item_count: int,
    primary_count: int,
    paths: tuple[tuple[int, ...], ...] = ...,
    subtrees: range | None = None,
    mode: str = "count",
    best: Buffer | None = None,
    deepest: int = 0,
    budget: int = -1,
    *,
    release_gil: bool = True,
    stop: Buffer | None = None,
) -> tuple[bool, int | tuple[int, ...] | tuple[tuple[int, ...], ...] | None]:
    """Search for exact covers, and return whether the search came to its end, and what it found.

    Option i has the items (nodes,) i4 from offsets[i] to offsets[i + 1], of offsets (options + 1,) i4; the first
    primary_count of the items are primary. The search goes through the subtrees that paths lead to: options to choose,
    one after the other. It finds, by mode: "count" the number of covers; "find" the first cover or None; "expand" the
    paths to where so many branchings, deepest, have been made. A budget is a number of polls. The subtrees have
    numbers, and best (1,) i4 the lowest number of one known to have a cover, which ends the search of those after it.
    """

def sparse_matvec(
    data: Buffer,
    indices: Buffer,
    starts: Buffer,
    ends: Buffer | None,
    x: Buffer,
    y: Buffer,
    *,
    release_gil: bool = True,
    stop: Buffer | None = None,
) -> None:
    """Write to y (r,) or (r, m) the product of a sparse matrix with x (n,) or (n, m).

    Row i holds data[k] in column indices[k] for k from starts[i] to ends[i]; without ends, each row ends where the next
    one starts, and starts (r + 1,) are the indptr of CSR. data (e,) f4 or f8; indices (e,), starts (r,) and ends (r,)
    all i4 or all i8; x and y both f4 or both f8, f8 where data are.
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

    log_initial (s,), log_transition (s, s) and log_likelihood (t, s) are all f4 or all f8. last (t,) u1 is not 0 where
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

    Or to power (len(rows),) that of values (n,). times (n,), values, frequencies and errors (n,) are all f8.
    """

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

def smooth_faces(
    positions: Buffer,
    faces: Buffer,
    factor: float,
    iterations: int,
    moved: Buffer,
    *,
    release_gil: bool = True,
    stop: Buffer | None = None,
) -> None:
    """Do what `mesh_neighbors` does, and then `smooth_mesh` for all vertices, in memory of its own."""

def smooth_together(
    positions: Buffer,
    faces: Buffer,
    factor: float,
    iterations: int,
    calls: int,
    team: Buffer,
    starts: Buffer,
    items: Buffer,
    offsets: Buffer,
    neighbors: Buffer,
    spare: Buffer,
    moved: Buffer,
    *,
    release_gil: bool = True,
    stop: Buffer | None = None,
) -> None:
    """Do a part of what `smooth_faces` does, with about so many calls that are given the same buffers.

    All is done when all calls have returned that were begun. team (16,) i8 is zeros at first; starts (n + 1,) and
    offsets (n + 1,) i8, items (6 m,) and neighbors (6 m,) i4, and spare (n, 3), of the type of positions and moved, can
    be anything.
    """
