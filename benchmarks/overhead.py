"""What a call costs beyond its work, and where that goes: ``python -m gilfree.benchmarks.overhead``.

Every function is called with the smallest input that makes sense. What the call hands on is recorded on the way: to
`compute` in `gilfree.kernels._arrays`, to `fill` in `gilfree._kernels` and to the kernel's compiled function. Each of
these is then timed by itself, in turns with the whole, and the differences are the table:

* face: checks of the arguments, the estimate of the work, and what is made of the result;
* run: to decide who works, and whether the GIL is let go, and to see that nobody watches;
* arrays: to allocate those for results, and to hold the caller's in place;
* buffers: the compiled function without a row to work on: its arguments, their buffers, how it is to be stopped;
* core: the work itself.

A function that goes by none of these has no number there; where a part of no rows cannot be had, "buffers" has both.

A second table has what these are made of, each by itself: the time of a call that does it, less that of one that does
not, right before it.
"""

import statistics
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias
from unittest.mock import patch

import numpy as np

import gilfree
from gilfree import _kernels
from gilfree.kernels import _arrays, _csr, _kernel
from gilfree.kernels._lazy import _arrays as lazily  # by which the faces call it
from gilfree.kernels._scalars import finite_float, integer
from gilfree.scope import NEVER
from gilfree.watching import Watch, current_watch, watches

ROUNDS = 301
REPEATS = 100  # in each round, of each stage

STAGES = ("face", "run", "arrays", "buffers", "core")

Call: TypeAlias = Callable[[], Any]


def smallest() -> dict[str, Call]:
    """Return a call of each kernel's functions, with next to nothing to do."""
    one, square, matrix = np.ones(1), np.ones((1, 1)), smallest_matrix()
    mesh = np.eye(3), np.array([[0, 1, 2]])
    code = np.zeros((1, 8), np.uint8)
    patterns = gilfree.PatternSet(["a"])
    return {
        "nearest_neighbors": partial(gilfree.nearest_neighbors, square, square),
        "sparse_matvec": partial(gilfree.sparse_matvec, matrix, one),
        "lomb_scargle": partial(gilfree.lomb_scargle, np.arange(3.0), np.array([1.0, 3.0, 2.0]), one),
        "nbody_accelerations": partial(gilfree.nbody_accelerations, np.eye(3), np.ones(3)),
        "convolve2d": partial(gilfree.convolve2d, np.eye(3), np.eye(3)),
        "smooth_mesh": partial(gilfree.smooth_mesh, *mesh, iterations=1),
        "asian_option_price": partial(gilfree.asian_option_price, 100, 100, 0.05, 0.2, 1.0, steps=1, paths=2),
        "hamming_neighbors": partial(gilfree.hamming_neighbors, code, code),
        "shortest_paths": partial(gilfree.shortest_paths, matrix, 0),
        "edit_distances": partial(gilfree.edit_distances, ["a"], ["b"]),
        "edit_distance": partial(gilfree.edit_distance, "kitten", "sitting"),
        "count_exact_covers": partial(gilfree.count_exact_covers, ["a"]),
        "find_exact_cover": partial(gilfree.find_exact_cover, ["a"]),
        "viterbi": partial(gilfree.viterbi, one, square, square),
        "PatternSet.find_all": partial(patterns.find_all, "b"),
        "PatternSet.count": partial(patterns.count, "b"),
        "mandelbrot": partial(gilfree.mandelbrot, 1, 1, max_iterations=1),
    }


def smallest_matrix() -> tuple[Any, ...]:
    """Return a matrix of one number, in compressed sparse rows."""
    return np.ones(1), np.zeros(1, np.int32), np.array([0, 1], np.int32), (1, 1)


@dataclass
class Handed:
    """The calls that one call of a kernel makes on its way to the core."""

    compute: list[partial[Any]] = field(default_factory=list)
    fill: list[partial[Any]] = field(default_factory=list)
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
        if type(function) is type(_kernels.fill) and name not in ("call", "fill", "hold")
    }
    with ExitStack() as stack:
        stack.enter_context(patch.object(lazily, "compute", record_compute))
        stack.enter_context(patch.object(_kernels, "fill", recorder(_kernels.fill, handed.fill)))
        for name, function in compiled.items():
            stack.enter_context(patch.object(_kernels, name, recorder(function, handed.native)))
        yield handed


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
    parts: list[Sequence[Call]] = [[call], handed.compute, handed.fill, handed.native, handed.empty]
    times = [[seconds_of(part) for part in parts] for _ in range(ROUNDS)]
    whole, compute, fill, native, empty = [statistics.median(column) for column in zip(*times, strict=True)]
    if not handed.compute:
        return whole, {"face": whole - native, "run": None, "arrays": None, "buffers": native, "core": None}
    return whole, {
        "face": whole - compute,
        "run": compute - fill,
        "arrays": fill - native,
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


def nothing(*_: object) -> None:
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
    held, let_go = partial(pixel, release_gil=False), partial(pixel, release_gil=True)
    public = partial(gilfree.edit_distance, "a", "b")
    return [
        Part("check an int", partial(integer, "k", 1, 1, 10), partial(nothing, "k", 1, 1, 10)),
        Part("check a float", partial(finite_float, "x", 1.0, 0), partial(nothing, "x", 1.0, 0)),
        Part("check an array that is right as it is", partial(_arrays.float_array, "x", one, 1), nothing),
        Part("convert a list of one number", partial(_arrays.float_array, "x", [1.0], 1), nothing),
        Part("check a CSR matrix", partial(_csr.csr, "matrix", smallest_matrix()), nothing),
        Part("allocate a result", partial(np.empty, (1,), _arrays.FLOAT64), nothing),
        Part(
            "hold an array in place",
            partial(_kernels.hold, (one,), np.ndarray),
            partial(_kernels.hold, (), np.ndarray),
        ),
        Part("take a buffer, and read a flag", partial(_kernels.stopped, flag), nothing),
        Part("look for a cancel scope, and find one", distance, distance, gilfree.cancel_scope),
        Part("be given a flag", partial(distance, stop=flag), distance),
        Part("let the GIL go and take it back, nobody wanting it", let_go, held),
        Part("be watched", public, public, watched),
    ]


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
