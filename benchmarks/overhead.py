"""What a call costs beyond its work, and where that goes: ``python -m gilfree.benchmarks.overhead``.

Every function is called with the smallest input that makes sense. What the call hands on is recorded on the way: to
`compute` in `gilfree.kernels._arrays`, to `run` in `gilfree.kernels._kernel` and to the compiled function. Each of
these is then timed by itself, in turns with the whole, and the differences are the table:

* face: checks of the arguments, the estimate of the work, and what is made of the result;
* arrays: to allocate those for results, and to hold the caller's in place;
* run: to decide who works and whether the GIL is let go;
* buffers: the compiled function without a row to work on: its arguments, their buffers, how it is to be stopped;
* core: the work itself.

A function that goes by none of these has no number there; where a part of no rows cannot be had, "buffers" has both.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias
from unittest.mock import patch

import numpy as np

import gilfree
from gilfree import _kernels
from gilfree.kernels import _arrays, _kernel
from gilfree.kernels._lazy import _arrays as lazily  # by which the faces call it

ROUNDS = 301
REPEATS = 100  # in each round, of each stage

STAGES = ("face", "arrays", "run", "buffers", "core")

Call: TypeAlias = Callable[[], Any]


def smallest() -> dict[str, Call]:
    """Return a call of each kernel's functions, with next to nothing to do."""
    one, square, index = np.ones(1), np.ones((1, 1)), np.zeros(1, np.int32)
    matrix = (one, index, np.array([0, 1], np.int32), (1, 1))
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


@dataclass
class Handed:
    """The calls that one call of a kernel makes on its way to the core."""

    compute: list[partial[Any]] = field(default_factory=list)
    run: list[partial[Any]] = field(default_factory=list)
    native: list[partial[Any]] = field(default_factory=list)  # through `run`
    direct: list[partial[Any]] = field(default_factory=list)  # those that a face makes itself
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

    run, call = _kernel.run, _kernels.call

    def record_run(kind: type[_kernel.Work], *args: Any) -> Any:  # noqa: ANN401
        handed.run.append(partial(run, kind, *args))
        return run(kind, *args)

    def record_call(core: str, inputs: tuple[Any, ...], outputs: tuple[Any, ...], release_gil: bool) -> Any:  # noqa: ANN401, FBT001
        handed.native.append(partial(call, core, inputs, outputs, release_gil))
        kind, *described = handed.run[-1].args
        work = kind(*described[:4])
        handed.empty.append(partial(call, core, work.part(0, 0), tuple([out[:0] for out in outputs]), release_gil))
        with patch.object(_kernels, core, compiled[core]):  # not to be recorded twice
            return call(core, inputs, outputs, release_gil)

    compiled = {
        name: function
        for name, function in vars(_kernels).items()
        if type(function) is type(call) and name not in ("call", "hold")
    }
    with ExitStack() as stack:
        stack.enter_context(patch.object(lazily, "compute", recorder(_arrays.compute, handed.compute)))
        stack.enter_context(patch.object(_arrays, "run", record_run))
        for name, function in compiled.items():
            stack.enter_context(patch.object(_kernels, name, recorder(function, handed.direct)))
        stack.enter_context(patch.object(_kernels, "call", record_call))
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
    native = handed.native or handed.direct
    parts: list[Sequence[Call]] = [[call], handed.compute, handed.run, native, handed.empty]
    times = [[seconds_of(part) for part in parts] for _ in range(ROUNDS)]
    medians = [statistics.median(column) for column in zip(*times, strict=True)]
    # What is left to each stage is what the next one that there is does not take.
    found: dict[str, float | None] = {}
    below = 0.0
    for stage, part, taken in reversed(
        [*zip(("face", "arrays", "run", "native", "empty"), parts, medians, strict=True)]
    ):
        if part:
            found[stage], below = taken - below, taken
        else:
            found[stage] = None
    found["buffers"], found["core"] = found.pop("empty"), found.pop("native")
    if found["buffers"] is None:
        found["buffers"], found["core"] = found["core"], None
    return medians[0], {stage: found[stage] for stage in STAGES}


def main() -> None:
    """Print the table."""
    print(f"{'µs':24}{'call':>8}" + "".join(f"{stage:>9}" for stage in STAGES))
    for name, call in smallest().items():
        whole, found = stages(call)
        cells = ("" if seconds is None else f"{seconds * 1e6:.2f}" for seconds in found.values())
        print(f"  {name:22}{whole * 1e6:8.2f}" + "".join(f"{cell:>9}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
