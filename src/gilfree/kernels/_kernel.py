"""What all kernels share, once: workers, the GIL, how work is cut and joined.

A kernel's face checks its arguments and says, by a class derived from `Work`, what its calls are; `compute` in
`gilfree.kernels._arrays` makes the arrays for its results, and `share` fills them where others have a part in the call.
"""

import sys
from bisect import bisect_left
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

from gilfree import _kernels
from gilfree._kernels import releases
from gilfree.cancel import current_scope
from gilfree.scope import CancelScope, inner_scope
from gilfree.watching import WatchedCall, open_call, outside, watching
from gilfree.workers import Crew, Workers, crew, in_order, in_threads

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Kernel", "Work", "share"]

# To hand work to another thread and hear of its end takes about so long; so does benchmarks/thresholds.py find.
HANDOVER_SECONDS = 200e-6
# Chunks are no shorter than this, nor so short that what each costs in itself is more than this share of them.
CHUNK_SECONDS = 200e-6
CHUNK_OVERHEAD = 0.04
# A chunk is this part of a worker's fair share of what is left: large ones come first, and small ones even out.
SHARE = 0.7
EVEN = 3  # with fewer chunks than so many for each worker, all are of one size
# Where arguments and results are pickled, each chunk costs.
CHUNKS_PER_REMOTE_WORKER = 2


@dataclass(frozen=True)
class Kernel:
    """One row of `gilfree.kernels.KERNELS`: a kernel and its parts."""

    name: str  # of its core file, its face file, its test file and its benchmark problem
    dwarf: str
    functions: tuple[Callable[..., Any], ...]  # public; the first one is the one that benchmarks run
    twins: tuple[Callable[..., Any], ...]  # the same in pure Python, in the same order


class Work:
    """One call of a kernel, checked and ready: what its core is given, and how it may be cut.

    Each kernel derives a class, which says what is true of all its calls. A call that nobody shares in, and nobody
    watches, makes no object of it.

    Inputs and outputs go to ``gilfree._kernels.<core>`` in this order. Row i of every output depends on row i of the
    inputs that are numbered in ``cut`` and on nothing else of those, which is why the answer is the same however the
    rows are cut.
    """

    __slots__ = ("inputs", "outputs", "rows", "seconds")

    core: ClassVar[str]
    name: ClassVar[str | None] = None  # of the function that is called, if it is not that of the core
    cut: ClassVar[tuple[int, ...]] = (0,)

    def __init__(self, inputs: tuple[Any, ...], outputs: "tuple[NDArray[Any], ...]", rows: int, seconds: float) -> None:
        self.inputs = inputs
        self.outputs = outputs
        self.rows = rows
        self.seconds = seconds  # estimated, of the whole

    @property
    def each(self) -> int:
        """What a row counts when its core says how far it has got."""
        return 1

    @property
    def chunk_seconds(self) -> float:
        """What each chunk costs whatever its number of rows, estimated."""
        return 0.0

    @property
    def before(self) -> Callable[[int], float] | None:
        """How much of the work comes before a row, from 0 to `rows`, in any unit; None: the rows are about alike."""
        return None

    def part(self, start: int, stop: int) -> tuple[Any, ...]:
        """Return the inputs for rows ``start`` to ``stop``."""
        return tuple(value[start:stop] if index in self.cut else value for index, value in enumerate(self.inputs))

    def sent(self, start: int, stop: int) -> tuple[Any, ...]:
        """Return the same for workers to whom inputs are copied; a kernel that can do with less says so here."""
        return self.part(start, stop)


def gil_enabled() -> bool:
    """Return whether there is a GIL to hold; free-threaded builds of Python mostly run without one."""
    ask = getattr(sys, "_is_gil_enabled", None)  # new in Python 3.13
    return ask is None or ask()


def share(
    work: Work,
    workers: Workers,
    release_gil: bool | None,  # noqa: FBT001 - the public keyword's value
    *,
    shared_out: bool = False,
) -> list[Any]:
    """Fill the work's outputs, and return what the core returned for each chunk, in order.

    ``shared_out`` says that the caller passed ``out=``, which only workers who share memory can fill. Where somebody
    watches, it is a call of its own unless one is open (`gilfree.watching.open_call`).
    """
    if (watch := watching()) is not None:
        with watch.call(work.name or work.core, work.rows * work.each):
            return share(work, workers, release_gil, shared_out=shared_out)
    call = open_call.get()
    release = releases(release_gil, work.seconds)
    if workers.__class__ is int and workers == 1:
        return _run_here(work, release, call)
    who = crew(workers)
    if shared_out and who.kind == "elsewhere":
        raise ValueError(
            "out: wanted workers that share memory with the caller (threads or interpreters), got "
            f"{type(workers).__name__}"
        )
    if who.kind == "threads" and not release and gil_enabled():
        # One thread at a time could compute, and while another did, this one could not even see Ctrl-C.
        return _run_here(work, release, call)
    grid = _grid(work, who, chosen=isinstance(workers, Executor) or callable(workers))
    if who.kind == "elsewhere":
        return _run_elsewhere(work, who, grid, release, call)
    run_in = _run_in_threads if who.kind == "threads" else _run_in_interpreters
    return run_in(work, who, grid, release, inner_scope() if call is None else call.scope)


def _grid(work: Work, who: Crew, *, chosen: bool) -> list[tuple[int, int]]:
    """Return the rows of each chunk, as (start, stop).

    An executor that the caller chose is used whatever the work; a number of workers only where it pays.
    """
    chunk_seconds = work.chunk_seconds
    count = int(work.seconds / max(CHUNK_SECONDS, chunk_seconds / CHUNK_OVERHEAD))
    gain = work.seconds * (1 - 1 / who.size) - chunk_seconds
    count = max(count, who.size) if chosen or gain > HANDOVER_SECONDS else 1
    if who.kind == "elsewhere":
        count = min(count, CHUNKS_PER_REMOTE_WORKER * who.size)
    if count >= EVEN * who.size and who.kind != "elsewhere":
        least = max(1, work.rows // count)
        bounds = [0]
        while (left := work.rows - bounds[-1]) > 0:
            bounds.append(min(work.rows, bounds[-1] + max(least, int(left * SHARE / who.size))))
    else:
        count = max(1, min(work.rows, count // who.size * who.size or count))
        bounds = [work.rows * index // count for index in range(count + 1)]
    if (before := work.before) is not None:
        bounds = _balanced(bounds, before)
    return [chunk for chunk in pairwise(bounds) if chunk[0] < chunk[1]] or [(0, 0)]


def _balanced(bounds: list[int], before: Callable[[int], float]) -> list[int]:
    """Return those bounds between which there is as much work as there would be if all rows were alike."""
    rows = bounds[-1]
    each = before(rows) / max(rows, 1)
    moved = [0]
    for bound in bounds[1:-1]:
        # Never back, whatever `before` makes of data that another thread may be changing.
        moved.append(bisect_left(range(rows), each * bound, lo=moved[-1], key=before))
    return [*moved, rows]


def _run_here(work: Work, release: bool, call: WatchedCall | None) -> list[Any]:  # noqa: FBT001
    if call is None:
        return [_kernels.call(work.core, work.inputs, work.outputs, release)]
    return [getattr(_kernels, work.core)(*work.inputs, *work.outputs, release_gil=release, stop=call.flag)]


def _run_in_threads(
    work: Work,
    who: Crew,
    grid: list[tuple[int, int]],
    release: bool,  # noqa: FBT001
    scope: CancelScope,
) -> list[Any]:
    core = getattr(_kernels, work.core)
    returned: list[Any] = [None] * len(grid)

    def do(chunk: int) -> None:
        start, end = grid[chunk]
        outputs = (out[start:end] for out in work.outputs)
        returned[chunk] = core(*work.part(start, end), *outputs, release_gil=release, stop=scope.flag)

    in_threads(who, len(grid), do, scope.cancel)
    return returned


def _run_in_interpreters(
    work: Work,
    who: Crew,
    grid: list[tuple[int, int]],
    release: bool,  # noqa: FBT001
    scope: CancelScope,
) -> list[Any]:
    """Let other interpreters work on this one's memory: a memoryview crosses the border, an array does not."""
    calls = [
        (
            work.core,
            release,
            memoryview(scope.flag),
            *map(_crossing, work.sent(start, end)),
            *map(_crossing, (out[start:end] for out in work.outputs)),
        )
        for start, end in grid
    ]
    return in_order(who, run_core, calls, scope.cancel, _check())


def _check() -> Callable[[], None] | None:
    """Return what raises when the caller's cancel scope is over, if it is in one."""
    scope = current_scope.get()
    return None if scope is None else scope.check


def _crossing(value: object) -> object:
    return memoryview(value) if hasattr(value, "__array_interface__") else value  # type: ignore[arg-type]


def run_core(core: str, release_gil: bool, flag: memoryview, *arguments: object) -> Any:  # noqa: ANN401, FBT001
    """Call a core in another interpreter, which is handed positional arguments."""
    return getattr(_kernels, core)(*arguments, release_gil=release_gil, stop=flag)


def _run_elsewhere(
    work: Work,
    who: Crew,
    grid: list[tuple[int, int]],
    release: bool,  # noqa: FBT001
    call: WatchedCall | None,
) -> list[Any]:
    calls = [
        (
            work.core,
            release,
            work.sent(start, end),
            tuple(((end - start, *out.shape[1:]), out.dtype.str) for out in work.outputs),
        )
        for start, end in grid
    ]

    def count(chunk: int) -> None:
        """Count the rows of a chunk that has come back."""
        if call is not None:
            start, end = grid[chunk]
            call.advance((end - start) * work.each)

    returned = []
    with outside():
        done = in_order(who, run_chunk, calls, check=_check(), finished=None if call is None else count)
    for (start, end), (value, results) in zip(grid, done, strict=True):
        returned.append(value)
        for out, result in zip(work.outputs, results, strict=True):
            out[start:end] = result
    return returned


def run_chunk(
    core: str,
    release_gil: bool,  # noqa: FBT001
    inputs: tuple[Any, ...],
    outputs: tuple[tuple[tuple[int, ...], str], ...],
) -> "tuple[Any, tuple[NDArray[Any], ...]]":
    """Run one chunk where nothing is shared with the caller, and return what the core returned, and its outputs."""
    arrays: tuple[NDArray[Any], ...] = ()
    if outputs:
        import numpy as np  # noqa: PLC0415 - gilfree imports NumPy only when it is needed

        arrays = tuple(np.empty(shape, dtype) for shape, dtype in outputs)
    return getattr(_kernels, core)(*map(_aligned, inputs), *arrays, release_gil=release_gil), arrays


def _aligned(value: Any) -> Any:  # noqa: ANN401 - what a core is given
    """Return an array that a core can read: Dask leaves arrays where they stand in what came over the network."""
    return value if not hasattr(value, "__array_interface__") or value.flags.aligned else value.copy()
