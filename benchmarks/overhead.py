"""What a call costs beyond its work, and where that goes: ``python -m gilfree.benchmarks.overhead``.

Every function is called with the smallest input that makes sense. What the call hands on is recorded on the way: to
`compute` in `gilfree.kernels._arrays`, and to the kernel's compiled function. Each of these is then timed by itself, in
turns with the whole, and the differences are the table:

* face: checks of the arguments, the estimate of the work, and what is made of the result;
* run: to decide who works, and whether the GIL is let go, to see that nobody watches, to allocate arrays for results,
  and to hold the caller's in place;
* buffers: the compiled function without a row to work on: its arguments, their buffers, how it is to be stopped;
* core: the work itself.

A function that goes by none of these has no number there; where a part of no rows cannot be had, "buffers" has both.

A second table has what these are made of, each by itself: the time of a call that does it, less that of one that does
not, right before it. Calls are timed as they stand in a program, and what it takes to call a function of Python that
does nothing is taken off.
"""

import statistics
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from operator import add
from typing import Any, TypeAlias
from unittest.mock import patch

import numpy as np

import gilfree
from gilfree import _kernels
from gilfree._kernels import finite_float, integer
from gilfree.kernels import _arrays, _csr, _kernel
from gilfree.kernels._lazy import _arrays as lazily  # by which the faces call it
from gilfree.scope import NEVER
from gilfree.watching import Watch, current_watch, watches

from .outside import AROUND

ROUNDS = 301
REPEATS = 100  # in each round, of each stage

STAGES = ("face", "run", "buffers", "core")

Call: TypeAlias = Callable[[], Any]


def smallest() -> dict[str, Call]:
    """Return a call of each kernel's functions, with next to nothing to do."""
    one, square, matrix = np.ones(1), np.ones((1, 1)), smallest_matrix()
    corners, faces = np.eye(3), np.array([[0, 1, 2]])
    times, values, masses = np.arange(3.0), np.array([1.0, 3.0, 2.0]), np.ones(3)
    code = np.zeros((1, 8), np.uint8)
    patterns = gilfree.PatternSet(["a"])
    return {
        "nearest_neighbors": lambda: gilfree.nearest_neighbors(square, square),
        "sparse_matvec": lambda: gilfree.sparse_matvec(matrix, one),
        "lomb_scargle": lambda: gilfree.lomb_scargle(times, values, one),
        "nbody_accelerations": lambda: gilfree.nbody_accelerations(corners, masses),
        "convolve2d": lambda: gilfree.convolve2d(corners, corners),
        "smooth_mesh": lambda: gilfree.smooth_mesh(corners, faces, iterations=1),
        "asian_option_price": lambda: gilfree.asian_option_price(100, 100, 0.05, 0.2, 1.0, steps=1, paths=2),
        "hamming_neighbors": lambda: gilfree.hamming_neighbors(code, code),
        "shortest_paths": lambda: gilfree.shortest_paths(matrix, 0),
        "edit_distances": lambda: gilfree.edit_distances(["a"], ["b"]),
        "edit_distance": lambda: gilfree.edit_distance("kitten", "sitting"),
        "count_exact_covers": lambda: gilfree.count_exact_covers(["a"]),
        "find_exact_cover": lambda: gilfree.find_exact_cover(["a"]),
        "viterbi": lambda: gilfree.viterbi(one, square, square),
        "PatternSet.find_all": lambda: patterns.find_all("b"),
        "PatternSet.count": lambda: patterns.count("b"),
        "mandelbrot": lambda: gilfree.mandelbrot(1, 1, max_iterations=1),
    }


def smallest_matrix() -> tuple[Any, ...]:
    """Return a matrix of one number, in compressed sparse rows."""
    return np.ones(1), np.zeros(1, np.int32), np.array([0, 1], np.int32), (1, 1)


@dataclass
class Handed:
    """The calls that one call of a kernel makes on its way to the core."""

    compute: list[partial[Any]] = field(default_factory=list)
    native: list[partial[Any]] = field(default_factory=list)
    empty: list[partial[Any]] = field(default_factory=list)  # the native ones on no rows


@contextmanager
def recording() -> Iterator[Handed]:
    """Record, of the calls made in the meantime, what they hand on."""
    handed = Handed()

    def recorder(function: Callable[..., Any], calls: list[partial[Any]]) -> Callable[..., Any]:
        def record(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            calls.append(partial(function, *args, **kwargs))
            return function(*args, **kwargs)

        return record

    def record_compute(
        kind: type[_kernel.Work],
        inputs: tuple[Any, ...],
        rows: int,
        seconds: float,
        *rest: Any,  # noqa: ANN401
        **options: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        handed.compute.append(partial(compute, kind, inputs, rows, seconds, *rest, **options))
        before = len(handed.native)
        result = compute(kind, inputs, rows, seconds, *rest, **options)
        for native in handed.native[before:]:
            outputs = tuple([out[:0] for out in native.args[len(inputs) :]])
            part = kind(inputs, outputs, rows, seconds).part(0, 0)
            handed.empty.append(partial(native.func, *part, *outputs, **native.keywords))
        return result

    compute = _arrays.compute
    compiled = {
        name: function
        for name, function in vars(_kernels).items()
        if type(function) is type(_kernels.call) and name not in AROUND
    }
    with ExitStack() as stack:
        stack.enter_context(patch.object(lazily, "compute", record_compute))
        for name, function in compiled.items():
            stack.enter_context(patch.object(_kernels, name, recorder(function, handed.native)))
        yield handed


def as_written(call: Call) -> Call:
    """Return a partial's call with all arguments named, as it would stand in a program.

    That takes as long as to call any function. A `partial` with keywords puts them into a dict first, for longer than
    some of these calls take.
    """
    if not isinstance(call, partial):
        return call
    names = {f"value_{index}": value for index, value in enumerate((*call.args, *call.keywords.values()))}
    given = [*[""] * len(call.args), *[f"{keyword}=" for keyword in call.keywords]]
    arguments = ", ".join(map(add, given, names))
    written: Call = eval(f"lambda: function({arguments})", {"function": call.func, **names})  # noqa: S307 - ours
    return written


def seconds_of(calls: Sequence[Call]) -> float:
    """Return how long one after the other takes, the mean of several times."""
    start = time.perf_counter()
    for _ in range(REPEATS):
        for call in calls:
            call()
    return (time.perf_counter() - start) / REPEATS


def stages(call: Call) -> tuple[float, dict[str, float | None]]:
    """Return how long a call takes, and what falls to each of `STAGES`, None where it goes by none."""
    call()  # what is imported on first use
    with recording() as handed:
        call()
    for one in handed.empty:
        try:
            one()
        except ValueError:  # no rows are no input of this kernel
            handed.empty.clear()
            break
    recorded = [list(map(as_written, part)) for part in (handed.compute, handed.native, handed.empty)]
    parts: list[list[Call]] = [[call], *recorded]
    times = [[seconds_of(part) - seconds_of([nothing] * len(part)) for part in parts] for _ in range(ROUNDS)]
    whole, compute, native, empty = [statistics.median(column) for column in zip(*times, strict=True)]
    if not handed.compute:
        return whole, {"face": whole - native, "run": None, "buffers": native, "core": None}
    return whole, {
        "face": whole - compute,
        "run": compute - native,
        "buffers": empty if handed.empty else native,
        "core": native - empty if handed.empty else None,
    }


@dataclass(frozen=True)
class Part:
    """What takes time in many calls: that of one call beyond that of another, both made within a context."""

    name: str
    call: Call
    without: Call
    within: Callable[[], AbstractContextManager[Any]] = nullcontext


def nothing() -> None:
    """Take as long as it takes to be called."""


@contextmanager
def watched() -> Iterator[None]:
    """Have calls watched, as in a `gilfree.progress` block, by nobody who would take time to look."""
    watch = Watch()
    token = current_watch.set(watch)
    watches.add(watch)
    try:
        yield
    finally:
        watches.discard(watch)
        current_watch.reset(token)
        watch.begun.clear()


def known_parts() -> list[Part]:
    """Return what the stages are made of, as far as it can be had by itself."""
    one, flag, row = np.ones(1), array("q", [0, NEVER]), np.empty((1, 1), np.int32)
    distance = partial(_kernels.edit_distance, "a", "b", None)
    pixel = partial(_kernels.mandelbrot, range(1), 1, 1, 0.0, 0.0, 1.0, 1, row)
    public = partial(gilfree.edit_distance, "a", "b")
    parts: list[tuple[Any, ...]] = [
        ("check an int", partial(integer, "k", 1, 1, 10), nothing),
        ("check a float", partial(finite_float, "x", 1.0, 0), nothing),
        ("check an array that is right as it is", partial(_arrays.float_array, "x", one, 1), nothing),
        ("convert a list of one number", partial(_arrays.float_array, "x", [1.0], 1), nothing),
        ("check a CSR matrix", partial(_csr.csr, "matrix", smallest_matrix()), nothing),
        ("allocate a result", partial(np.empty, (1,), _arrays.FLOAT64), nothing),
        ("hold an array in place", partial(_kernels.hold, (one,), np.ndarray), partial(_kernels.hold, (), np.ndarray)),
        ("take a buffer, and read a flag", partial(_kernels.stopped, flag), nothing),
        ("look for a cancel scope, and find one", distance, distance, gilfree.cancel_scope),
        ("be given a flag", partial(distance, stop=flag), distance),
        (
            "let the GIL go and take it back, nobody wanting it",
            partial(pixel, release_gil=True),
            partial(pixel, release_gil=False),
        ),
        ("be watched", public, public, watched),
    ]
    return [Part(name, as_written(call), as_written(without), *within) for name, call, without, *within in parts]


def seconds_of_parts(parts: Sequence[Part]) -> list[float]:
    """Return how long each takes: medians of differences between neighbours in time."""
    differences: list[list[float]] = [[] for _ in parts]
    for _ in range(ROUNDS):
        for part, found in zip(parts, differences, strict=True):
            without = seconds_of([part.without])
            with part.within():
                found.append(seconds_of([part.call]) - without)
    return [statistics.median(found) for found in differences]


def main() -> None:
    """Print the tables."""
    print(f"{'µs':24}{'call':>8}" + "".join(f"{stage:>9}" for stage in STAGES))
    for name, call in smallest().items():
        whole, found = stages(call)
        cells = ("" if seconds is None else f"{seconds * 1e6:.2f}" for seconds in found.values())
        print(f"  {name:22}{whole * 1e6:8.2f}" + "".join(f"{cell:>9}" for cell in cells), flush=True)
    parts = known_parts()
    print("\nns")
    for part, seconds in zip(parts, seconds_of_parts(parts), strict=True):
        print(f"  {part.name:52}{seconds * 1e9:8.0f}", flush=True)


if __name__ == "__main__":
    main()
